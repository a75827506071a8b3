//! [`Numkeys`]: the arguments of a command that is told how many keys it has.

use kvstore_protocol::{CommandError, Options, parse_integer};

use crate::store::args::Args;

/// `numkeys key [key …]`, and the options behind the keys.
#[derive(Debug)]
pub(super) struct Numkeys<'a> {
    pub(super) count: usize,
    pub(super) options: Options<'a>,
}

impl<'a> Numkeys<'a> {
    /// Parses the arguments from `index` on.
    ///
    /// # Errors
    /// If there is no key, or there are fewer than announced.
    pub(super) fn parse(args: &Args<'a>, index: usize) -> Result<Self, CommandError> {
        const NONE: CommandError = CommandError::new("ERR", "numkeys should be greater than 0");
        const TOO_MANY: CommandError = CommandError::new("ERR", "Number of keys can't be greater than number of args");
        let count = args.integer(index).ok().and_then(|count| usize::try_from(count).ok());
        let count = count.filter(|count| *count > 0).ok_or(NONE)?;
        if count > args.len() - index - 1 {
            return Err(TOO_MANY);
        }
        Ok(Self { count, options: args.options(index + 1 + count) })
    }

    /// The option `LIMIT limit`; 0 is none.
    ///
    /// # Errors
    /// For another option, or a negative limit.
    pub(super) fn limit(self) -> Result<usize, CommandError> {
        limit(self.options)
    }
}

/// The option `LIMIT limit`; 0 is none.
///
/// # Errors
/// For another option, or a negative limit.
pub(super) fn limit(mut options: Options<'_>) -> Result<usize, CommandError> {
    const NEGATIVE: CommandError = CommandError::new("ERR", "LIMIT can't be negative");
    let mut limit = 0;
    while options.keyword("LIMIT") {
        let number = parse_integer(options.value()?).and_then(|number| usize::try_from(number).ok());
        limit = number.ok_or(NEGATIVE)?;
    }
    options.finish()?;
    Ok(if limit == 0 { usize::MAX } else { limit })
}
