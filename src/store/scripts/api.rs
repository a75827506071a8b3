//! The table `redis` of scripts, which is also the table `server`: its functions that need no store. [`install`] makes it.

use std::fmt;

use kvstore_lua::{Kind, Native, Raise, Stack};

use super::{
    sha::Sha,
    to_lua::{push_error, push_field},
};

/// The functions that need the store, or the run: `Native::Host` has their numbers.
pub(super) mod host {
    pub(in super::super) const CALL: u32 = 0;
    pub(in super::super) const PCALL: u32 = 1;
    pub(in super::super) const SETRESP: u32 = 2;
    pub(in super::super) const ACL_CHECK_CMD: u32 = 3;
    pub(in super::super) const REGISTER_FUNCTION: u32 = 4;
}

/// The version of Redis whose functions these are.
const REDIS_VERSION: &str = "7.2.4";
const REDIS_VERSION_NUM: f64 = 0x0007_0204 as f64;

const FUNCTIONS: [(&str, Native); 12] = [
    ("call", Native::Host(host::CALL)),
    ("pcall", Native::Host(host::PCALL)),
    ("setresp", Native::Host(host::SETRESP)),
    ("acl_check_cmd", Native::Host(host::ACL_CHECK_CMD)),
    ("error_reply", Native::Function(error_reply)),
    ("status_reply", Native::Function(status_reply)),
    ("sha1hex", Native::Function(sha1hex)),
    ("log", Native::Function(log)),
    ("set_repl", Native::Function(set_repl)),
    ("replicate_commands", Native::Function(replicate_commands)),
    ("breakpoint", Native::Function(breakpoint)),
    ("debug", Native::Function(debug)),
];

const NUMBERS: [(&str, f64); 10] = [
    ("LOG_DEBUG", 0.0),
    ("LOG_VERBOSE", 1.0),
    ("LOG_NOTICE", 2.0),
    ("LOG_WARNING", 3.0),
    ("REPL_NONE", 0.0),
    ("REPL_AOF", 1.0),
    ("REPL_SLAVE", 2.0),
    ("REPL_REPLICA", 2.0),
    ("REPL_ALL", 3.0),
    ("REDIS_VERSION_NUM", REDIS_VERSION_NUM),
];

/// What the code of a library has.
const FUNCTIONS_OF_LIBRARIES: [(&str, Native); 2] =
    [("register_function", Native::Host(host::REGISTER_FUNCTION)), ("log", Native::Function(log))];

const NUMBERS_OF_LIBRARIES: [(&str, f64); 5] =
    [NUMBERS[0], NUMBERS[1], NUMBERS[2], NUMBERS[3], ("REDIS_VERSION_NUM", REDIS_VERSION_NUM)];

/// Sets the global tables `redis` and `server`.
///
/// # Errors
/// If there is no memory.
pub(super) fn install(stack: &mut Stack<'_>) -> Result<(), Raise> {
    stack.push_globals()?;
    push_table(stack, &FUNCTIONS, &NUMBERS)?;
    stack.push_copy(-1)?;
    stack.set_field(-3, b"redis")?;
    stack.set_field(-2, b"server")?;
    stack.pop(1);
    Ok(())
}

/// Pushes the table `redis` of the code of a library.
///
/// # Errors
/// If there is no memory.
pub(super) fn push_of_libraries(stack: &mut Stack<'_>) -> Result<(), Raise> {
    push_table(stack, &FUNCTIONS_OF_LIBRARIES, &NUMBERS_OF_LIBRARIES)
}

fn push_table(stack: &mut Stack<'_>, functions: &[(&str, Native)], numbers: &[(&str, f64)]) -> Result<(), Raise> {
    stack.new_table(0, functions.len() + numbers.len() + 1)?;
    for (name, function) in functions {
        stack.push_native(*function)?;
        stack.set_field(-2, name.as_bytes())?;
    }
    for (name, number) in numbers {
        stack.push_number(*number)?;
        stack.set_field(-2, name.as_bytes())?;
    }
    stack.push_bytes(REDIS_VERSION.as_bytes())?;
    stack.set_field(-2, b"REDIS_VERSION")
}

/// Raises an error as scripts have it: a table with the field `err`.
pub(super) fn raise(stack: &mut Stack<'_>, text: &str) -> Raise {
    match push_error(stack, text.as_bytes()) {
        Ok(()) => Raise::Value,
        Err(no_memory) => no_memory,
    }
}

/// `redis.error_reply(text)`: the table that is an error as a reply.
fn error_reply(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    let text = if stack.len() == 1 && stack.kind(1) == Kind::String { stack.bytes(1) } else { None };
    let text = text.map_or_else(|| b"ERR wrong number or type of arguments".to_vec(), coded);
    push_error(stack, &text)?;
    Ok(1)
}

/// The text of an error with its code: its first word, or ERR if it has one word alone.
fn coded(text: &[u8]) -> Vec<u8> {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let end = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    let text = &text[..end];
    match text.contains(&b' ') {
        true => text.to_vec(),
        false => [b"ERR ", text].concat(),
    }
}

/// `redis.status_reply(text)`: the table that is a status as a reply.
fn status_reply(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    if stack.len() != 1 || stack.kind(1) != Kind::String {
        push_error(stack, b"ERR wrong number or type of arguments")?;
        return Ok(1);
    }
    let text = stack.bytes(1).unwrap_or_default().to_vec();
    push_field(stack, b"ok", &text)?;
    Ok(1)
}

/// `redis.sha1hex(text)`: the digits of its SHA-1.
fn sha1hex(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    if stack.len() != 1 {
        return Err(raise(stack, "ERR wrong number of arguments"));
    }
    let sha = Sha::of(&stack.to_bytes(1).unwrap_or_default());
    stack.push_bytes(&sha.hex())?;
    Ok(1)
}

/// `redis.log(level, text …)`: a line of the log.
fn log(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    if stack.len() < 2 {
        return Err(raise(stack, "ERR redis.log() requires two arguments or more."));
    }
    let Some(level) = stack.to_number(1) else {
        return Err(raise(stack, "ERR First argument must be a number (log level)."));
    };
    let level = level as i64;
    if !(0..=3).contains(&level) {
        return Err(raise(stack, "ERR Invalid log level."));
    }
    stack.within((2..=stack.len()).map(|index| stack.raw_len(index)).sum())?;
    let words = Words(stack);
    match level {
        0 => tracing::trace!(target: "kvstore::script", "{words}"),
        1 => tracing::debug!(target: "kvstore::script", "{words}"),
        2 => tracing::info!(target: "kvstore::script", "{words}"),
        _ => tracing::warn!(target: "kvstore::script", "{words}"),
    }
    Ok(0)
}

/// The arguments of `redis.log` behind the level, as they are shown: nothing is copied for a level that is not.
struct Words<'a, 'b>(&'a Stack<'b>);

impl fmt::Display for Words<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = (2..=self.0.len()).filter_map(|index| self.0.to_bytes(index));
        words.next().iter().try_for_each(|word| f.write_str(&String::from_utf8_lossy(word)))?;
        words.try_for_each(|word| write!(f, " {}", String::from_utf8_lossy(&word)))
    }
}

/// `redis.set_repl(flags)`: says what is replicated. Here a script is one record of all that it has written.
fn set_repl(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    if stack.len() != 1 {
        return Err(raise(stack, "ERR redis.set_repl() requires one argument."));
    }
    match stack.to_number(1).unwrap_or_default() as i64 {
        0..=3 => Ok(0),
        _ => Err(raise(stack, "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.")),
    }
}

/// `redis.replicate_commands()`: as everywhere since Redis 7, the commands are what is replicated.
fn replicate_commands(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    stack.push_boolean(true)?;
    Ok(1)
}

/// `redis.breakpoint()`: nobody debugs.
fn breakpoint(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    stack.push_boolean(false)?;
    Ok(1)
}

/// `redis.debug(…)`: nobody debugs.
fn debug(_: &mut Stack<'_>) -> Result<usize, Raise> {
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_one_word_gets_a_code() {
        for (text, expected) in [
            ("MY error", "MY error"),
            ("-MY error\r\n", "MY error"),
            ("error", "ERR error"),
            ("-error", "ERR error"),
            ("-", "ERR "),
            ("", "ERR "),
            ("MY error ", "MY error "),
        ] {
            assert_eq!(coded(text.as_bytes()), expected.as_bytes(), "{text}");
        }
    }
}
