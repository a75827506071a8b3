//! [`Cell`]: a part of the earth's surface, named by a geohash.
//!
//! Each step halves the longitudes and the latitudes; the bits of both alternate. With 26 steps a cell is the score of a member: 52
//! bits, which a double holds exactly.

use std::ops::Range;

use super::point::{LATITUDES, LONGITUDES, Point};

/// The number of steps of a score.
pub(super) const STEPS: u32 = 26;

/// The latitudes of the geohashes that GEOHASH answers.
const ALL_LATITUDES: Interval = Interval { min: -90.0, max: 90.0 };

/// From a coordinate to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Interval {
    pub(super) min: f64,
    pub(super) max: f64,
}

/// A cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    bits: u64,
    steps: u32,
}

/// Where a cell is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area {
    pub(super) longitudes: Interval,
    pub(super) latitudes: Interval,
}

impl Interval {
    /// The number of the part that has a coordinate, if there are 2 to the power of `steps`.
    fn part_of(self, coordinate: f64, steps: u32) -> u32 {
        let offset = (coordinate - self.min) / (self.max - self.min);
        (offset * parts(steps)) as u32
    }

    /// A part.
    fn part(self, number: u32, steps: u32) -> Self {
        let at = |number: u32| self.min + f64::from(number) / parts(steps) * (self.max - self.min);
        // The last number of all is that of no part: so it wraps in Redis.
        Self { min: at(number), max: at(number.wrapping_add(1)) }
    }

    /// The coordinate in the middle, which is within `bounds`.
    fn middle(self, bounds: Self) -> f64 {
        f64::midpoint(self.min, self.max).min(bounds.max).max(bounds.min)
    }
}

fn parts(steps: u32) -> f64 {
    (1_u64 << steps) as f64
}

impl Cell {
    /// The cell of a point.
    pub(super) fn of(point: Point, steps: u32) -> Self {
        Self::within(point, steps, LATITUDES)
    }

    fn within(point: Point, steps: u32, latitudes: Interval) -> Self {
        let latitude = latitudes.part_of(point.latitude, steps);
        let longitude = LONGITUDES.part_of(point.longitude, steps);
        Self { bits: interleaved(latitude, longitude), steps }
    }

    /// The cell of a member with this score. One that is no geohash has the bits that the processors of most servers make of it.
    pub(super) fn of_score(score: f64) -> Self {
        const OVERFLOW: f64 = (1_u64 << 63) as f64;
        let bits = match score {
            _ if score >= 2.0 * OVERFLOW => 0,
            _ if score >= 0.0 => score as u64,
            _ if score >= -OVERFLOW => score as i64 as u64,
            _ => 1 << 63,
        };
        Self { bits, steps: STEPS }
    }

    /// The score of a member in this cell, if it has all steps.
    pub(super) fn score(self) -> f64 {
        self.bits as f64
    }

    /// The scores of the members in this cell.
    pub(super) fn scores(self) -> Range<u64> {
        let shift = 2 * (STEPS - self.steps);
        self.bits << shift..(self.bits + 1) << shift
    }

    pub(super) fn area(self) -> Area {
        Area {
            longitudes: LONGITUDES.part(alternate(self.bits >> 1), self.steps),
            latitudes: LATITUDES.part(alternate(self.bits), self.steps),
        }
    }

    /// The point in the middle.
    pub(super) fn middle(self) -> Point {
        let Area { longitudes, latitudes } = self.area();
        Point { longitude: longitudes.middle(LONGITUDES), latitude: latitudes.middle(LATITUDES) }
    }

    /// The cell that is so many cells to the east and to the north. Beyond the last one is the first.
    pub(super) fn moved(self, east: i32, north: i32) -> Self {
        let within = |number: u32, by: i32| match by {
            0 => number,
            _ => number.wrapping_add_signed(by) & ((1 << self.steps) - 1),
        };
        let (longitude, latitude) = (alternate(self.bits >> 1), alternate(self.bits));
        Self { bits: interleaved(within(latitude, north), within(longitude, east)), ..self }
    }

    /// The geohash of a point, as others write it: of all latitudes, with 11 characters. The last is always 0.
    pub(super) fn text_of(point: Point) -> [u8; 11] {
        const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        let bits = Self::within(point, STEPS, ALL_LATITUDES).bits;
        std::array::from_fn(|index| match index {
            10 => b'0',
            _ => ALPHABET[(bits >> (2 * STEPS as usize - 5 * (index + 1)) & 0x1f) as usize],
        })
    }
}

/// The bits of one number at the even places, and of the other at the odd ones.
fn interleaved(even: u32, odd: u32) -> u64 {
    spread(even) | spread(odd) << 1
}

/// The masks of halves of 32 bits, and of smaller parts down to one bit.
const MASKS: [u64; 5] =
    [0x0000_ffff_0000_ffff, 0x00ff_00ff_00ff_00ff, 0x0f0f_0f0f_0f0f_0f0f, 0x3333_3333_3333_3333, 0x5555_5555_5555_5555];

/// The bits of a number at the even places.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    for (index, mask) in MASKS.iter().enumerate() {
        bits = (bits | bits << (16 >> index)) & mask;
    }
    bits
}

/// The bits at the even places.
fn alternate(bits: u64) -> u32 {
    let mut bits = bits & MASKS[4];
    for (index, mask) in MASKS[..4].iter().rev().enumerate() {
        bits = (bits | bits >> (1 << index)) & mask;
    }
    (bits | bits >> 16) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bits_that_are_interleaved_come_apart(even in any::<u32>(), odd in any::<u32>()) {
            let bits = interleaved(even, odd);
            prop_assert_eq!((alternate(bits), alternate(bits >> 1)), (even, odd));
            prop_assert!((0..32).all(|bit| bits >> (2 * bit) & 1 == u64::from(even >> bit & 1)));
        }

        #[test]
        fn a_cell_has_its_point(longitude in -180.0..180.0, latitude in -85.05..85.05, steps in 1..=STEPS) {
            let point = Point { longitude, latitude };
            let cell = Cell::of(point, steps);
            let area = cell.area();
            prop_assert!(area.longitudes.min <= longitude && longitude <= area.longitudes.max);
            prop_assert!(area.latitudes.min <= latitude && latitude <= area.latitudes.max);
            let score = Cell::of(point, STEPS).score() as u64;
            prop_assert!(cell.scores().contains(&score));
            prop_assert_eq!(Cell::of_score(score as f64), Cell::of(point, STEPS));
            prop_assert_eq!(cell.moved(1, -1).moved(-1, 1), cell);
            prop_assert_eq!(cell.moved(1, 0).moved(0, 1), cell.moved(1, 1));
        }
    }

    #[test]
    fn scores_that_are_no_geohash_have_a_point() {
        let middle = |score: f64| Cell::of_score(score).middle();
        let first = Point { longitude: -179.999_997_317_790_99, latitude: -85.051_127_512_639_43 };
        for score in [0.0, 1e300, f64::INFINITY] {
            assert_eq!(middle(score), first, "{score}");
        }
        assert_eq!(middle(-1.0), Point { longitude: 180.0, latitude: 85.051_128_78 });
        assert_eq!(middle((1_u64 << 52) as f64).latitude, 85.051_128_78);
        assert_eq!(middle(f64::NEG_INFINITY).longitude, 180.0);
    }

    #[test]
    fn geohashes_are_those_that_others_write() {
        let text = |longitude, latitude| Cell::text_of(Point { longitude, latitude });
        assert_eq!(&text(-5.6, 42.6), b"ezs42e44yx0");
        assert_eq!(&text(0.0, 0.0), b"s0000000000");
    }
}
