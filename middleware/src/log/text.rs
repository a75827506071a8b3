//! What a peer sent, as it may stand in a log: escaped, cut, and without passwords.

use std::fmt::{self, Write};

use kvstore_protocol::Command;

/// How many bytes of a word are shown.
const BYTES: usize = 64;

/// How many arguments are shown.
const ARGUMENTS: usize = 8;

/// Commands whose arguments carry passwords.
const SECRET: [&str; 5] = ["AUTH", "HELLO", "ACL", "CONFIG", "MIGRATE"];

/// A word.
pub(super) struct Text<'a>(pub(super) &'a [u8]);

/// The name of a command, in upper case.
pub(super) struct Name<'a>(pub(super) &'a [u8]);

/// The arguments of a command, each between quotes.
pub(super) struct Arguments<'a>(pub(super) &'a Command);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0, |byte| byte)
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0, |byte| byte.to_ascii_uppercase())
    }
}

impl fmt::Display for Arguments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if SECRET.iter().any(|name| self.0.is(name)) {
            return f.write_str("(redacted)");
        }
        for (index, argument) in self.0.args().take(ARGUMENTS).enumerate() {
            write!(f, "{}\"{}\"", if index == 0 { "" } else { " " }, Text(argument))?;
        }
        match self.0.args().len().saturating_sub(ARGUMENTS) {
            0 => Ok(()),
            more => write!(f, " … +{more}"),
        }
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

    #[test]
    fn a_name_is_in_upper_case_escaped_and_cut() {
        assert_eq!(Name(b"get").to_string(), "GET");
        assert_eq!(Name(b"a\r\n\x1b").to_string(), r"A\r\n\x1b");
        assert_eq!(Name(&[b'x'; 65]).to_string(), format!("{}…", "X".repeat(64)));
    }

    #[test]
    fn arguments_are_quoted_and_few() {
        let command = Command::set("k\n", "\"");
        assert_eq!(Arguments(&command).to_string(), r#""k\n" "\"""#);
        let command = Command::new("DEL").with_args(0..10);
        assert!(Arguments(&command).to_string().ends_with(r#""7" … +2"#));
        assert_eq!(Arguments(&Command::ping()).to_string(), "");
    }

    #[test]
    fn passwords_are_redacted_in_any_case() {
        for name in ["auth", "HELLO", "Acl", "config", "MIGRATE"] {
            let command = Command::new(name).arg("secret");
            assert_eq!(Arguments(&command).to_string(), "(redacted)");
        }
    }
}
