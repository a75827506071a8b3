//! SLOWLOG: the commands that took longest.

use kvstore_protocol::{CommandError, Response, parse_integer};

use crate::store::{
    call::Call,
    slow_log::SlowCommand,
    spec::{Answer, Spec},
};

pub(super) const SPECS: &[Spec] = &[SLOWLOG];

/// `SLOWLOG GET | LEN | RESET`: the last commands that took as long as `slowlog-log-slower-than`, or longer.
const SLOWLOG: Spec = Spec::family(
    "SLOWLOG",
    &[
        Spec::new("GET", get),
        Spec::new("LEN", len),
        Spec::new("RESET", reset),
        Spec::help(&[
            "SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
            "GET [<count>]",
            "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
            "    Entries are made of:",
            "    id, timestamp, time in microseconds, arguments array, client IP and port,",
            "    client name",
            "LEN",
            "    Return the length of the slowlog.",
            "RESET",
            "    Reset the slowlog.",
        ]),
    ],
);

/// How many entries SLOWLOG GET returns.
const COUNT: usize = 10;

/// `SLOWLOG GET [count]`: the last entries, all if the count is -1.
fn get(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let count = match args.len() {
        1 => COUNT,
        2 => count(args.bytes(1))?,
        _ => {
            return Err(CommandError::err(
                "unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.",
            ));
        }
    };
    Ok(Response::Array(call.store().slow_log.last(count).into_iter().map(entry).collect()))
}

fn count(word: &[u8]) -> Result<usize, CommandError> {
    match parse_integer(word).ok_or(CommandError::NOT_AN_INTEGER)? {
        -1 => Ok(usize::MAX),
        count => usize::try_from(count).map_err(|_| CommandError::err("count should be greater than or equal to -1")),
    }
}

fn entry(slow: SlowCommand) -> Response {
    let SlowCommand { id, time, took, words, peer, name } = slow;
    let words = words.into_iter().map(Response::from).collect();
    Response::Array(vec![
        Response::Integer(id as i64),
        Response::Integer(time as i64),
        Response::Integer(took.as_micros() as i64),
        Response::Array(words),
        peer.into(),
        name.into(),
    ])
}

/// `SLOWLOG LEN`: the number of entries.
fn len(call: &mut Call<'_>) -> Answer {
    Ok(call.store().slow_log.len().into())
}

/// `SLOWLOG RESET`: forgets all entries.
fn reset(call: &mut Call<'_>) -> Answer {
    call.store().slow_log.clear();
    Ok(Response::ok())
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn slow_commands_are_logged_with_their_words() {
        let store = TestStore::new();
        store.check([
            ("SLOWLOG LEN", ":0"),
            ("SET k v", "+OK"),
            ("CONFIG SET slowlog-log-slower-than 0", "+OK"),
            ("SLOWLOG RESET", "+OK"),
            ("GET k", "\"v\""),
            ("MGET k k", "[\"v\", \"v\"]"),
        ]);
        let log = store.answer("SLOWLOG GET 1").to_string();
        assert!(log.starts_with("[[:") && log.contains("[\"MGET\", \"k\", \"k\"]"), "{log}");
        let all = store.answer("SLOWLOG GET -1").to_string();
        assert!(all.contains("[\"GET\", \"k\"]") && all.contains("[\"SLOWLOG\", \"GET\", \"1\"]"), "{all}");
        store.check([
            ("CONFIG SET slowlog-log-slower-than -1", "+OK"),
            ("SLOWLOG RESET", "+OK"),
            ("GET k", "\"v\""),
            ("SLOWLOG LEN", ":0"),
            ("SLOWLOG GET -2", "-ERR count should be greater than or equal to -1"),
            ("SLOWLOG GET x", "-ERR value is not an integer or out of range"),
            ("SLOWLOG GET 1 2", "-ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP."),
        ]);
    }
}
