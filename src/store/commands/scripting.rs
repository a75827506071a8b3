//! FUNCTION and SCRIPT, as far as they have an answer when there is no function and no script.

use kvstore_protocol::{CommandError, Response};

use crate::store::{
    call::Call,
    spec::{Answer, Spec},
};

pub(super) const SPECS: &[Spec] = &[FUNCTION, SCRIPT];

/// `FUNCTION FLUSH | LIST | STATS | DELETE | KILL`: there are no functions.
const FUNCTION: Spec = Spec::family(
    "FUNCTION",
    &[
        Spec::new("FLUSH", flush_functions),
        Spec::new("LIST", list),
        Spec::new("STATS", stats),
        Spec::new("DELETE", delete),
        Spec::new("KILL", kill),
        Spec::help(&[
            "FUNCTION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
            "DELETE <LIBRARY NAME>",
            "    Delete the given library.",
            "FLUSH [ASYNC|SYNC]",
            "    Delete all the libraries.",
            "KILL",
            "    Kill the current running function.",
            "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
            "    Return general information on all the libraries.",
            "STATS",
            "    Return information about the current function running.",
        ]),
    ],
);

/// `SCRIPT EXISTS | FLUSH | KILL`: there are no scripts.
const SCRIPT: Spec = Spec::family(
    "SCRIPT",
    &[
        Spec::new("EXISTS", exists),
        Spec::new("FLUSH", flush_scripts),
        Spec::new("KILL", kill),
        Spec::help(&[
            "SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
            "EXISTS <sha1> [<sha1> ...]",
            "    Return information about the existence of the scripts in the script cache.",
            "FLUSH [ASYNC|SYNC]",
            "    Flush the Lua scripts cache. Very dangerous on replicas.",
            "KILL",
            "    Kill the currently executing Lua script.",
        ]),
    ],
);

/// `FUNCTION FLUSH [ASYNC | SYNC]`: removes all functions.
fn flush_functions(call: &mut Call<'_>) -> Answer {
    flush(call, "FUNCTION FLUSH only supports SYNC|ASYNC option")
}

/// `SCRIPT FLUSH [ASYNC | SYNC]`: removes all scripts.
fn flush_scripts(call: &mut Call<'_>) -> Answer {
    flush(call, "SCRIPT FLUSH only support SYNC|ASYNC option")
}

fn flush(call: &mut Call<'_>, refusal: &'static str) -> Answer {
    let mut options = call.args().options(1);
    let _ = options.keyword("ASYNC") || options.keyword("SYNC");
    options.finish().map_err(|_| CommandError::new("ERR", refusal))?;
    Ok(Response::ok())
}

/// `FUNCTION LIST [LIBRARYNAME pattern] [WITHCODE]`: the libraries.
fn list(call: &mut Call<'_>) -> Answer {
    let mut options = call.args().options(1);
    loop {
        if options.keyword("LIBRARYNAME") {
            options.next().ok_or(CommandError::new("ERR", "library name argument was not given"))?;
        } else if !options.keyword("WITHCODE") {
            break;
        }
    }
    match options.next() {
        Some(word) => Err(CommandError::err(format!("Unknown argument {}", String::from_utf8_lossy(word)))),
        None => Ok(Response::Array(Vec::new())),
    }
}

/// `FUNCTION STATS`: the function that runs, and the engines that run functions.
fn stats(_: &mut Call<'_>) -> Answer {
    Ok(Response::Map(vec![("running_script".into(), Response::Null), ("engines".into(), Response::Map(Vec::new()))]))
}

/// `FUNCTION DELETE library`: removes a library.
fn delete(_: &mut Call<'_>) -> Answer {
    Err(CommandError::new("ERR", "Library not found"))
}

/// `FUNCTION KILL`, `SCRIPT KILL`: stops what runs.
fn kill(_: &mut Call<'_>) -> Answer {
    Err(CommandError::new("NOTBUSY", "No scripts in execution right now."))
}

/// `SCRIPT EXISTS sha1 [sha1 …]`: whether there is a script, for each hash.
fn exists(call: &mut Call<'_>) -> Answer {
    Ok(Response::array(call.args().from(1).map(|_| false)))
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn there_is_no_function() {
        TestStore::new().check([
            ("FUNCTION FLUSH", "+OK"),
            ("function flush async", "+OK"),
            ("FUNCTION FLUSH SYNC", "+OK"),
            ("FUNCTION FLUSH FOO", "-ERR FUNCTION FLUSH only supports SYNC|ASYNC option"),
            ("FUNCTION LIST", "[]"),
            ("FUNCTION LIST WITHCODE LIBRARYNAME x*", "[]"),
            ("FUNCTION LIST LIBRARYNAME", "-ERR library name argument was not given"),
            ("FUNCTION LIST FOO", "-ERR Unknown argument FOO"),
            ("FUNCTION STATS", r#"{"running_script": (nil), "engines": {}}"#),
            ("FUNCTION DELETE x", "-ERR Library not found"),
            ("FUNCTION KILL", "-NOTBUSY No scripts in execution right now."),
            ("FUNCTION FOO", "-ERR unknown subcommand 'FOO'. Try FUNCTION HELP."),
        ]);
    }

    #[test]
    fn there_is_no_script() {
        TestStore::new().check([
            ("SCRIPT FLUSH", "+OK"),
            ("SCRIPT FLUSH ASYNC", "+OK"),
            ("SCRIPT FLUSH FOO", "-ERR SCRIPT FLUSH only support SYNC|ASYNC option"),
            ("SCRIPT EXISTS a b", "[:0, :0]"),
            ("SCRIPT EXISTS", "-ERR wrong number of arguments for 'script|exists' command"),
            ("SCRIPT KILL", "-NOTBUSY No scripts in execution right now."),
        ]);
    }
}
