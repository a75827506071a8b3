//! Commands on members: GEOPOS, GEODIST, GEOHASH.

use kvstore_protocol::{CommandError, Response};

use super::{format_distance, hash::Cell, parse_unit, point::Point};
use crate::store::{
    call::Call,
    spec::{Answer, Spec},
    value::{SortedSet, SortedSetRef},
};

pub(in super::super) const SPECS: &[Spec] =
    &[Spec::new("GEOPOS", geopos), Spec::new("GEODIST", geodist), Spec::new("GEOHASH", geohash)];

/// The position of a member.
pub(super) fn position(set: SortedSetRef<'_>, member: &[u8]) -> Option<Point> {
    set.score(member).map(|score| Cell::of_score(score).middle())
}

/// `GEOPOS key [member …]`: the longitude and the latitude of each member.
fn geopos(call: &mut Call<'_>) -> Answer {
    let members = call.args().from(1);
    let set = call.get::<SortedSet>(0)?;
    Ok(Response::array(members.map(|member| match set.and_then(|set| position(set, member)) {
        Some(Point { longitude, latitude }) => Response::array([longitude, latitude]),
        None => Response::NullArray,
    })))
}

/// `GEODIST key member1 member2 [M | KM | FT | MI]`: the distance of two members, in meters or another unit.
fn geodist(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let unit = match args.len() {
        3 => 1.0,
        4 => parse_unit(args.bytes(3))?,
        _ => return Err(CommandError::SYNTAX),
    };
    let Some(set) = call.get::<SortedSet>(0)? else { return Ok(Response::Null) };
    let positions = position(set, args.bytes(1)).zip(position(set, args.bytes(2)));
    Ok(positions.map(|(one, other)| format_distance(one.distance(other) / unit)).into())
}

/// `GEOHASH key [member …]`: the position of each member as a geohash.
fn geohash(call: &mut Call<'_>) -> Answer {
    let members = call.args().from(1);
    let set = call.get::<SortedSet>(0)?;
    Ok(Response::array(members.map(|member| {
        let position = set.and_then(|set| position(set, member));
        position.map(|position| Response::from(&Cell::text_of(position)[..]))
    })))
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    fn store() -> TestStore {
        let store = TestStore::new();
        store.check([("GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", ":2")]);
        store
    }

    #[test]
    fn members_have_positions_and_geohashes() {
        store().check([
            (
                "GEOPOS g Palermo nobody Catania",
                "[[13.361389338970184, 38.1155563954963], (nil), [15.087267458438873, 37.50266842333162]]",
            ),
            ("GEOPOS g", "[]"),
            ("GEOPOS missing a", "[(nil)]"),
            ("GEOHASH g Palermo nobody Catania", r#"["sqc8b49rny0", (nil), "sqdtr74hyu0"]"#),
            ("GEOHASH g", "[]"),
            ("GEOHASH missing a b", "[(nil), (nil)]"),
        ]);
    }

    #[test]
    fn distances_are_in_units() {
        store().check([
            ("GEODIST g Palermo Catania", r#""166274.1516""#),
            ("GEODIST g Palermo Catania KM", r#""166.2742""#),
            ("GEODIST g Palermo Catania mi", r#""103.3182""#),
            ("GEODIST g Palermo Catania ft", r#""545518.8700""#),
            ("GEODIST g Palermo Palermo", r#""0.0000""#),
            ("GEODIST g Palermo nobody", "(nil)"),
            ("GEODIST missing a b", "(nil)"),
            ("GEODIST missing a b parsec", "-ERR unsupported unit provided. please use M, KM, FT, MI"),
            ("GEODIST g a b km x", "-ERR syntax error"),
            ("SET s v", "+OK"),
            ("GEODIST s a b", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ]);
    }
}
