//! [`Point`]: a point on the earth's surface, and distances in meters.

use super::hash::Interval;

/// The coordinates that points have. There is none near the poles, as in the projection of most maps.
pub(super) const LONGITUDES: Interval = Interval { min: -180.0, max: 180.0 };
pub(super) const LATITUDES: Interval = Interval { min: -85.05112878, max: 85.05112878 };

/// The radius of the sphere, in meters.
pub(super) const EARTH_RADIUS: f64 = 6_372_797.560856;

/// One degree in radians.
const DEGREE: f64 = std::f64::consts::PI / 180.0;

/// A point, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) longitude: f64,
    pub(super) latitude: f64,
}

impl Point {
    /// The point with these coordinates, if there is one.
    pub(super) fn new(longitude: f64, latitude: f64) -> Option<Self> {
        let is_in = |interval: Interval, coordinate| interval.min <= coordinate && coordinate <= interval.max;
        let is_one = is_in(LONGITUDES, longitude) && is_in(LATITUDES, latitude);
        is_one.then_some(Self { longitude, latitude })
    }

    /// The distance to another point.
    pub(super) fn distance(self, other: Self) -> f64 {
        Origin::new(self).distance(other)
    }

    /// The distance between the parallels of two points.
    pub(super) fn latitude_distance(self, other: Self) -> f64 {
        EARTH_RADIUS * (radians(other.latitude) - radians(self.latitude)).abs()
    }
}

/// A point from which distances are measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    point: Point,
    /// Of its latitude.
    cosine: f64,
}

impl Origin {
    pub(super) fn new(point: Point) -> Self {
        Self { point, cosine: radians(point.latitude).cos() }
    }

    /// The distance to a point, by the haversine formula.
    pub(super) fn distance(self, to: Point) -> f64 {
        let from = self.point;
        let east = ((radians(to.longitude) - radians(from.longitude)) / 2.0).sin();
        if east == 0.0 {
            return from.latitude_distance(to);
        }
        let latitude = radians(to.latitude);
        let north = ((latitude - radians(from.latitude)) / 2.0).sin();
        let square = north * north + self.cosine * latitude.cos() * east * east;
        // Of points on opposite sides it may be rounded to more than 1.
        2.0 * EARTH_RADIUS * square.sqrt().min(1.0).asin()
    }
}

pub(super) fn radians(degrees: f64) -> f64 {
    degrees * DEGREE
}

pub(super) fn degrees(radians: f64) -> f64 {
    radians / DEGREE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_on_a_sphere() {
        let point = |longitude, latitude| Point::new(longitude, latitude).expect("a point");
        let quarter = EARTH_RADIUS * std::f64::consts::FRAC_PI_2;
        assert!((point(0.0, 0.0).distance(point(90.0, 0.0)) - quarter).abs() < 1e-3);
        assert!((point(-180.0, 0.0).distance(point(0.0, 0.0)) - 2.0 * quarter).abs() < 1e-3);
        assert_eq!(point(7.0, 10.0).distance(point(7.0, 40.0)), point(1.0, 40.0).latitude_distance(point(90.0, 10.0)));
        assert_eq!(point(7.0, 10.0).distance(point(7.0, 10.0)), 0.0);
        for (longitude, latitude) in [(180.1, 0.0), (0.0, 86.0), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
            assert_eq!(Point::new(longitude, latitude), None);
        }
    }
}
