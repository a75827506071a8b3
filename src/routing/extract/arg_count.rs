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

    /// The count of two extractors, where `next` runs behind `self`.
    ///
    /// For extractors that are made of others. The extractors of a handler are added up in the same way when the program
    /// is compiled, so that a handler that could not be called is an error of the compiler.
    ///
    /// # Examples
    /// ```
    /// use kvstore::routing::{Arg, ArgCount, FromCommand, Key, Rest};
    ///
    /// const ARGS: ArgCount = <Key as FromCommand<()>>::ARGS.and(<Arg<u64> as FromCommand<()>>::ARGS);
    /// assert_eq!(ARGS, ArgCount::exactly(2));
    /// ```
    ///
    /// # Panics
    /// If the two cannot stand in this order: behind an extractor that takes all arguments there are none left, and behind
    /// an optional one it is open which of them gets an argument.
    ///
    /// ```compile_fail,E0080
    /// use kvstore::routing::{Arg, Rest, Router};
    ///
    /// // error: an extractor that takes all arguments (`Rest`, `Command`) must be the last one that takes any
    /// let router: Router = Router::new().command("ADD", |Rest(names): Rest<String>, Arg(count): Arg<u64>| ());
    /// ```
    #[must_use]
    #[track_caller]
    pub const fn and(self, next: Self) -> Self {
        assert!(
            self.max < usize::MAX || next.max == 0,
            "an extractor that takes all arguments (`Rest`, `Command`) must be the last one that takes any"
        );
        assert!(
            self.min == self.max || next.min == 0,
            "an optional extractor must stand behind those that always take an argument"
        );
        Self { min: self.min + next.min, max: self.max.saturating_add(next.max) }
    }

    pub(in crate::routing) const fn min(self) -> usize {
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

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONAL: ArgCount = ArgCount::at_most(1);

    #[test]
    fn fixed_optional_and_all_that_are_left_add_up_in_this_order() {
        let one = ArgCount::exactly(1);
        assert_eq!(one.and(one), ArgCount::exactly(2));
        assert_eq!(one.and(OPTIONAL).and(OPTIONAL), ArgCount { min: 1, max: 3 });
        assert_eq!(one.and(OPTIONAL).and(ArgCount::ANY), ArgCount::at_least(1));
        assert_eq!(ArgCount::NONE.and(ArgCount::at_least(2)).and(ArgCount::NONE), ArgCount::at_least(2));
        assert_eq!(OPTIONAL.and(ArgCount::NONE), OPTIONAL);
    }

    #[test]
    #[should_panic(expected = "must be the last one that takes any")]
    fn nothing_is_left_behind_all_arguments() {
        let _ = ArgCount::ANY.and(OPTIONAL);
    }

    #[test]
    #[should_panic(expected = "must stand behind those that always take an argument")]
    fn an_optional_argument_is_not_in_front_of_others() {
        let _ = OPTIONAL.and(ArgCount::at_least(1));
    }
}
