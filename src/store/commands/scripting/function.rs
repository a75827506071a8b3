//! FUNCTION: the libraries whose functions FCALL finds.

use kvstore_protocol::{CommandError, Pattern, Response};

use super::check_mode;
use crate::store::{
    call::Call,
    scripts::{self, Kind, Policy},
    spec::{Answer, Hold::AtOnce, Scope, Spec},
};

pub(in super::super) const SPECS: &[Spec] = &[FUNCTION];

/// `FUNCTION DELETE | DUMP | FLUSH | KILL | LIST | LOAD | RESTORE | STATS`.
const FUNCTION: Spec = Spec::family(
    "FUNCTION",
    &[
        // Under all locks, so that a snapshot has the libraries that its journal does not load again.
        changes("DELETE", delete),
        Spec::new("DUMP", dump).without_data(),
        changes("FLUSH", flush),
        Spec::new("KILL", kill).without_data(),
        Spec::new("LIST", list).without_data(),
        // The code of a library runs, for about half a second at most.
        changes("LOAD", load).long_if(|_| true),
        changes("RESTORE", restore).long_if(|_| true),
        Spec::new("STATS", stats).without_data(),
        Spec::help(&[
            "FUNCTION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
            "LOAD [REPLACE] <FUNCTION CODE>",
            "    Create a new library with the given library name and code.",
            "DELETE <LIBRARY NAME>",
            "    Delete the given library.",
            "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
            "    Return general information on all the libraries:",
            "    * Library name",
            "    * The engine used to run the Library",
            "    * Library description",
            "    * Functions list",
            "    * Library code (if WITHCODE is given)",
            "    It also possible to get only function that matches a pattern using LIBRARYNAME argument.",
            "STATS",
            "    Return information about the current function running:",
            "    * Function name",
            "    * Command used to run the function",
            "    * Duration in MS that the function is running",
            "    If no function is running, return nil",
            "    In addition, returns a list of available engines.",
            "KILL",
            "    Kill the current running function.",
            "FLUSH [ASYNC|SYNC]",
            "    Delete all the libraries.",
            "    When called without the optional mode argument, the behavior is determined by the",
            "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
            "    * ASYNC: Asynchronously flush the libraries.",
            "    * SYNC: Synchronously flush the libraries.",
            "DUMP",
            "    Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE command",
            "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
            "    Restore the libraries represented by the given payload, it is possible to give a restore policy to",
            "    control how to handle existing libraries (default APPEND):",
            "    * FLUSH: delete all existing libraries.",
            "    * APPEND: appends the restored libraries to the existing libraries. On collision, abort.",
            "    * REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old",
            "      libraries with the new libraries (notice that even on this option there is a chance of failure",
            "      in case of functions name conflict with another library).",
        ]),
    ],
);

/// A sub-command that changes the libraries.
const fn changes(name: &'static str, run: fn(&mut Call<'_>) -> Answer) -> Spec {
    Spec::new(name, run).over(Scope::All(AtOnce)).recorded()
}

/// `FUNCTION LOAD [REPLACE] code`: adds a library. Answers its name.
fn load(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let mut options = args.options(1);
    let mut replaces = false;
    while options.len() > 1 {
        let option = options.value()?;
        if !option.eq_ignore_ascii_case(b"REPLACE") {
            let shown = String::from_utf8_lossy(option);
            return Err(CommandError::err(format!("Unknown option given: {shown}")));
        }
        replaces = true;
    }
    let source = options.next().ok_or(CommandError::new("ERR", "Function code is missing"))?;
    let name = call.store().scripts.load_library(source, replaces, call.must_obey())?;
    call.tell_unnamed();
    Ok(name.into())
}

/// `FUNCTION DELETE library`: removes a library.
fn delete(call: &mut Call<'_>) -> Answer {
    let name = String::from_utf8_lossy(call.args().bytes(1)).into_owned();
    let was_there = call.store().scripts.change_libraries(|libraries| Ok(libraries.remove(&name)))?;
    if !was_there {
        return Err(CommandError::new("ERR", "Library not found"));
    }
    call.tell_unnamed();
    Ok(Response::ok())
}

/// `FUNCTION FLUSH [ASYNC | SYNC]`: removes all libraries.
fn flush(call: &mut Call<'_>) -> Answer {
    if call.args().len() > 2 {
        return Err(wrong_number(call));
    }
    let answer = check_mode(call, "FUNCTION FLUSH only supports SYNC|ASYNC option")?;
    let store = call.store();
    let has_changed = store.scripts.change_libraries(|libraries| Ok(libraries.clear()))?;
    let engine = store.scripts.take_functions();
    store.dropper.run(move || drop(engine));
    if has_changed {
        call.tell_unnamed();
    }
    Ok(answer)
}

/// `FUNCTION LIST [LIBRARYNAME pattern] [WITHCODE]`: the libraries.
fn list(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let mut options = args.options(1);
    let (mut pattern, mut with_code) = (None, false);
    loop {
        if !with_code && options.keyword("WITHCODE") {
            with_code = true;
        } else if pattern.is_none() && options.keyword("LIBRARYNAME") {
            let given = options.next().ok_or(CommandError::new("ERR", "library name argument was not given"))?;
            // The case of letters does not matter.
            pattern = Some(Pattern::new(given.to_ascii_lowercase()));
        } else {
            break;
        }
    }
    match options.next() {
        Some(word) => Err(CommandError::err(format!("Unknown argument {}", String::from_utf8_lossy(word)))),
        None => Ok(call.store().scripts.libraries.lock().describe(pattern.as_ref(), with_code)),
    }
}

/// `FUNCTION STATS`: the function that runs, and the engines that run functions.
fn stats(call: &mut Call<'_>) -> Answer {
    let store = call.store();
    let (libraries, functions) = store.scripts.libraries.lock().counts();
    let counts = vec![("libraries_count".into(), libraries.into()), ("functions_count".into(), functions.into())];
    let engines = vec![("LUA".into(), Response::Map(counts))];
    Ok(Response::Map(vec![
        ("running_script".into(), store.scripts.running.describe(store.clock.now())),
        ("engines".into(), Response::Map(engines)),
    ]))
}

/// `FUNCTION DUMP`: all libraries, for FUNCTION RESTORE.
fn dump(call: &mut Call<'_>) -> Answer {
    Ok(scripts::dump(&call.store().scripts.libraries.lock()).into())
}

/// `FUNCTION RESTORE payload [FLUSH | APPEND | REPLACE]`: adds the libraries of a payload.
fn restore(call: &mut Call<'_>) -> Answer {
    const POLICY: CommandError =
        CommandError::new("ERR", "Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.");
    let args = call.args();
    let policy = match args.len() {
        2 => Policy::default(),
        3 if args.is(2, "FLUSH") => Policy::Flush,
        3 if args.is(2, "APPEND") => Policy::Append,
        3 if args.is(2, "REPLACE") => Policy::Replace,
        3 => return Err(POLICY),
        _ => return Err(wrong_number(call)),
    };
    let sources = scripts::restore(args.bytes(1))?;
    call.store().scripts.restore_libraries(&sources, policy, call.must_obey())?;
    call.tell_unnamed();
    Ok(Response::ok())
}

/// The refusal of a sub-command with too many arguments.
fn wrong_number(call: &Call<'_>) -> CommandError {
    let asked = call.args().bytes(0);
    let asked = String::from_utf8_lossy(&asked[..asked.len().min(128)]);
    CommandError::err(format!("unknown subcommand or wrong number of arguments for '{asked}'. Try FUNCTION HELP."))
}

/// `FUNCTION KILL`: stops the function that runs, if it has not written.
fn kill(call: &mut Call<'_>) -> Answer {
    call.store().scripts.running.kill(Kind::Function)?;
    Ok(Response::ok())
}
