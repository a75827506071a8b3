use crate::catalog::Arity;

/// How many arguments an extractor takes: a minimum and a maximum.
///
/// Unlike [`Arity`], it does not count the name of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgCount {
    min: usize,
    max: usize,
}

impl ArgCount {
    /// No arguments: the extractor is created from something else.
    pub const NONE: Self = Self::exactly(0);

    /// All arguments that are left, which may be none.
    pub const ANY: Self = Self::at_least(0);

    /// Exactly `count` arguments.
    pub const fn exactly(count: usize) -> Self {
        Self { min: count, max: count }
    }

    /// `count` arguments or more.
    pub const fn at_least(count: usize) -> Self {
        Self { min: count, max: usize::MAX }
    }

    /// At most `count` arguments.
    pub const fn at_most(count: usize) -> Self {
        Self { min: 0, max: count }
    }

    pub(super) const fn min(self) -> usize {
        self.min
    }

    /// The count of an optional extractor.
    pub(super) const fn or_none(self) -> Self {
        Self { min: 0, ..self }
    }

    pub(in crate::routing) const fn arity(self) -> Arity {
        Arity::between(self.min, self.max)
    }

    /// The count, if it is the same for every command.
    pub(in crate::routing) fn fixed(self) -> Option<usize> {
        (self.min == self.max).then_some(self.min)
    }
}
