//! How MONITOR shows a command.

use std::{
    fmt::Write,
    ops::Range,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use kvstore_protocol::{Command, Peer, Session, catalog::Flags};

/// The words of a command; `None` if it is not shown, as those of administrators.
pub(super) fn words(command: &Command) -> Option<String> {
    if is_hidden(command) {
        return None;
    }
    let (secrets, mut words) = (secrets(command), String::new());
    for (index, word) in command.words().enumerate() {
        words.push_str(" \"");
        match secrets.contains(&index) {
            true => words.push_str("(redacted)"),
            false => word.iter().for_each(|byte| push_escaped(*byte, &mut words)),
        }
        words.push('"');
    }
    Some(words)
}

/// The line of a command with these words, which is run now in this session.
pub(super) fn line(session: &Session, words: &str) -> String {
    let mut line = start(session.database());
    let _ = match session.peer() {
        Peer::Unix(path) => write!(line, "unix:{}]", path.display()),
        peer => write!(line, "{peer}]"),
    };
    line + words
}

/// The line of a command with these words that a script runs now.
pub(super) fn nested_line(database: usize, words: &str) -> String {
    format!("{}lua]{words}", start(database))
}

/// The time and the database.
fn start(database: usize) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    format!("{}.{:06} [{database} ", now.as_secs(), now.subsec_micros())
}

fn is_hidden(command: &Command) -> bool {
    let sub = command.known().zip(command.arg_at(0)).and_then(|(known, name)| known.subcommand(name));
    let flags = sub.map_or(command.flags(), |sub| sub.flags());
    // Scripts have the flag, so that they are shown in front of what they run: here every command is.
    flags.has(Flags::ADMIN | Flags::SKIP_MONITOR) && !flags.has(Flags::RUNS_COMMANDS)
}

/// The positions of the words that are passwords, or stand beside them.
fn secrets(command: &Command) -> Range<usize> {
    if !command.flags().has(Flags::SENSITIVE) {
        return 0..0;
    }
    let behind = |keyword: &str, count: usize| {
        let index = command.words().position(|word| word.eq_ignore_ascii_case(keyword.as_bytes()))?;
        Some(index + 1..index + 1 + count)
    };
    let found = match () {
        () if command.is("AUTH") => Some(1..command.len()),
        () if command.is("HELLO") => behind("AUTH", 2),
        () if command.is("MIGRATE") => behind("AUTH2", 2).or_else(|| behind("AUTH", 1)),
        () => None,
    };
    found.unwrap_or(0..0)
}

fn push_escaped(byte: u8, line: &mut String) {
    let hexadecimal;
    let escaped = match byte {
        b'\\' => "\\\\",
        b'"' => "\\\"",
        b'\n' => "\\n",
        b'\r' => "\\r",
        b'\t' => "\\t",
        7 => "\\a",
        8 => "\\b",
        b' '..=b'~' => return line.push(byte as char),
        _ => {
            hexadecimal = format!("\\x{byte:02x}");
            &hexadecimal
        }
    };
    line.push_str(escaped);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words_of(line: &str) -> Option<String> {
        let mut words = line.split(' ');
        let command = Command::new(words.next().expect("a name")).with_args(words);
        super::words(&command).map(|words| words.trim_start().to_owned())
    }

    #[test]
    fn a_command_is_shown_as_redis_shows_it() {
        let command = Command::new("SET").arg("a").arg(&b"\"\\ \n\r\t\x07\x08'\x01\xff"[..]);
        let line = line(command.session(), &words(&command).expect("it is shown"));
        let (time, rest) = line.split_once(' ').expect("a time");
        assert_eq!(rest, r#"[0 memory:0] "SET" "a" "\"\\ \n\r\t\a\b'\x01\xff""#);
        let (seconds, micros) = time.split_once('.').expect("a fraction");
        assert!(seconds.parse::<u64>().is_ok() && micros.len() == 6, "{time}");
    }

    #[test]
    fn passwords_are_hidden() {
        for (line, shown) in [
            ("auth pw", r#""auth" "(redacted)""#),
            ("AUTH user pw", r#""AUTH" "(redacted)" "(redacted)""#),
            ("HELLO 3 auth user pw SETNAME me", r#""HELLO" "3" "auth" "(redacted)" "(redacted)" "SETNAME" "me""#),
            ("MIGRATE h 1 k 0 5 AUTH pw", r#""MIGRATE" "h" "1" "k" "0" "5" "AUTH" "(redacted)""#),
            ("MIGRATE h 1 k 0 5 AUTH2 u pw", r#""MIGRATE" "h" "1" "k" "0" "5" "AUTH2" "(redacted)" "(redacted)""#),
            ("ACL WHOAMI", r#""ACL" "WHOAMI""#),
            ("GET AUTH x", r#""GET" "AUTH" "x""#),
        ] {
            assert_eq!(words_of(line).as_deref(), Some(shown));
        }
    }

    #[test]
    fn commands_of_administrators_are_not_shown() {
        for line in ["CONFIG SET requirepass x", "ACL SETUSER u >pw", "CLIENT LIST", "MONITOR", "DEBUG SLEEP 0"] {
            assert_eq!(words_of(line), None, "{line}");
        }
    }
}
