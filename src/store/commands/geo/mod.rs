//! Positions on the earth's surface, as the members of sorted sets: the score of a member is its geohash.
//!
//! - `add` GEOADD; `members` GEOPOS, GEODIST and GEOHASH
//! - `search` GEOSEARCH, GEORADIUS and their kin, `query` their arguments; `found` the members that are found,
//!   `partial_sort` the first of them
//! - `point` points and distances, `hash` the cells that geohashes name, `area` what is searched, and the cells that cover it

pub(super) mod add;
mod area;
mod found;
mod hash;
pub(super) mod members;
mod partial_sort;
mod point;
mod query;
pub(super) mod search;

use kvstore_protocol::CommandError;

use crate::store::value::parse_double;
use point::Point;

const NOT_A_FLOAT: CommandError = CommandError::new("ERR", "value is not a valid float");

/// Parses a longitude and a latitude, in degrees.
fn parse_point(longitude: &[u8], latitude: &[u8]) -> Result<Point, CommandError> {
    let [longitude, latitude] = [longitude, latitude].map(|word| parse_double(word).ok_or(NOT_A_FLOAT));
    let (longitude, latitude) = (longitude?, latitude?);
    let refused = || CommandError::err(format!("invalid longitude,latitude pair {longitude:.6},{latitude:.6}"));
    Point::new(longitude, latitude).ok_or_else(refused)
}

/// Parses a unit of lengths. Returns how many meters it has.
fn parse_unit(word: &[u8]) -> Result<f64, CommandError> {
    const UNITS: [(&str, f64); 4] = [("m", 1.0), ("km", 1000.0), ("ft", 0.3048), ("mi", 1609.34)];
    const UNKNOWN: CommandError = CommandError::new("ERR", "unsupported unit provided. please use M, KM, FT, MI");
    let found = UNITS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
    found.map(|(_, meters)| *meters).ok_or(UNKNOWN)
}

/// A distance with four digits behind the point.
fn format_distance(distance: f64) -> String {
    let ten_thousandths = (distance * 10_000.0).round_ties_even() as u64;
    format!("{}.{:04}", ten_thousandths / 10_000, ten_thousandths % 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_have_four_digits() {
        for (distance, text) in
            [(0.0, "0.0000"), (0.00004, "0.0000"), (0.00006, "0.0001"), (166.27415, "166.2742"), (5.0, "5.0000")]
        {
            assert_eq!(format_distance(distance), text);
        }
    }
}
