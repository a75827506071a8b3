//! [`Query`]: the arguments of a search.

use kvstore_protocol::{CommandError, Options, parse_integer};

use super::{
    area::{SearchArea, Shape},
    found::{Order, Shown},
    members::position,
    parse_point, parse_unit,
    point::Point,
};
use crate::store::{
    call::Call,
    value::{SortedSet, parse_double},
};

const NO_MEMBER: CommandError = CommandError::new("ERR", "could not decode requested zset member");
const NEGATIVE_RADIUS: CommandError = CommandError::new("ERR", "radius cannot be negative");
const NEGATIVE_SIDE: CommandError = CommandError::new("ERR", "height or width cannot be negative");
const NO_COUNT: CommandError = CommandError::new("ERR", "COUNT must be > 0");
const ANY_WITHOUT_COUNT: CommandError = CommandError::new("ERR", "the ANY argument requires COUNT argument");
const FEW_CORNERS: CommandError = CommandError::new("ERR", "GEOSEARCH BYPOLYGON must have at least 3 vertices");
const BAD_CORNERS: CommandError = CommandError::new("ERR", "invalid number of vertices");

/// What a search is called with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// GEORADIUS: the coordinates and a radius, then options.
    Radius { stores: bool },
    /// GEORADIUSBYMEMBER: a member and a radius, then options.
    RadiusByMember { stores: bool },
    /// GEOSEARCH: options.
    Search,
    /// GEOSEARCHSTORE: the destination before the source, then options.
    SearchStore,
}

impl Form {
    /// The number of the key that is searched.
    pub(super) fn source(self) -> usize {
        usize::from(self == Self::SearchStore)
    }

    fn is_search(self) -> bool {
        matches!(self, Self::Search | Self::SearchStore)
    }

    /// Whether there are the options STORE and STOREDIST, which name the destination.
    fn names_destination(self) -> bool {
        matches!(self, Self::Radius { stores: true } | Self::RadiusByMember { stores: true })
    }
}

/// A search.
#[derive(Debug)]
pub(super) struct Query<'a> {
    form: Form,
    /// Whether the set exists. Otherwise members are not looked for.
    has_set: bool,
    center: Option<Center>,
    shape: Option<Shape>,
    /// The meters of the unit in which distances are answered.
    pub(super) unit: f64,
    order: Option<Order>,
    pub(super) count: Option<usize>,
    pub(super) is_any: bool,
    pub(super) shown: Shown,
    /// The name of the key where the result is stored.
    pub(super) destination: Option<&'a [u8]>,
    /// Whether distances are stored as scores.
    pub(super) stores_distances: bool,
}

/// What a search is around.
#[derive(Clone, Copy, Debug)]
enum Center {
    Point(Point),
    /// `None` if the set does not exist.
    Member(Option<Point>),
}

impl<'a> Query<'a> {
    /// Parses the arguments. `has_set` says whether the set exists.
    ///
    /// # Errors
    /// As Redis has them.
    pub(super) fn parse(call: &Call<'a>, form: Form, has_set: bool) -> Result<Self, CommandError> {
        let args = call.args();
        let mut query = Self {
            form,
            has_set,
            center: None,
            shape: None,
            unit: 1.0,
            order: None,
            count: None,
            is_any: false,
            shown: Shown::default(),
            destination: None,
            stores_distances: false,
        };
        let options = match form {
            Form::Radius { .. } => {
                query.center = Some(Center::Point(parse_point(args.bytes(1), args.bytes(2))?));
                query.set_circle(args.bytes(3), args.bytes(4))?;
                5
            }
            // Without a set, Redis does not look at the radius.
            Form::RadiusByMember { .. } if !has_set => 4,
            Form::RadiusByMember { .. } => {
                query.set_member(call, args.bytes(1))?;
                query.set_circle(args.bytes(2), args.bytes(3))?;
                4
            }
            Form::Search => 1,
            Form::SearchStore => {
                query.destination = Some(args.bytes(0));
                2
            }
        };
        query.parse_options(call, args.options(options))?;
        query.check(call)?;
        Ok(query)
    }

    fn parse_options(&mut self, call: &Call<'a>, mut options: Options<'a>) -> Result<(), CommandError> {
        loop {
            if options.keyword("WITHDIST") {
                self.shown.distance = true;
            } else if options.keyword("WITHHASH") {
                self.shown.hash = true;
            } else if options.keyword("WITHCOORD") {
                self.shown.coordinates = true;
            } else if options.keyword("ANY") {
                self.is_any = true;
            } else if options.keyword("ASC") {
                self.order = Some(Order::Nearest);
            } else if options.keyword("DESC") {
                self.order = Some(Order::Farthest);
            } else if options.keyword("COUNT") {
                let count = parse_integer(options.value()?).ok_or(CommandError::NOT_AN_INTEGER)?;
                self.count = Some(usize::try_from(count).ok().filter(|count| *count > 0).ok_or(NO_COUNT)?);
            } else if !self.parse_destination(&mut options)? && !self.parse_area(call, &mut options)? {
                break;
            }
        }
        options.finish()
    }

    /// Parses an option that says where the result is stored. Returns whether it was one.
    fn parse_destination(&mut self, options: &mut Options<'a>) -> Result<bool, CommandError> {
        if self.form.names_destination() && options.keyword("STORE") {
            (self.destination, self.stores_distances) = (Some(options.value()?), false);
        } else if self.form.names_destination() && options.keyword("STOREDIST") {
            (self.destination, self.stores_distances) = (Some(options.value()?), true);
        } else if self.form == Form::SearchStore && options.keyword("STOREDIST") {
            self.stores_distances = true;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Parses an option that says what is searched. Returns whether it was one.
    fn parse_area(&mut self, call: &Call<'a>, options: &mut Options<'a>) -> Result<bool, CommandError> {
        if !self.form.is_search() {
            return Ok(false);
        }
        let is_polygon = matches!(self.shape, Some(Shape::Polygon(_)));
        let is_rectangle = matches!(self.shape, Some(Shape::Rectangle { .. }));
        let is_circle = matches!(self.shape, Some(Shape::Circle { .. }));
        let is_around_member = matches!(self.center, Some(Center::Member(_)));
        let is_around_point = matches!(self.center, Some(Center::Point(_)));
        if !is_around_point && !is_polygon && options.keyword("FROMMEMBER") {
            self.set_member(call, options.value()?)?;
        } else if !is_around_member && !is_polygon && options.keyword("FROMLONLAT") {
            self.center = Some(Center::Point(parse_point(options.value()?, options.value()?)?));
        } else if !is_rectangle && !is_polygon && options.keyword("BYRADIUS") {
            self.set_circle(options.value()?, options.value()?)?;
        } else if !is_circle && !is_polygon && options.keyword("BYBOX") {
            self.set_rectangle([options.value()?, options.value()?], options.value()?)?;
        } else if self.center.is_none() && !is_circle && !is_rectangle && options.keyword("BYPOLYGON") {
            self.set_polygon(options)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn set_member(&mut self, call: &Call<'_>, member: &[u8]) -> Result<(), CommandError> {
        let found = call.find::<SortedSet>(self.form.source())?.and_then(|set| position(set, member));
        if self.has_set && found.is_none() {
            return Err(NO_MEMBER);
        }
        self.center = Some(Center::Member(found));
        Ok(())
    }

    fn set_circle(&mut self, radius: &[u8], unit: &[u8]) -> Result<(), CommandError> {
        let radius = parse_double(radius).ok_or(CommandError::new("ERR", "need numeric radius"))?;
        if radius < 0.0 {
            return Err(NEGATIVE_RADIUS);
        }
        self.unit = parse_unit(unit)?;
        self.shape = Some(Shape::Circle { radius: radius * self.unit });
        Ok(())
    }

    fn set_rectangle(&mut self, [width, height]: [&[u8]; 2], unit: &[u8]) -> Result<(), CommandError> {
        let width = parse_double(width).ok_or(CommandError::new("ERR", "need numeric width"))?;
        let height = parse_double(height).ok_or(CommandError::new("ERR", "need numeric height"))?;
        if width < 0.0 || height < 0.0 {
            return Err(NEGATIVE_SIDE);
        }
        self.unit = parse_unit(unit)?;
        let half = |side: f64| (side / 2.0) * (side / 2.0);
        let radius = (half(width) + half(height)).sqrt() * self.unit;
        self.shape = Some(Shape::Rectangle { width: width * self.unit, height: height * self.unit, radius });
        Ok(())
    }

    fn set_polygon(&mut self, options: &mut Options<'a>) -> Result<(), CommandError> {
        let count = parse_integer(options.value()?).and_then(|count| i32::try_from(count).ok()).ok_or(BAD_CORNERS)?;
        let possible = options.size_hint().0 / 2;
        let count = usize::try_from(count).ok().filter(|count| (3..=possible).contains(count)).ok_or(FEW_CORNERS)?;
        let corners = (0..count).map(|_| parse_point(options.value()?, options.value()?));
        self.shape = Some(Shape::Polygon(corners.collect::<Result<_, _>>()?));
        self.unit = 1.0;
        Ok(())
    }

    /// Whether the options go together.
    fn check(&self, call: &Call<'_>) -> Result<(), CommandError> {
        if self.destination.is_some() && self.shown != Shown::default() {
            let what = if self.form.is_search() { "GEOSEARCHSTORE" } else { "STORE option in GEORADIUS" };
            let text = format!("{what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options");
            return Err(CommandError::err(text));
        }
        if self.form.is_search() {
            let name = String::from_utf8_lossy(call.args().command().name());
            if self.center.is_none() && !matches!(self.shape, Some(Shape::Polygon(_))) {
                let text = format!("exactly one of FROMMEMBER or FROMLONLAT can be specified for {name}");
                return Err(CommandError::err(text));
            }
            if self.shape.is_none() {
                let text = format!("exactly one of BYRADIUS and BYBOX can be specified for {name}");
                return Err(CommandError::err(text));
            }
        }
        if self.is_any && self.count.is_none() { Err(ANY_WITHOUT_COUNT) } else { Ok(()) }
    }

    /// What is searched; `None` if there is no set.
    pub(super) fn take_area(&mut self) -> Option<SearchArea> {
        let shape = self.shape.take().filter(|_| self.has_set)?;
        match (shape, self.center) {
            (Shape::Polygon(corners), _) => Some(SearchArea::of_polygon(corners)),
            (shape, Some(Center::Point(center) | Center::Member(Some(center)))) => Some(SearchArea::new(center, shape)),
            (_, None | Some(Center::Member(None))) => None,
        }
    }

    /// The order of the answer. With a count, and without ANY, it has the nearest.
    pub(super) fn order(&self) -> Option<Order> {
        self.order.or((self.count.is_some() && !self.is_any).then_some(Order::Nearest))
    }
}
