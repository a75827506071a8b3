//! [`ExpiryOption`]: the options of SET and GETEX that set, keep or remove the expiry.

use kvstore_protocol::{CommandError, Options, parse_integer};

use super::super::expiry::TimeFormat;
use crate::store::{call::Call, shard::Expiry};

/// An option that says what the expiry of a key becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpiryOption<'a> {
    /// `KEEPTTL`
    KeepTtl,
    /// `PERSIST`
    Persist,
    /// `EX`, `PX`, `EXAT` or `PXAT`, and its value, which is not parsed yet.
    At(TimeFormat, &'a [u8]),
}

impl<'a> ExpiryOption<'a> {
    /// Takes `EX`, `PX`, `EXAT` or `PXAT` with its value, if one of them is next.
    pub(super) fn take_time(options: &mut Options<'a>) -> Result<Option<Self>, CommandError> {
        for (keyword, format) in TimeFormat::OPTIONS {
            if options.keyword(keyword) {
                return Ok(Some(Self::At(format, options.value()?)));
            }
        }
        Ok(None)
    }

    /// Sets the option of a command. It may be repeated, and then the last one counts, but not combined with another one.
    pub(super) fn set(self, option: &mut Option<Self>) -> Result<(), CommandError> {
        if option.is_some_and(|before| !self.is_same_option(before)) {
            return Err(CommandError::SYNTAX);
        }
        *option = Some(self);
        Ok(())
    }

    fn is_same_option(self, other: Self) -> bool {
        match (self, other) {
            (Self::At(format, _), Self::At(other, _)) => format == other,
            _ => self == other,
        }
    }
}

/// The expiry that the option asks for; none without an option.
pub(super) fn expiry(option: Option<ExpiryOption<'_>>, call: &mut Call<'_>) -> Result<Expiry, CommandError> {
    Ok(match option {
        Some(ExpiryOption::At(format, value)) => {
            let number = parse_integer(value).ok_or(CommandError::NOT_AN_INTEGER)?;
            Expiry::At(format.positive(call, number)?)
        }
        Some(ExpiryOption::KeepTtl) => Expiry::Keep,
        Some(ExpiryOption::Persist) | None => Expiry::Never,
    })
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn contradicting_options_are_a_syntax_error() {
        for options in ["NX XX", "EX 1 PX 1", "EX 1 KEEPTTL", "KEEPTTL PXAT 1", "EX", "FOO", "PERSIST", "EX 1 EXAT 1"] {
            TestStore::new().check([(&*format!("SET k v {options}"), "-ERR syntax error"), ("EXISTS k", ":0")]);
        }
        for options in ["NX", "PERSIST EX 1", "EX 1 PERSIST", "EX", "KEEPTTL", "EX 1 PX 1"] {
            TestStore::new().check([(&*format!("GETEX k {options}"), "-ERR syntax error")]);
        }
    }

    #[test]
    fn invalid_expire_times_are_refused() {
        for time in ["EX 0", "EX -1", "PX 0", "EXAT 0", "PXAT -1", "EX 9223372036854775807", "PX 9223372036854775807"] {
            TestStore::new().check([
                (&*format!("SET k v {time}"), "-ERR invalid expire time in 'set' command"),
                ("SET k v", "+OK"),
                (&*format!("GETEX k {time}"), "-ERR invalid expire time in 'getex' command"),
                (&*format!("GETEX missing {time}"), "(nil)"),
            ]);
        }
        TestStore::new().check([
            ("SET k v EX x", "-ERR value is not an integer or out of range"),
            ("SETEX k 0 v", "-ERR invalid expire time in 'setex' command"),
            ("PSETEX k -1 v", "-ERR invalid expire time in 'psetex' command"),
            ("SETEX k x v", "-ERR value is not an integer or out of range"),
        ]);
    }
}
