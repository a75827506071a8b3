//! [`Options`]: a cursor over the options of a command.

use crate::{Command, CommandError, parse_integer};

/// A cursor over the options of a command: keywords, some of them with values, in any order.
///
/// As an iterator it takes the arguments one by one. The errors are those of Redis.
///
/// ```
/// use kvstore_protocol::{Command, CommandError};
///
/// /// `SAMPLE key [COUNT count] [SORTED]`
/// fn options(command: &Command) -> Result<(i64, bool), CommandError> {
///     let (mut count, mut is_sorted) = (10, false);
///     let mut options = command.options(1);
///     loop {
///         if options.keyword("COUNT") {
///             count = options.integer()?;
///         } else if options.keyword("SORTED") {
///             is_sorted = true;
///         } else {
///             break;
///         }
///     }
///     options.finish()?;
///     Ok((count, is_sorted))
/// }
///
/// let sample = Command::new("SAMPLE").arg("key");
/// assert_eq!(options(&sample), Ok((10, false)));
/// assert_eq!(options(&sample.clone().with_args(["sorted", "count", "3"])), Ok((3, true)));
/// assert_eq!(options(&sample.arg("COUNT")), Err(CommandError::SYNTAX));
/// ```
#[derive(Clone, Debug)]
pub struct Options<'a> {
    command: &'a Command,
    next: usize,
}

impl Command {
    /// Returns a cursor over the arguments from `index` on.
    pub fn options(&self, index: usize) -> Options<'_> {
        Options { command: self, next: index }
    }
}

impl<'a> Options<'a> {
    /// Takes the next argument if it is `keyword`, without regard to case. Returns whether it was.
    pub fn keyword(&mut self, keyword: &str) -> bool {
        let is_next = self.peek().is_some_and(|word| word.eq_ignore_ascii_case(keyword.as_bytes()));
        self.next += usize::from(is_next);
        is_next
    }

    /// Takes the next argument as the value of an option.
    ///
    /// # Errors
    /// `ERR syntax error` if there is none.
    pub fn value(&mut self) -> Result<&'a [u8], CommandError> {
        self.next().ok_or(CommandError::SYNTAX)
    }

    /// Takes the next argument as an integer.
    ///
    /// # Errors
    /// `ERR syntax error` if there is none, `ERR value is not an integer or out of range` if it is something else.
    pub fn integer(&mut self) -> Result<i64, CommandError> {
        parse_integer(self.value()?).ok_or(CommandError::NOT_AN_INTEGER)
    }

    /// Returns the next argument without taking it.
    pub fn peek(&self) -> Option<&'a [u8]> {
        self.command.arg_at(self.next)
    }

    /// Ends the options. An argument that is left is a syntax error.
    ///
    /// # Errors
    /// `ERR syntax error` if an argument is left.
    pub fn finish(self) -> Result<(), CommandError> {
        if self.peek().is_none() { Ok(()) } else { Err(CommandError::SYNTAX) }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let word = self.peek()?;
        self.next += 1;
        Some(word)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.command.len() - 1).saturating_sub(self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Options<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_and_values_are_taken_in_order() {
        let command = Command::new("SET").with_args(["key", "value", "nx", "EX", "10", "Match"]);
        let mut options = command.options(2);
        assert!(!options.keyword("XX") && options.keyword("NX") && options.keyword("EX"));
        assert_eq!((options.len(), options.integer()), (2, Ok(10)));
        assert_eq!(options.clone().finish(), Err(CommandError::SYNTAX));
        assert_eq!((options.peek(), options.next()), (Some(&b"Match"[..]), Some(&b"Match"[..])));
        assert_eq!((options.len(), options.value()), (0, Err(CommandError::SYNTAX)));
        assert_eq!((options.integer(), options.keyword("")), (Err(CommandError::SYNTAX), false));
        assert_eq!(options.finish(), Ok(()));
    }

    #[test]
    fn a_command_may_have_fewer_arguments_than_come_before_its_options() {
        let command = Command::new("SCAN");
        assert_eq!((command.options(3).len(), command.options(3).finish()), (0, Ok(())));
    }

    #[test]
    fn only_integers_are_integers() {
        for word in ["", "1.5", "x", "+1", "9223372036854775808"] {
            let command = Command::new("SCAN").arg(word);
            assert_eq!(command.options(0).integer(), Err(CommandError::NOT_AN_INTEGER), "{word}");
        }
    }
}
