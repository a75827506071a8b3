//! The first line of a script or a library: `#!lua flags=no-writes`, `#!lua name=mylib`.

use kvstore_protocol::{Command, CommandError};

/// What a script says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct ScriptFlags(u8);

/// Those of Redis, and `declared-keys`.
const NAMES: [&str; 6] =
    ["no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys", "declared-keys"];

impl ScriptFlags {
    /// It only reads.
    pub(in crate::store) const NO_WRITES: Self = Self(1);
    /// It touches no other keys than those that it declares.
    pub(in crate::store) const DECLARED_KEYS: Self = Self(1 << 5);
    /// It says nothing: a script without a first line such as this. In Redis, what it may do is checked command by command.
    pub(in crate::store) const UNSAID: Self = Self(1 << 7);

    pub(in crate::store) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Adds the flag with this name. Returns whether there is one.
    pub(in crate::store) fn add(&mut self, name: &[u8]) -> bool {
        let found = NAMES.iter().position(|known| known.as_bytes() == name);
        found.inspect(|index| self.0 |= 1 << index).is_some()
    }

    /// The names of the flags.
    pub(in crate::store) fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().enumerate().filter(move |(index, _)| self.0 & 1 << index != 0).map(|(_, name)| *name)
    }
}

/// The first line of a script, without its end. `None` if it has none such.
fn first_line(source: &[u8]) -> Option<Result<&[u8], ()>> {
    let line = source.strip_prefix(b"#!").map(|_| source)?;
    Some(line.iter().position(|byte| *byte == b'\n').map(|end| &line[..end]).ok_or(()))
}

/// The words of the line, which may be in quotes. `None` if those do not match.
fn words(line: &[u8]) -> Option<Command> {
    String::from_utf8_lossy(line).parse().ok()
}

fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// The flags of a script, and where its code begins: at the end of the first line, so that lines keep their numbers.
///
/// # Errors
/// If the line is not valid.
pub(in crate::store) fn of_script(source: &[u8]) -> Result<(ScriptFlags, usize), CommandError> {
    let Some(line) = first_line(source) else { return Ok((ScriptFlags::UNSAID, 0)) };
    let line = line.map_err(|()| CommandError::err("Invalid script shebang"))?;
    let words = words(line).ok_or(CommandError::err("Invalid engine in script shebang"))?;
    let engine = words.name();
    if engine != b"#!lua" {
        return Err(CommandError::err(format!("Unexpected engine in script shebang: {}", shown(engine))));
    }
    let mut flags = ScriptFlags::default();
    for option in words.args() {
        let names = option.strip_prefix(b"flags=");
        let unknown = || CommandError::err(format!("Unknown lua shebang option: {}", shown(option)));
        let names = names.ok_or_else(unknown)?;
        for name in names.split(|byte| *byte == b',').filter(|_| !names.is_empty()) {
            if !flags.add(name) {
                return Err(CommandError::err(format!("Unexpected flag in script shebang: {}", shown(name))));
            }
        }
    }
    Ok((flags, line.len()))
}

/// What the first line of a library says: its engine, its name, and where its code begins.
///
/// # Errors
/// If it is not valid.
pub(in crate::store) fn of_library(source: &[u8]) -> Result<(String, String, usize), CommandError> {
    let line = first_line(source).ok_or(CommandError::err("Missing library metadata"))?;
    let line = line.map_err(|()| CommandError::err("Invalid library metadata"))?;
    let words = words(line).ok_or(CommandError::err("Invalid library metadata"))?;
    let engine = words.name();
    let mut name = None;
    for option in words.args() {
        let Some(given) = strip_prefix_in_any_case(option, b"name=") else {
            return Err(CommandError::err(format!("Invalid metadata value given: {}", shown(option))));
        };
        if name.replace(given).is_some() {
            return Err(CommandError::err("Invalid metadata value, name argument was given multiple times"));
        }
    }
    let name = name.ok_or(CommandError::err("Library name was not given"))?;
    if !is_name(name) {
        return Err(CommandError::err(
            "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long",
        ));
    }
    Ok((shown(&engine[2..]), shown(name), line.len()))
}

fn strip_prefix_in_any_case<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Whether it may be the name of a library or a function.
pub(in crate::store) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal<T: std::fmt::Debug>(parsed: Result<T, CommandError>) -> String {
        parsed.expect_err("it is not valid").to_string()
    }

    #[test]
    fn a_script_may_say_what_it_does() {
        assert_eq!(of_script(b"return 1"), Ok((ScriptFlags::UNSAID, 0)));
        assert_eq!(of_script(b"#!lua\nreturn 1"), Ok((ScriptFlags::default(), 5)));
        let (flags, start) = of_script(b"#!lua flags=no-writes,allow-stale\nreturn 1").expect("it is valid");
        assert!(flags.has(ScriptFlags::NO_WRITES) && start == 33);
        assert_eq!(flags.names().collect::<Vec<_>>(), ["no-writes", "allow-stale"]);
        assert_eq!(of_script(b"#!lua flags=\n"), Ok((ScriptFlags::default(), 12)));
        let (flags, _) = of_script(b"#!lua flags=declared-keys\n").expect("it is valid");
        assert!(flags.has(ScriptFlags::DECLARED_KEYS) && !flags.has(ScriptFlags::NO_WRITES));
        for (source, expected) in [
            ("#!lua", "Invalid script shebang"),
            ("#!not-lua\n", "Unexpected engine in script shebang: #!not-lua"),
            ("#! lua\n", "Unexpected engine in script shebang: #!"),
            ("#!lua badger=data\n", "Unknown lua shebang option: badger=data"),
            ("#!lua flags=allow-what\n", "Unexpected flag in script shebang: allow-what"),
            ("#!lua flags=no-writes,\n", "Unexpected flag in script shebang: "),
            ("#!lua flags=,no-writes\n", "Unexpected flag in script shebang: "),
        ] {
            assert_eq!(refusal(of_script(source.as_bytes())), format!("ERR {expected}"), "{source}");
        }
    }

    #[test]
    fn a_library_has_a_name() {
        assert_eq!(of_library(b"#!lua name=my_lib\nx"), Ok(("lua".into(), "my_lib".into(), 17)));
        assert_eq!(of_library(b"#!lua  name=\"my_lib\"\nx"), Ok(("lua".into(), "my_lib".into(), 20)));
        assert_eq!(of_library(b"#!lua 'name=a'\nx"), Ok(("lua".into(), "a".into(), 14)));
        for (source, expected) in [
            ("return 1", "Missing library metadata"),
            ("#!lua name=x", "Invalid library metadata"),
            ("#!lua name=\"x\n", "Invalid library metadata"),
            ("#!lua name=x name=y\n", "Invalid metadata value, name argument was given multiple times"),
            ("#!lua foo=x\n", "Invalid metadata value given: foo=x"),
            ("#!lua\n", "Library name was not given"),
            (
                "#!lua name=a-b\n",
                "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long",
            ),
        ] {
            assert_eq!(refusal(of_library(source.as_bytes())), format!("ERR {expected}"), "{source}");
        }
    }
}
