//! The arguments of a command that is told how many keys it has: `numkeys key [key …]`, and options behind them.

use kvstore_protocol::{CommandError, Options, parse_integer};

use crate::store::args::Args;

/// Parses the number of keys, which is the argument at `index`. Returns the options behind the keys.
///
/// # Errors
/// If there is no key; `too_few` if there are fewer than announced.
pub(super) fn options_behind_keys<'a>(
    args: &Args<'a>,
    index: usize,
    too_few: CommandError,
) -> Result<Options<'a>, CommandError> {
    const NONE: CommandError = CommandError::new("ERR", "numkeys should be greater than 0");
    let count = args.integer(index).ok().and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|count| *count > 0).ok_or(NONE)?;
    if count > args.len() - index - 1 {
        return Err(too_few);
    }
    Ok(args.options(index + 1 + count))
}

/// Parses the option `LIMIT limit`; 0 is none.
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
