//! [`Bounds`]: an interval of scores, or of members.

use crate::store::value::parse_double_bound;

/// The members of a sorted set whose scores, or names, are in an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bounds<'a> {
    Scores {
        min: ScoreBound,
        max: ScoreBound,
    },
    /// For members of equal scores, which are ordered by their names.
    Names {
        min: NameBound<'a>,
        max: NameBound<'a>,
    },
}

/// One end of an interval of scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ScoreBound {
    pub(crate) score: f64,
    pub(crate) is_exclusive: bool,
}

/// One end of an interval of names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum NameBound<'a> {
    /// Before every name: `-`.
    Lowest,
    Included(&'a [u8]),
    Excluded(&'a [u8]),
    /// After every name: `+`.
    Highest,
}

impl ScoreBound {
    /// Parses a bound such as `1.5`, `(1.5`, `-inf`.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (is_exclusive, digits) = match bytes {
            [b'(', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        Some(Self { score: parse_double_bound(digits)?, is_exclusive })
    }
}

impl<'a> NameBound<'a> {
    /// Parses a bound such as `[name`, `(name`, `-`, `+`.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        match bytes {
            b"-" => Some(Self::Lowest),
            b"+" => Some(Self::Highest),
            [b'[', name @ ..] => Some(Self::Included(name)),
            [b'(', name @ ..] => Some(Self::Excluded(name)),
            _ => None,
        }
    }
}

impl Bounds<'_> {
    /// Whether a member comes before the interval.
    #[inline]
    pub(super) fn is_below(&self, score: f64, member: &[u8]) -> bool {
        match self {
            Self::Scores { min, .. } => score < min.score || min.is_exclusive && score == min.score,
            Self::Names { min, .. } => match *min {
                NameBound::Lowest => false,
                NameBound::Included(name) => member < name,
                NameBound::Excluded(name) => member <= name,
                NameBound::Highest => true,
            },
        }
    }

    /// Whether a member comes after the interval.
    #[inline]
    pub(super) fn is_above(&self, score: f64, member: &[u8]) -> bool {
        match self {
            Self::Scores { max, .. } => score > max.score || max.is_exclusive && score == max.score,
            Self::Names { max, .. } => match *max {
                NameBound::Lowest => true,
                NameBound::Included(name) => member > name,
                NameBound::Excluded(name) => member >= name,
                NameBound::Highest => false,
            },
        }
    }
}
