//! [`SetOptions`]: the condition and the expiry of a SET.

use std::time::Duration;

use kvstore_protocol::{Command, ToArg};

/// The options of [`set_with`](super::Client::set_with): none by default, as for [`set`](super::Client::set).
///
/// ```
/// use std::time::Duration;
/// use kvstore::client::SetOptions;
///
/// // A lock that expires.
/// let lock = SetOptions::new().if_missing().expires_in(Duration::from_secs(30));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetOptions {
    condition: Option<&'static str>,
    expiry: SetExpiry,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum SetExpiry {
    #[default]
    Never,
    In(Duration),
    Kept,
}

impl SetOptions {
    /// No options.
    #[must_use]
    pub const fn new() -> Self {
        Self { condition: None, expiry: SetExpiry::Never }
    }

    /// Only if the key has no value (`NX`). In place of [`if_present`](Self::if_present).
    #[must_use]
    pub const fn if_missing(self) -> Self {
        Self { condition: Some("NX"), ..self }
    }

    /// Only if the key has a value (`XX`). In place of [`if_missing`](Self::if_missing).
    #[must_use]
    pub const fn if_present(self) -> Self {
        Self { condition: Some("XX"), ..self }
    }

    /// Sets the expiry of the key to this time from now (`PX`), in whole milliseconds. A server refuses less than one.
    #[must_use]
    pub const fn expires_in(self, time: Duration) -> Self {
        Self { expiry: SetExpiry::In(time), ..self }
    }

    /// Keeps the expiry that the key has (`KEEPTTL`). By default SET removes it.
    #[must_use]
    pub const fn keeps_expiry(self) -> Self {
        Self { expiry: SetExpiry::Kept, ..self }
    }

    /// The command with these options.
    pub(super) fn command(&self, key: impl ToArg, value: impl ToArg, gets: bool) -> Command {
        let mut words: Vec<String> = self.condition.into_iter().map(str::to_owned).collect();
        match self.expiry {
            SetExpiry::Never => {}
            SetExpiry::In(time) => words.extend(["PX".to_owned(), time.as_millis().to_string()]),
            SetExpiry::Kept => words.push("KEEPTTL".to_owned()),
        }
        if gets {
            words.push("GET".to_owned());
        }
        Command::new("SET").arg(key).arg(value).with_args(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_the_words_of_set() {
        let command = |options: SetOptions, gets| format!("{:?}", options.command("k", "v", gets)).replace('"', "");
        assert_eq!(command(SetOptions::new(), false), "Command(SET k v)");
        let lock = SetOptions::new().if_missing().expires_in(Duration::from_millis(1500));
        assert_eq!(command(lock, false), "Command(SET k v NX PX 1500)");
        assert_eq!(command(SetOptions::new().if_present().keeps_expiry(), true), "Command(SET k v XX KEEPTTL GET)");
    }
}
