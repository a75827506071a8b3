//! [`RangeQuery`]: which members a command on a range asks for.

use std::ops::Range;

use kvstore_protocol::{CommandError, Options, parse_integer};

use super::super::interval::clamp;
use crate::store::{
    args::Args,
    value::{Bounds, NameBound, ScoreBound, SortedSetRef},
};

const NO_LIMIT: CommandError =
    CommandError::new("ERR", "syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
const NO_SCORES: CommandError =
    CommandError::new("ERR", "syntax error, WITHSCORES not supported in combination with BYLEX");

/// What the two ends of a range are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Rank,
    Score,
    Name,
}

/// A range of members, and the order in which it is answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct RangeQuery<'a> {
    interval: Interval<'a>,
    pub(super) is_reversed: bool,
    /// How many members are left out, and how many are wanted; all if that is negative.
    limit: Option<(i64, i64)>,
    pub(super) with_scores: bool,
}

#[derive(Clone, Copy, Debug)]
enum Interval<'a> {
    /// Both included. Negative ones count from the end.
    Ranks(i64, i64),
    Bounds(Bounds<'a>),
}

/// The options of a range.
#[derive(Clone, Copy, Debug)]
struct Parsed {
    by: Option<By>,
    is_reversed: Option<bool>,
    limit: Option<(i64, i64)>,
    with_scores: bool,
}

impl<'a> RangeQuery<'a> {
    /// `min max [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]`, from an argument on. A command for one kind of range
    /// says which, and in which order, and has no option for it.
    ///
    /// # Errors
    /// As Redis has them.
    pub(super) fn parse(
        args: &Args<'a>,
        index: usize,
        by: Option<By>,
        is_reversed: Option<bool>,
        may_have_scores: bool,
    ) -> Result<Self, CommandError> {
        let options = Parsed { by, is_reversed, limit: None, with_scores: false };
        let mut options = options.parse(args.options(index + 2), may_have_scores)?;
        let (by, is_reversed) = (options.by.unwrap_or(By::Rank), options.is_reversed.unwrap_or(false));
        if by == By::Rank
            && let Some((_, count)) = options.limit.take()
            && count != -1
        {
            return Err(NO_LIMIT);
        }
        if options.with_scores && by == By::Name {
            return Err(NO_SCORES);
        }
        let interval = Interval::parse(args, index, by, is_reversed)?;
        Ok(Self { interval, is_reversed, limit: options.limit, with_scores: options.with_scores })
    }

    /// `min max`, from an argument on, and nothing else.
    ///
    /// # Errors
    /// As Redis has them.
    pub(super) fn of_interval(args: &Args<'a>, index: usize, by: By) -> Result<Self, CommandError> {
        let interval = Interval::parse(args, index, by, false)?;
        Ok(Self { interval, is_reversed: false, limit: None, with_scores: false })
    }

    /// The ranks of the members.
    pub(super) fn ranks(&self, set: SortedSetRef<'_>) -> Range<usize> {
        let Range { start, end } = match self.interval {
            Interval::Ranks(start, stop) if self.is_reversed => {
                let Range { start, end } = clamp(start, stop, set.len());
                set.len() - end..set.len() - start
            }
            Interval::Ranks(start, stop) => clamp(start, stop, set.len()),
            Interval::Bounds(bounds) => set.ranks(&bounds),
        };
        let Some((offset, count)) = self.limit else { return start..end };
        let Ok(offset) = usize::try_from(offset) else { return start..start };
        let offset = offset.min(end - start);
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(end - start - offset);
        match self.is_reversed {
            true => end - offset - count..end - offset,
            false => start + offset..start + offset + count,
        }
    }
}

impl Parsed {
    fn parse(mut self, mut options: Options<'_>, may_have_scores: bool) -> Result<Self, CommandError> {
        loop {
            if may_have_scores && options.keyword("WITHSCORES") {
                self.with_scores = true;
            } else if options.keyword("LIMIT") {
                let (offset, count) = (options.value()?, options.value()?);
                let integer = |word| parse_integer(word).ok_or(CommandError::NOT_AN_INTEGER);
                self.limit = Some((integer(offset)?, integer(count)?));
            } else if self.is_reversed.is_none() && options.keyword("REV") {
                self.is_reversed = Some(true);
            } else if self.by.is_none() && options.keyword("BYLEX") {
                self.by = Some(By::Name);
            } else if self.by.is_none() && options.keyword("BYSCORE") {
                self.by = Some(By::Score);
            } else {
                break;
            }
        }
        options.finish()?;
        Ok(self)
    }
}

impl<'a> Interval<'a> {
    /// The two ends, of which the greater comes first in a reversed range of scores or names.
    fn parse(args: &Args<'a>, index: usize, by: By, is_reversed: bool) -> Result<Self, CommandError> {
        const NO_SCORE: CommandError = CommandError::new("ERR", "min or max is not a float");
        const NO_NAME: CommandError = CommandError::new("ERR", "min or max not valid string range item");
        let (min, max) = if is_reversed { (index + 1, index) } else { (index, index + 1) };
        Ok(match by {
            By::Rank => Self::Ranks(args.integer(index)?, args.integer(index + 1)?),
            By::Score => {
                let bound = |index| ScoreBound::parse(args.bytes(index)).ok_or(NO_SCORE);
                Self::Bounds(Bounds::Scores { min: bound(min)?, max: bound(max)? })
            }
            By::Name => {
                let bound = |index| NameBound::parse(args.bytes(index)).ok_or(NO_NAME);
                Self::Bounds(Bounds::Names { min: bound(min)?, max: bound(max)? })
            }
        })
    }
}
