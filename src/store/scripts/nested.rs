//! How a script runs a command: whether it may, and over which shards.

use kvstore_protocol::{Command, CommandError, Response, catalog::Flags, catalog::KnownCommand, parse_integer};

use super::host::ScriptHost;
use crate::{
    server::ConnectionLayer,
    store::{
        args::Args,
        call::LARGE_ANSWER,
        command_table::Row,
        execute::{Planned, may_take_long},
        notices::MAX_NOTICES,
        observers::Interests,
        plan::{self, PerKey},
        slow_log::Kind,
        spec::{Answer, Scope},
        state::{LARGE, StoreState},
    },
};

const UNKNOWN: CommandError = CommandError::new("ERR", "Unknown Redis command called from script");
const WRONG_ARITY: CommandError = CommandError::new("ERR", "Wrong number of args calling Redis command from script");
const NOT_IN_SCRIPT: CommandError = CommandError::new("ERR", "This Redis command is not allowed from script");
const READ_ONLY_SCRIPT: CommandError =
    CommandError::new("ERR", "Write commands are not allowed from read-only scripts.");

/// What it writes is one record, which is in memory until its end, and may take so many times the memory of the interpreter.
const RECORDS: usize = 4;
const TOO_MUCH: CommandError =
    CommandError::new("ERR", "what the script has written so far takes more memory than lua-memory-limit allows");

/// How much memory changes may take, in bytes, that only clients which watch keys are to be told of.
const MAX_WATCHED: usize = 128 << 10;

/// It was killed, and is about to find that out.
const KILLED: CommandError = CommandError::new("ERR", "Script killed by user with SCRIPT KILL...");

/// A command as a script finds it: with its row in the store, or one of the connection.
type Found = (Option<&'static Row>, &'static KnownCommand);

/// Finds the row of a command, or of its sub-command.
fn find(store: &StoreState, command: &Command) -> Result<Found, CommandError> {
    if let Some(row) = store.table.find(command) {
        match row.resolve(command) {
            Ok(row) => return Ok((Some(row), row.known)),
            Err(refusal) if !refusal.text().starts_with("unknown") => return Err(WRONG_ARITY),
            // The connection has sub-commands of its own.
            Err(_) => {}
        }
    }
    let (parent, known) = in_catalog(command).ok_or(UNKNOWN)?;
    // One that the server does not have, and that no script may run, is refused as such: a script is told the same everywhere.
    let has_reply = |flags: Flags| flags.has(Flags::CONNECTION | Flags::NO_SCRIPT);
    let is_known = has_reply(parent.flags()) || has_reply(known.flags());
    match known.arity().admits(command.len()) {
        false if is_known || !parent.subcommands().is_empty() => Err(WRONG_ARITY),
        true if is_known => Ok((None, known)),
        _ => Err(UNKNOWN),
    }
}

/// The row of a command in the catalog, and that of its sub-command if it names one.
fn in_catalog(command: &Command) -> Option<(&'static KnownCommand, &'static KnownCommand)> {
    let parent = command.known()?;
    let known = match command.arg_at(0) {
        Some(name) if !parent.subcommands().is_empty() => parent.subcommand(name)?,
        _ => parent,
    };
    Some((parent, known))
}

/// Whether there is such a command, also if the server does not have it.
pub(super) fn is_known(command: &Command) -> bool {
    in_catalog(command).is_some()
}

/// Runs a command of a script, and counts it.
pub(super) fn run(host: &mut ScriptHost<'_, '_>, command: Command) -> Response {
    let stats = host.stats;
    let found = find(host.store, &command);
    let row = match found.and_then(|found| admit(host, found, &command)) {
        Ok(row) => row,
        Err(refusal) => {
            let is_unknown = refusal == UNKNOWN;
            let refusal = refusal.into();
            match stats {
                Some(stats) if is_unknown => stats.note_error(&refusal),
                Some(stats) => stats.refuse_nested(&command, &refusal),
                None => {}
            }
            return refusal;
        }
    };
    let counted = stats.map(|stats| stats.begin_nested(&command));
    let answer = call(host, row, command).unwrap_or_else(Response::from);
    if let (Some(stats), Some(counted)) = (stats, counted) {
        stats.end_nested(counted, &answer);
    }
    relieve(host);
    answer
}

/// Lets go of what other commands keep until their end, so that a script that goes on for long takes no more memory with time.
fn relieve(host: &mut ScriptHost<'_, '_>) {
    if let Some(leftovers) = host.commit.leftovers.take_many()
        && host.pace.mover.is_some()
        && leftovers.memory() > LARGE
    {
        host.store.dropper.run(move || drop(leftovers));
    }
    if host.commit.notices_size() > MAX_NOTICES {
        host.store.send_so_far(host.commit, host.command);
    }
    if host.commit.changes_size().0 > MAX_WATCHED {
        host.store.watches.tell(&host.commit.take_watched());
    }
}

/// Whether a script may run a command. Returns its row in the store.
fn admit(
    host: &mut ScriptHost<'_, '_>,
    (row, known): Found,
    command: &Command,
) -> Result<Option<&'static Row>, CommandError> {
    if known.flags().has(Flags::NO_SCRIPT) {
        return Err(NOT_IN_SCRIPT);
    }
    if host.is_read_only && command.may_write() {
        return Err(READ_ONLY_SCRIPT);
    }
    host.command.inspect_nested(command)?;
    if let Some(server) = &host.monitored {
        server.show_nested(host.command, (command, host.database));
    }
    if row.is_some_and(Row::writes) {
        check_writable(host)?;
        let (changes, commands) = host.commit.changes_size();
        if (changes + commands) / RECORDS > host.store.scripts.memory_limit() {
            return Err(TOO_MUCH);
        }
        if !host.begin_write() {
            return Err(KILLED);
        }
    }
    Ok(row)
}

fn call(host: &mut ScriptHost<'_, '_>, row: Option<&'static Row>, mut command: Command) -> Answer {
    let Some(row) = row else { return run_of_connection(host, &command) };
    let publishes = row.known.flags().has(Flags::PUBSUB);
    let is_tracked = host.commit.interests.has(Interests::TRACKING);
    if publishes || is_tracked {
        command = command.in_session(host.command.shared_session(), host.command.number());
    }
    if publishes {
        return Ok(host.store.answer_pub_sub(host.commit, &command, host.command));
    }
    run_held(host, row, &command)
}

/// Whether the store may be written.
fn check_writable(host: &ScriptHost<'_, '_>) -> Result<(), CommandError> {
    let interests = host.store.observers.get();
    if interests.has(Interests::REPLICA) {
        host.store.check_read_only()?;
    }
    match interests.has(Interests::HALTED) {
        true => host.store.write_refusal().map_or(Ok(()), Err),
        false => Ok(()),
    }
}

/// Runs a command of the connection: SELECT is for the script alone.
fn run_of_connection(host: &mut ScriptHost<'_, '_>, command: &Command) -> Answer {
    if command.is("SELECT") {
        let index = command.arg_at(0).and_then(parse_integer).ok_or(CommandError::NOT_AN_INTEGER)?;
        let index = usize::try_from(index).ok().filter(|index| *index < host.store.databases.len());
        host.database = index.ok_or(CommandError::err("DB index is out of range"))?;
        return Ok(Response::ok());
    }
    let command = command.clone().in_session(host.command.shared_session(), host.command.number());
    Ok(ConnectionLayer::run_queued(&command).map_or(Response::Null, |queued| queued.response))
}

fn run_held(host: &mut ScriptHost<'_, '_>, row: &'static Row, command: &Command) -> Answer {
    if !host.commit.may_take_long && may_take_long(row, command) {
        host.move_away();
    }
    let args = Args::new(command);
    match &host.declared {
        Some(declared) => declared.check(row, args, (host.database, &host.store.databases))?,
        None if needs_more(host, row, args)? => hold_all(host),
        None => {}
    }
    let scripts = &host.store.scripts;
    loop {
        scripts.replies().set(scripts.memory_limit());
        let session = host.session.as_deref().unwrap_or_else(|| host.command.session());
        let planned = Planned { row, args, database: host.database, keys: None };
        let slow_log = &host.store.slow_log;
        let began = slow_log.begin_nested(if host.commit.may_take_long { Kind::Long } else { Kind::Short });
        let answer = host.store.execute_held(planned, session, host.held, host.commit);
        if !host.commit.is_postponed {
            slow_log.end_nested(command, session, began);
            return if scripts.replies().is_exceeded() { Err(LARGE_ANSWER) } else { answer };
        }
        // It has found, before its first change, that it takes long.
        host.commit.is_postponed = false;
        host.move_away();
    }
}

/// Whether a command works on shards that are not held: those of the database in which the script began are.
fn needs_more(host: &ScriptHost<'_, '_>, row: &'static Row, args: Args<'_>) -> Result<bool, CommandError> {
    let databases = &host.store.databases;
    if host.held.len() == databases.all_shards().len() {
        return Ok(false);
    }
    if host.database != host.home || matches!(row.spec.scope(&args), Scope::All(_)) {
        return Ok(true);
    }
    if row.spec.locate.is_none() {
        return Ok(false);
    }
    let mut keys = PerKey::new();
    plan::locate(row, args, host.database, databases, &mut keys)?;
    Ok(keys.iter().any(|key| !host.held.has(key.shard as usize)))
}

/// Holds all shards. Those that were held stay so: what the script has read is still true.
#[cold]
fn hold_all(host: &mut ScriptHost<'_, '_>) {
    if !plan::try_hold_all(host.held, &host.store.databases) {
        host.move_away();
        plan::hold_all(host.held, &host.store.databases);
    }
}
