//! The errors for a group that there is not.

use std::borrow::Cow;

use kvstore_protocol::CommandError;

/// The key or the group is missing, for a command that needs both.
pub(super) fn no_such(key: &[u8], group: &[u8]) -> CommandError {
    no_such_in(key, group, "")
}

/// The same, with what the command says of itself.
pub(super) fn no_such_in(key: &[u8], group: &[u8], place: &str) -> CommandError {
    error(format!("No such key '{}' or consumer group '{}'{place}", text(key), text(group)))
}

/// The group is missing, the key is there.
pub(super) fn no_group(key: &[u8], group: &[u8]) -> CommandError {
    error(format!("No such consumer group '{}' for key name '{}'", text(group), text(key)))
}

fn error(text: String) -> CommandError {
    CommandError::with_code("NOGROUP", text)
}

/// A name up to a zero byte, as Redis shows it.
fn text(name: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(name.split(|byte| *byte == 0).next().unwrap_or_default())
}
