//! Snapshots: SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF. And SHUTDOWN, which may take one.

use kvstore_protocol::{CommandError, Response};

use crate::{
    server::ServerStatus,
    store::{
        args::Args,
        call::Call,
        snapshot::{Busy, Purpose},
        spec::{Answer, Hold::InTurn, Scope, Spec},
    },
};

pub(super) const SPECS: &[Spec] = &[SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF, SHUTDOWN];

const SAVING: CommandError = CommandError::new("ERR", "Background save already in progress");
const REWRITING: CommandError = CommandError::new("ERR", "Background append only file rewriting already in progress");
const OTHER: CommandError = CommandError::new(
    "ERR",
    "Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE \
     whenever possible.",
);
const CLOSED: CommandError = CommandError::new("ERR", "the store is closed");
const NO_DIRECTORY: CommandError =
    CommandError::new("ERR", "the store has no directory: start it with --appendonly yes, or with a --save point");
const NO_SHUTDOWN: CommandError = CommandError::new("ERR", "No shutdown in progress.");
const SHUTDOWN_FAILED: CommandError = CommandError::new("ERR", "Errors trying to SHUTDOWN. Check logs.");
const NO_SERVER: CommandError = CommandError::new("ERR", "the store is not behind a server");

/// `SAVE`: saves a snapshot, and waits for it, behind a rewrite of the journal that is under way. Other clients do not wait.
const SAVE: Spec = Spec::new("SAVE", save).over(Scope::All(InTurn)).long_if(|_| true);

fn save(call: &mut Call<'_>) -> Answer {
    let (store, snapshots) = (call.store(), &call.store().snapshots);
    let gives_up = || store.busy_refusal().is_some();
    let number = loop {
        match begin(call, Purpose::Save) {
            Err(Busy::Running(Purpose::Rewrite)) => snapshots.wait_for_end(gives_up),
            begun => break begun.map_err(|busy| refusal(busy, SAVING))?,
        }
        refuse_beside_script(call)?;
    };
    match snapshots.wait_unless(number, gives_up) {
        Some(saved) => saved.map_err(|reason| CommandError::err(format!("no snapshot was saved: {reason}")))?,
        // It is saved when the script has ended.
        None => refuse_beside_script(call)?,
    }
    Ok(Response::ok())
}

/// A snapshot begins under all locks: its thread would hold those that a script does not hold, and wait for the others.
fn refuse_beside_script(call: &Call<'_>) -> Result<(), CommandError> {
    call.store().busy_refusal().map_or(Ok(()), Err)
}

/// `BGSAVE [SCHEDULE]`: begins to save a snapshot.
const BGSAVE: Spec = Spec::new("BGSAVE", bgsave);

fn bgsave(call: &mut Call<'_>) -> Answer {
    let mut options = call.args().options(0);
    let may_wait = options.keyword("SCHEDULE");
    options.finish()?;
    refuse_beside_script(call)?;
    match begin(call, Purpose::Save) {
        Ok(_) => Ok(Response::simple("Background saving started")),
        Err(Busy::Running(Purpose::Rewrite)) if may_wait => {
            call.store().snapshots.schedule(Purpose::Save);
            Ok(Response::simple("Background saving scheduled"))
        }
        Err(busy) => Err(refusal(busy, SAVING)),
    }
}

/// `BGREWRITEAOF`: begins to save a snapshot, which replaces the journal before it.
const BGREWRITEAOF: Spec = Spec::new("BGREWRITEAOF", bgrewriteaof);

fn bgrewriteaof(call: &mut Call<'_>) -> Answer {
    refuse_beside_script(call)?;
    match begin(call, Purpose::Rewrite) {
        Ok(_) => Ok(Response::simple("Background append only file rewriting started")),
        Err(Busy::Running(Purpose::Save)) => {
            call.store().snapshots.schedule(Purpose::Rewrite);
            Ok(Response::simple("Background append only file rewriting scheduled"))
        }
        Err(Busy::Running(Purpose::Rewrite)) => Err(REWRITING),
        Err(busy) => Err(refusal(busy, REWRITING)),
    }
}

fn begin(call: &Call<'_>, purpose: Purpose) -> Result<u64, Busy> {
    call.store().begin_snapshot(purpose)
}

fn refusal(busy: Busy, running: CommandError) -> CommandError {
    match busy {
        Busy::Running(Purpose::Save) => running,
        Busy::Running(Purpose::Rewrite) => OTHER,
        Busy::Closed => CLOSED,
        Busy::NoDirectory => NO_DIRECTORY,
    }
}

/// `LASTSAVE`: the time of the last snapshot that was saved, or else of the start, in seconds since the Unix epoch.
const LASTSAVE: Spec = Spec::new("LASTSAVE", lastsave);

fn lastsave(call: &mut Call<'_>) -> Answer {
    Ok(Response::from(call.store().snapshots.status().last_save.as_secs() as i64))
}

/// `SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]`: saves a snapshot if there are `save` points, and stops the server. What is in the
/// journal is on disk then.
const SHUTDOWN: Spec = Spec::new("SHUTDOWN", shutdown).over(Scope::All(InTurn)).long_if(may_save);

/// With NOSAVE it waits for nothing, also not for other commands that take long.
fn may_save(args: &Args<'_>) -> bool {
    !(0..args.len()).any(|index| args.is(index, "NOSAVE"))
}

fn shutdown(call: &mut Call<'_>) -> Answer {
    let options = ShutdownOptions::parse(&call.args())?;
    if options.aborts {
        // A shutdown waits for nobody, so none is ever under way.
        return Err(NO_SHUTDOWN);
    }
    let Some(server) = call.session().extensions().get::<ServerStatus>() else { return Err(NO_SERVER) };
    let store = call.store();
    if options.saves == Some(false) {
        // As if the process was killed: what it has written is lost.
        store.scripts.running.abandon();
    } else if let Some(busy) = store.busy_refusal() {
        return Err(busy);
    }
    let saved = store.save_at_end(options.saves);
    if let Err(reason) = saved
        && !options.forces
    {
        tracing::error!(%reason, "the server is not shut down: no snapshot was saved");
        return Err(SHUTDOWN_FAILED);
    }
    // It is not saved again when the store is closed.
    store.snapshots.set_save_at_end(Some(false));
    server.stop();
    // A client takes an answer for a failure.
    Ok(Response::Close(Response::Silent.into()))
}

#[derive(Debug, Default)]
struct ShutdownOptions {
    /// Whether a snapshot is saved; `None` if the `save` points say it.
    saves: Option<bool>,
    /// Whether to stop also if no snapshot can be saved.
    forces: bool,
    aborts: bool,
}

impl ShutdownOptions {
    fn parse(args: &Args<'_>) -> Result<Self, CommandError> {
        let (mut shutdown, mut options, mut others) = (Self::default(), args.options(0), false);
        loop {
            if shutdown.saves.is_none() && options.keyword("NOSAVE") {
                shutdown.saves = Some(false);
            } else if shutdown.saves.is_none() && options.keyword("SAVE") {
                shutdown.saves = Some(true);
            } else if options.keyword("NOW") {
                others = true;
            } else if options.keyword("FORCE") {
                shutdown.forces = true;
            } else if options.keyword("ABORT") {
                shutdown.aborts = true;
            } else {
                break;
            }
        }
        options.finish()?;
        let is_more = others || shutdown.forces || shutdown.saves.is_some();
        if shutdown.aborts && is_more { Err(CommandError::SYNTAX) } else { Ok(shutdown) }
    }
}
