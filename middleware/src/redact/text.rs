//! Text of a client for display: escaped, truncated, and without hidden arguments.

use std::fmt::{self, Write};

use kvstore_protocol::Command;

use super::rules::Visible;

/// How many bytes of a word are shown.
const BYTES: usize = 64;

/// How many arguments are shown.
const ARGUMENTS: usize = 8;

const HIDDEN: &str = "(redacted)";

/// Any text of a client.
pub(crate) struct EscapedText<'a>(pub(crate) &'a [u8]);

/// The name of a command, in upper case.
pub(crate) struct EscapedName<'a>(pub(crate) &'a [u8]);

/// The arguments of a command, each in quotes. Hidden arguments in a row are one `(redacted)`, however many they are.
pub(crate) struct RedactedArguments<'a> {
    command: &'a Command,
    visible: Visible,
}

/// A command without its hidden arguments. Made by [`Redact::show`](super::Redact::show), and written with
/// [`Display`](fmt::Display).
pub struct Redacted<'a>(RedactedArguments<'a>);

impl<'a> RedactedArguments<'a> {
    pub(super) fn new(command: &'a Command, visible: Visible) -> Self {
        Self { command, visible }
    }
}

impl<'a> Redacted<'a> {
    pub(super) fn new(command: &'a Command, visible: Visible) -> Self {
        Self(RedactedArguments::new(command, visible))
    }
}

impl fmt::Display for EscapedText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0, |byte| byte)
    }
}

impl fmt::Display for EscapedName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0, |byte| byte.to_ascii_uppercase())
    }
}

impl fmt::Display for RedactedArguments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut after_hidden = false;
        for (index, argument) in self.command.args().take(ARGUMENTS).enumerate() {
            let (space, is_shown) = (if index == 0 { "" } else { " " }, self.visible.shows(self.command, index));
            if is_shown {
                write!(f, "{space}\"{}\"", EscapedText(argument))?;
            } else if !after_hidden {
                write!(f, "{space}{HIDDEN}")?;
            }
            after_hidden = !is_shown;
        }
        match self.command.args().len().saturating_sub(ARGUMENTS) {
            0 => Ok(()),
            more if self.visible.shows_any_from(self.command, ARGUMENTS) => write!(f, " … +{more}"),
            _ if after_hidden => Ok(()),
            _ => write!(f, " {HIDDEN}"),
        }
    }
}

impl fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let command = self.0.command;
        let space = if command.args().len() == 0 { "" } else { " " };
        write!(f, "{}{space}{}", EscapedName(command.name()), self.0)
    }
}

/// The same as [`Display`](fmt::Display): hidden arguments stay hidden.
impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn write(f: &mut fmt::Formatter<'_>, bytes: &[u8], map: impl Fn(u8) -> u8) -> fmt::Result {
    for byte in bytes.iter().take(BYTES) {
        write!(f, "{}", map(*byte).escape_ascii())?;
    }
    if bytes.len() > BYTES { f.write_char('…') } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(command: &Command, visible: Visible) -> String {
        RedactedArguments::new(command, visible).to_string()
    }

    #[test]
    fn a_name_is_in_upper_case_escaped_and_cut() {
        assert_eq!(EscapedName(b"get").to_string(), "GET");
        assert_eq!(EscapedName(b"a\r\n\x1b").to_string(), r"A\r\n\x1b");
        assert_eq!(EscapedName(&[b'x'; 65]).to_string(), format!("{}…", "X".repeat(64)));
    }

    #[test]
    fn arguments_are_quoted_and_few() {
        let all = Visible::First(usize::MAX);
        assert_eq!(arguments(&Command::new("SET").arg("k\n").arg("\""), all), r#""k\n" "\"""#);
        assert!(arguments(&Command::new("DEL").with_args(0..10), all).ends_with(r#""7" … +2"#));
        assert_eq!(arguments(&Command::new("PING"), all), "");
    }

    #[test]
    fn what_is_hidden_does_not_tell_how_much_it_is() {
        let long = Command::new("X").with_args(0..20);
        assert_eq!(arguments(&long, Visible::First(0)), "(redacted)");
        assert_eq!(arguments(&long, Visible::First(2)), r#""0" "1" (redacted)"#);
        assert!(arguments(&long, Visible::First(8)).ends_with(r#""7" (redacted)"#));
        assert!(arguments(&long, Visible::First(9)).ends_with(r#""7" … +12"#));
        assert_eq!(arguments(&Command::new("X").arg(0), Visible::First(0)), "(redacted)");
        assert_eq!(arguments(&Command::new("PING"), Visible::First(0)), "");
    }

    #[test]
    fn of_pairs_the_keys_are_shown() {
        let pairs = Command::new("MSET").with_args(["a", "1", "b", "2"]);
        assert_eq!(arguments(&pairs, Visible::Keys { of_others: 0 }), r#""a" (redacted) "b" (redacted)"#);
        let long = Command::new("MSET").with_args(0..12);
        assert!(arguments(&long, Visible::Keys { of_others: 0 }).ends_with(r#""6" (redacted) … +4"#));
    }
}
