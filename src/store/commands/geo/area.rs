//! [`SearchArea`]: the part of the earth's surface that is searched, and the cells that cover it.

use super::{
    hash::{Area, Cell, Interval, STEPS},
    point::{EARTH_RADIUS, LATITUDES, LONGITUDES, Origin, Point, degrees, radians},
};

/// What is searched.
#[derive(Clone, Debug)]
pub(super) struct SearchArea {
    center: Point,
    /// The center, to measure from.
    origin: Origin,
    shape: Shape,
}

/// More than the error of a computed distance, in meters.
const MARGIN: f64 = 1.0;

/// A shape around a center, in meters.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    Circle { radius: f64 },
    Rectangle { width: f64, height: f64, radius: f64 },
    Polygon(Vec<Point>),
}

impl SearchArea {
    pub(super) fn new(center: Point, shape: Shape) -> Self {
        Self { center, origin: Origin::new(center), shape }
    }

    /// A polygon, and the middle of its corners, which is where the sum of the vectors to them on a unit sphere points.
    pub(super) fn of_polygon(corners: Vec<Point>) -> Self {
        let (mut x, mut y, mut z) = (0.0, 0.0, 0.0);
        for corner in &corners {
            let (longitude, latitude) = (radians(corner.longitude), radians(corner.latitude));
            x += latitude.cos() * longitude.cos();
            y += latitude.cos() * longitude.sin();
            z += latitude.sin();
        }
        let center = Point { longitude: degrees(y.atan2(x)), latitude: degrees(z.atan2((x * x + y * y).sqrt())) };
        Self::new(center, Shape::Polygon(corners))
    }

    /// The number of corners of a polygon.
    pub(super) fn corners(&self) -> usize {
        if let Shape::Polygon(corners) = &self.shape { corners.len() } else { 0 }
    }

    /// The distance of a point from the center, if it is inside.
    pub(super) fn distance(&self, point: Point) -> Option<f64> {
        match &self.shape {
            // The parallel alone tells of most points that they are outside. The margin is far more than what is rounded.
            Shape::Circle { radius } if point.latitude_distance(self.center) > radius + MARGIN => None,
            Shape::Circle { radius } => Some(self.origin.distance(point)).filter(|distance| distance <= radius),
            Shape::Rectangle { width, height, .. } => {
                if point.latitude_distance(self.center) > height / 2.0 {
                    return None;
                }
                let aside = Point { latitude: point.latitude, ..self.center };
                (point.distance(aside) <= width / 2.0).then(|| self.origin.distance(point))
            }
            Shape::Polygon(corners) => is_inside(corners, point).then(|| self.origin.distance(point)),
        }
    }

    /// The cells that cover it: that of the center, and those around it which are needed, in the order of Redis. Each has a ninth of
    /// what is searched at least.
    pub(super) fn cells(&self) -> impl Iterator<Item = Cell> {
        /// East and north.
        const AROUND: [(i32, i32); 9] = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        let bounds = self.bounds();
        let mut steps = self.steps(&bounds);
        if steps > 1 && !is_covered(Cell::of(self.center, steps), &bounds) {
            steps -= 1;
        }
        let cell = Cell::of(self.center, steps);
        let area = cell.area();
        let is_needed = move |(east, north): (i32, i32)| {
            let lacks = |by: i32, has: Interval, needs: Interval| match by {
                1 => has.max <= needs.max,
                -1 => has.min >= needs.min,
                _ => true,
            };
            steps < 2
                || lacks(east, area.longitudes, bounds.longitudes) && lacks(north, area.latitudes, bounds.latitudes)
        };
        let mut before = None;
        AROUND
            .into_iter()
            .filter(move |around| is_needed(*around))
            .map(move |(east, north)| cell.moved(east, north))
            .filter(move |next| {
                // With few steps, the cell on one side is that on the other.
                let is_repeated = before.replace(*next) == Some(*next);
                !is_repeated
            })
    }

    /// The coordinates between which it is.
    fn bounds(&self) -> Area {
        let (width, height) = match &self.shape {
            Shape::Circle { radius } => (*radius, *radius),
            Shape::Rectangle { width, height, .. } => (width / 2.0, height / 2.0),
            Shape::Polygon(corners) => return bounds_of(corners),
        };
        let Point { longitude, latitude } = self.center;
        let north = degrees(height / EARTH_RADIUS);
        // The parallel that is farther from the equator is shorter.
        let farther = if latitude < 0.0 { latitude - north } else { latitude + north };
        let east = degrees(width / EARTH_RADIUS / radians(farther).cos());
        Area {
            longitudes: Interval { min: longitude - east, max: longitude + east },
            latitudes: Interval { min: latitude - north, max: latitude + north },
        }
    }

    /// The number of steps of cells that are about as large as it is.
    fn steps(&self, bounds: &Area) -> u32 {
        /// Half of the equator on the map, in meters.
        const HALF: f64 = 20_037_726.37;
        let mut radius = match &self.shape {
            Shape::Circle { radius } | Shape::Rectangle { radius, .. } => *radius,
            Shape::Polygon(_) => self.distance_of_corners(bounds),
        };
        if radius == 0.0 {
            return STEPS;
        }
        let mut steps = 1;
        while radius < HALF {
            radius *= 2.0;
            steps += 1;
        }
        let nearness = self.center.latitude.abs();
        // Near the poles, cells are narrow.
        steps -= 2 + i32::from(nearness > 66.0) + i32::from(nearness > 80.0);
        steps.clamp(1, STEPS as i32) as u32
    }

    /// The distance from the center to the farthest corner of the bounds.
    fn distance_of_corners(&self, bounds: &Area) -> f64 {
        let Area { longitudes, latitudes } = bounds;
        let corners = [longitudes.min, longitudes.max].into_iter().flat_map(|longitude| {
            [latitudes.min, latitudes.max].into_iter().map(move |latitude| Point { longitude, latitude })
        });
        corners.map(|corner| self.origin.distance(corner)).fold(0.0, f64::max)
    }
}

/// Whether a cell and those around it reach as far as the bounds.
fn is_covered(cell: Cell, bounds: &Area) -> bool {
    cell.moved(0, 1).area().latitudes.max >= bounds.latitudes.max
        && cell.moved(0, -1).area().latitudes.min <= bounds.latitudes.min
        && cell.moved(1, 0).area().longitudes.max >= bounds.longitudes.max
        && cell.moved(-1, 0).area().longitudes.min <= bounds.longitudes.min
}

fn bounds_of(corners: &[Point]) -> Area {
    let interval = |all: Interval, coordinate: fn(&Point) -> f64| Interval {
        min: corners.iter().map(coordinate).fold(all.max, f64::min),
        max: corners.iter().map(coordinate).fold(all.min, f64::max),
    };
    Area {
        longitudes: interval(LONGITUDES, |corner| corner.longitude),
        latitudes: interval(LATITUDES, |corner| corner.latitude),
    }
}

/// Whether a point is inside of a polygon: a ray from it crosses the border an odd number of times.
fn is_inside(corners: &[Point], point: Point) -> bool {
    let crosses = |one: &Point, other: &Point| {
        let Point { longitude, latitude } = point;
        (one.latitude > latitude) != (other.latitude > latitude)
            && longitude
                < (other.longitude - one.longitude) * (latitude - one.latitude) / (other.latitude - one.latitude)
                    + one.longitude
    };
    let previous = corners.iter().cycle().skip(corners.len().saturating_sub(1));
    corners.iter().zip(previous).filter(|(one, other)| crosses(one, other)).count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shape() -> impl Strategy<Value = SearchArea> {
        let center = (-170.0..170.0, -80.0..80.0).prop_map(|(longitude, latitude)| Point { longitude, latitude });
        let meters = || (0.0..7.0).prop_map(|power| 10_f64.powf(power));
        let circle = meters().prop_map(|radius| Shape::Circle { radius });
        let rectangle = (meters(), meters()).prop_map(|(width, height)| Shape::Rectangle {
            width,
            height,
            radius: (width / 2.0).hypot(height / 2.0),
        });
        (center, prop_oneof![circle, rectangle]).prop_map(|(center, shape)| SearchArea::new(center, shape))
    }

    proptest! {
        #[test]
        fn a_point_near_the_center_is_in_a_cell(area in shape(), east in -1.0..1.0, north in -1.0..1.0) {
            // Some are inside, others near the border.
            let bounds = area.bounds();
            let span = |interval: Interval| (interval.max - interval.min) / 2.0;
            let Some(point) = Point::new(
                area.center.longitude + east * span(bounds.longitudes),
                area.center.latitude + north * span(bounds.latitudes),
            ) else { return Ok(()) };
            // Beyond the poles, and around the earth, Redis does not look either.
            let is_far = span(bounds.longitudes) > 90.0 || bounds.latitudes.max > 80.0 || bounds.latitudes.min < -80.0;
            if area.distance(point).is_some() && !is_far {
                let score = Cell::of(point, STEPS).score() as u64;
                prop_assert!(area.cells().any(|cell| cell.scores().contains(&score)), "{:?}", point);
            }
        }

        #[test]
        fn a_polygon_is_covered(corners in prop::collection::vec((-60.0..60.0, -60.0..60.0), 3..8), x in -60.0..60.0, y in -60.0..60.0) {
            let corners = corners.into_iter().map(|(longitude, latitude)| Point { longitude, latitude }).collect();
            let area = SearchArea::of_polygon(corners);
            let point = Point { longitude: x, latitude: y };
            if area.distance(point).is_some() {
                let score = Cell::of(point, STEPS).score() as u64;
                prop_assert!(area.cells().any(|cell| cell.scores().contains(&score)));
            }
        }
    }

    #[test]
    fn each_cell_is_searched_once() {
        let center = Point { longitude: 1.0, latitude: 1.0 };
        for radius in [0.0, 1.0, 1e5, 1e7, 1e9, f64::INFINITY] {
            let cells: Vec<_> = SearchArea::new(center, Shape::Circle { radius }).cells().collect();
            let distinct = cells.iter().enumerate().all(|(index, cell)| !cells[..index].contains(cell));
            assert!(distinct && !cells.is_empty(), "{radius}: {cells:?}");
        }
    }
}
