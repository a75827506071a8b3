//! SCRIPT: the scripts that EVALSHA finds.

use kvstore_protocol::{CommandError, Response};

use super::check_mode;
use crate::store::{
    call::Call,
    scripts::{Kind, Sha},
    spec::{Answer, Hold::AtOnce, Scope, Spec},
};

pub(in super::super) const SPECS: &[Spec] = &[SCRIPT];

/// `SCRIPT DEBUG | EXISTS | FLUSH | KILL | LOAD | SHOW`.
const SCRIPT: Spec = Spec::family(
    "SCRIPT",
    &[
        Spec::new("DEBUG", debug).without_data(),
        Spec::new("EXISTS", exists).without_data(),
        // Under all locks, so that a snapshot has the scripts that its journal does not load again.
        Spec::new("FLUSH", flush).over(Scope::All(AtOnce)).recorded(),
        Spec::new("KILL", kill).without_data(),
        Spec::new("LOAD", load).over(Scope::All(AtOnce)).recorded(),
        Spec::new("SHOW", show).without_data(),
        Spec::help(&[
            "SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
            "DEBUG (YES|SYNC|NO)",
            "    Set the debug mode for subsequent scripts executed. There is no debugger: only NO is accepted.",
            "EXISTS <sha1> [<sha1> ...]",
            "    Return information about the existence of the scripts in the script cache.",
            "FLUSH [ASYNC|SYNC]",
            "    Flush the Lua scripts cache. Very dangerous on replicas.",
            "    When called without the optional mode argument, the behavior is determined",
            "    by the lazyfree-lazy-user-flush configuration directive. Valid modes are:",
            "    * ASYNC: Asynchronously flush the scripts cache.",
            "    * SYNC: Synchronously flush the scripts cache.",
            "KILL",
            "    Kill the currently executing Lua script.",
            "LOAD <script>",
            "    Load a script into the scripts cache without executing it.",
            "SHOW <sha1>",
            "    Show a script in the scripts cache.",
        ]),
    ],
);

/// `SCRIPT DEBUG NO | YES | SYNC`: says whether scripts are debugged. There is no debugger.
fn debug(call: &mut Call<'_>) -> Answer {
    const UNKNOWN: CommandError = CommandError::new("ERR", "Use SCRIPT DEBUG YES/SYNC/NO");
    const NO_DEBUGGER: CommandError = CommandError::new("ERR", "There is no debugger of scripts");
    match call.args() {
        args if args.is(1, "NO") => Ok(Response::ok()),
        args if args.is(1, "YES") || args.is(1, "SYNC") => Err(NO_DEBUGGER),
        _ => Err(UNKNOWN),
    }
}

/// `SCRIPT EXISTS sha1 [sha1 …]`: whether there is a script, for each hash.
fn exists(call: &mut Call<'_>) -> Answer {
    let cache = call.store().scripts.cache.lock();
    Ok(Response::array(call.args().from(1).map(|sha| Sha::parse(sha).is_some_and(|sha| cache.has(&sha)))))
}

/// `SCRIPT FLUSH [ASYNC | SYNC]`: removes all scripts.
fn flush(call: &mut Call<'_>) -> Answer {
    let answer = check_mode(call, "SCRIPT FLUSH only support SYNC|ASYNC option")?;
    let scripts = call.store().scripts.clear();
    call.store().dropper.run(move || drop(scripts));
    call.tell_unnamed();
    Ok(answer)
}

/// `SCRIPT KILL`: stops the script that runs, if it has not written.
fn kill(call: &mut Call<'_>) -> Answer {
    call.store().scripts.running.kill(Kind::Script)?;
    Ok(Response::ok())
}

/// `SCRIPT LOAD source`: keeps a script for EVALSHA. Answers its hash.
fn load(call: &mut Call<'_>) -> Answer {
    let source = call.args().bytes(1);
    let (sha, is_new) = call.store().scripts.load(source, call.must_obey())?;
    if is_new {
        call.tell_unnamed();
    }
    Ok(Response::bulk(&sha.hex()[..]))
}

/// `SCRIPT SHOW sha1`: the source of a script.
fn show(call: &mut Call<'_>) -> Answer {
    const NO_SCRIPT: CommandError = CommandError::new("NOSCRIPT", "No matching script.");
    let sha = Sha::parse(call.args().bytes(1)).ok_or(NO_SCRIPT)?;
    let (script, _) = call.store().scripts.cache.lock().find(&sha).ok_or(NO_SCRIPT)?;
    Ok(script.source.clone().into())
}
