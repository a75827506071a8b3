//! EVAL and its kin: a script is found, its shards are locked, and it runs over them as one commit.

use std::{cell::Cell, ops::Range, sync::Arc};

use kvstore_lua::{Failure, Kind as LuaKind, Raise, Reason, Reference, Run};
use kvstore_middleware::CommandStats;
use kvstore_protocol::{Command, CommandError, Protocol, Response, catalog::Flags, parse_integer};
use parking_lot::MutexGuard;

use super::{
    cache::Script,
    declared::Declared,
    engine::{Compiled, Engine, Engines, Failed, push_script},
    fiber::{Fiber, Mover, Started},
    from_lua::pop_response,
    host::{Pace, ScriptHost, session_of},
    running::Kind,
    sha::Sha,
    shebang::{self, ScriptFlags},
    to_lua::is_counted,
};
use crate::server::ServerStatus;
use crate::store::{
    args::Args,
    call::KeySlot,
    commit::Commit,
    databases::{KeyRef, Location, MAX_WAIT},
    execute::{Attempt, Patience, Stopped, may_take_long},
    gate::Raised,
    held::{HeldShards, Shards},
    observers::Interests,
    plan::{LockPlan, PerKey},
    settle::Seen,
    spec::{Answer, Hold, Scope},
    state::StoreState,
    tracking::ClientTracking,
};

const NO_SCRIPT: CommandError = CommandError::new("NOSCRIPT", "No matching script. Please use EVAL.");
const TOO_MANY_KEYS: CommandError = CommandError::new("ERR", "Number of keys can't be greater than number of args");
const NEGATIVE_KEYS: CommandError = CommandError::new("ERR", "Number of keys can't be negative");
const READ_ONLY_COMMAND: CommandError =
    CommandError::new("ERR", "Can not execute a script with write flag using *_ro command.");
const READ_ONLY_REPLICA: CommandError =
    CommandError::new("READONLY", "Can not run script with write flag on readonly replica.");

/// What came of a command on a fiber: its answer, or why there is none yet.
pub(in crate::store) type OnFiber = (Answer, Option<Stopped>);

/// A script that is about to run.
struct Prepared {
    program: Program,
    is_read_only: bool,
    /// Whether it touches no other keys than those that it declares.
    keeps_to_keys: bool,
    /// Whether it is one of EVAL that is asked for by its hash: from now on it stays.
    is_to_stay: bool,
    keys: usize,
}

impl Prepared {
    /// The keys that it declares.
    fn keys<'c>(&self, command: &'c Command) -> impl Iterator<Item = &'c [u8]> {
        let args = Args::new(command);
        (2..2 + self.keys).map(move |index| args.bytes(index))
    }
}

/// What runs.
enum Program {
    Script(Arc<Script>),
    /// The function with this name.
    Function(String),
}

impl Program {
    fn kind(&self) -> Kind {
        if let Self::Script(_) = self { Kind::Script } else { Kind::Function }
    }

    /// The hash of the script, or the name of the function.
    fn name(&self) -> String {
        match self {
            Self::Script(script) => script.sha.to_string(),
            Self::Function(name) => name.clone(),
        }
    }
}

/// What a run works with: the interpreters, the shards that it holds, and the commit that it is a part of.
pub(in crate::store) struct Running<'r, 's> {
    pub(in crate::store) engines: &'r mut Engines,
    pub(in crate::store) held: &'r mut HeldShards<'s>,
    pub(in crate::store) commit: &'r mut Commit,
    /// Set when the script moves to another thread.
    pub(in crate::store) raised: &'r mut Option<Raised<'s>>,
    pub(in crate::store) mover: Option<Mover<'r>>,
    /// Whether its answer is that of a command, and not a part of that of EXEC.
    pub(in crate::store) is_whole: bool,
}

/// What a script has answered.
struct Outcome {
    response: Response,
    /// Whether it is the error of a command of the script, which is counted.
    is_counted: bool,
    /// Whether the script was stopped in the middle.
    was_stopped: bool,
    /// Whether it needed more memory than there is.
    had_no_memory: bool,
}

impl From<Response> for Outcome {
    fn from(response: Response) -> Self {
        Self { response, is_counted: false, was_stopped: false, had_no_memory: false }
    }
}

impl StoreState {
    /// Runs a command on a fiber, which may leave this thread, if connections wait for it.
    pub(in crate::store) fn on_fiber(
        &self,
        command: &Command,
        attempt: &mut Attempt,
        run: fn(&Self, &Command, &mut Attempt, Option<Mover<'_>>) -> Answer,
    ) -> Answer {
        if attempt.patience != Patience::Short {
            return run(self, command, attempt, None);
        }
        let store = self.myself.upgrade().expect("a store that runs a command is there");
        let command = command.clone();
        let started = Fiber::start(move |mover| {
            let mut attempt = Attempt::new(Patience::Short);
            let answer = run(&store, &command, &mut attempt, Some(mover));
            (answer, attempt.stopped)
        });
        match started {
            None => Err(attempt.stop(Stopped::Long)),
            Some(Started::Suspended(fiber)) => Err(attempt.stop(Stopped::Moved(fiber))),
            Some(Started::Done((answer, stopped))) => {
                attempt.stopped = stopped;
                answer
            }
        }
    }

    /// EVAL, EVALSHA, FCALL and their kin.
    pub(in crate::store) fn execute_script(&self, command: &Command, attempt: &mut Attempt) -> Answer {
        let row = self.row_of(command)?;
        attempt.check(may_take_long(row, command))?;
        self.on_fiber(command, attempt, Self::execute_script_here)
    }

    #[inline(never)]
    fn execute_script_here(&self, command: &Command, attempt: &mut Attempt, mover: Option<Mover<'_>>) -> Answer {
        let Some(mut engines) = self.lock_engines(attempt.patience) else {
            return Err(attempt.stop(Stopped::Gated));
        };
        let prepared = self.prepare(command)?;
        let database = self.selected(command.session());
        let mut raised = None;
        let Some(mut held) = self.lock_for_script(&prepared, command, database, attempt.patience) else {
            return Err(attempt.stop(Stopped::Gated));
        };
        let may_write = || !prepared.is_read_only || prepared.is_to_stay;
        // What refuses all that write refuses the commands of the script one by one.
        if self.check_journal(may_write, attempt).is_err() && attempt.stopped.is_some() {
            return Err(crate::store::execute::STOPPED);
        }
        self.check_snapshot(may_write, &[], &held, attempt)?;
        let mut commit = self.begin(attempt.patience);
        let running = Running {
            engines: &mut engines,
            held: &mut held,
            commit: &mut commit,
            raised: &mut raised,
            mover,
            is_whole: true,
        };
        let answer = self.run_prepared(&prepared, command, database, running);
        if commit.is_abandoned {
            held.seal();
            return answer;
        }
        self.serve_waiting(&mut commit, &mut held);
        if let Some(tracking) = ClientTracking::of(command.session(), self) {
            tracking.note_read(command.number());
        }
        let number = self.tell(&mut commit, &Shards::Many(&mut held), Some(command));
        drop(held);
        drop(engines);
        drop(raised);
        self.finish(&mut commit);
        self.settle(answer, number, Seen::All, attempt)
    }

    /// Locks the shards of the database, or those of the declared keys if the script keeps to them, and of those who wait for these.
    /// `None` if a long command holds one of them, and there is no patience.
    fn lock_for_script(
        &self,
        prepared: &Prepared,
        command: &Command,
        database: usize,
        patience: Patience,
    ) -> Option<HeldShards<'_>> {
        // Those of the database order among snapshots that a script is kept.
        if !prepared.keeps_to_keys || prepared.is_to_stay {
            let mut plan = LockPlan::default();
            plan.add_scope(Scope::Database(Hold::AtOnce), database, true, &self.databases);
            return plan.lock(&mut [], &self.databases, patience);
        }
        loop {
            let slot = |name| {
                let Location { hash, shard } = self.databases.locate(KeyRef { database, name });
                KeySlot::new(name, hash, shard, database)
            };
            let mut keys: PerKey<_> = prepared.keys(command).map(slot).collect();
            let mut plan = LockPlan::default();
            self.add_shards_to_serve(&mut plan, &keys);
            let held = plan.lock(&mut keys, &self.databases, patience)?;
            // Others may have come to wait before the shards were locked.
            if self.holds_shards_to_serve(&held, &keys) {
                return Some(held);
            }
        }
    }

    /// Runs a script as a part of a transaction, which holds all shards.
    pub(in crate::store) fn run_script<'s>(
        &'s self,
        command: &Command,
        database: usize,
        running: Running<'_, 's>,
    ) -> Answer {
        let prepared = self.prepare(command)?;
        self.run_prepared(&prepared, command, database, running)
    }

    /// Why commands are refused whose locks a script holds, if it has held them for too long.
    pub(in crate::store) fn busy_refusal(&self) -> Option<CommandError> {
        if self.databases.gate.is_busy() { self.scripts.running.refusal() } else { None }
    }

    /// Locks the interpreters. They are locked before any shard. `None` if a long script runs, and there is no patience.
    pub(in crate::store) fn lock_engines(&self, patience: Patience) -> Option<MutexGuard<'_, Engines>> {
        let engines = &self.scripts.engines;
        if let Some(locked) = engines.try_lock() {
            return Some(locked);
        }
        let gate = &self.databases.gate;
        while !(gate.is_up() && self.databases.gives_up(patience)) {
            if let Some(locked) = engines.try_lock_for(MAX_WAIT) {
                return Some(locked);
            }
        }
        None
    }

    /// Finds the script of a command, and checks whether it may run.
    fn prepare(&self, command: &Command) -> Result<Prepared, CommandError> {
        let (mut is_to_stay, args) = (false, Args::new(command));
        let (program, flags, keys) = if is_of_function(command) {
            const NO_FUNCTION: CommandError = CommandError::new("ERR", "Function not found");
            const NO_NUMBER: CommandError = CommandError::new("ERR", "Bad number of keys provided");
            let name = std::str::from_utf8(args.bytes(0)).map_err(|_| NO_FUNCTION)?;
            let libraries = Arc::clone(&self.scripts.libraries.lock());
            let (_, function) = libraries.find(name).ok_or(NO_FUNCTION)?;
            (Program::Function(function.name.clone()), function.flags, number_of_keys(&args, NO_NUMBER)?)
        } else {
            if is_by_hash(command) && args.bytes(0).len() != 40 {
                return Err(NO_SCRIPT);
            }
            let keys = number_of_keys(&args, CommandError::NOT_AN_INTEGER)?;
            let script;
            (script, is_to_stay) = self.find_script(command, args.bytes(0))?;
            let flags = script.flags;
            (Program::Script(script), flags, keys)
        };
        let is_read_only = self.check_flags(flags, command.flags().has(Flags::READ))?;
        let keeps_to_keys = flags.has(ScriptFlags::DECLARED_KEYS) || self.scripts.keeps_to_keys();
        Ok(Prepared { program, is_read_only, keeps_to_keys, is_to_stay, keys })
    }

    /// Whether a script or a function says of itself that it only reads.
    pub(in crate::store) fn only_reads(&self, command: &Command) -> bool {
        let Some(named) = command.arg_at(0) else { return false };
        let flags = if is_of_function(command) {
            let libraries = Arc::clone(&self.scripts.libraries.lock());
            std::str::from_utf8(named).ok().and_then(|name| Some(libraries.find(name)?.1.flags))
        } else if is_by_hash(command) {
            Sha::parse(named).and_then(|sha| Some(self.scripts.cache.lock().find(&sha)?.0.flags))
        } else {
            shebang::of_script(named).ok().map(|(flags, _)| flags)
        };
        flags.is_some_and(|flags| flags.has(ScriptFlags::NO_WRITES))
    }

    /// The script that a command names, and whether it is to stay from now on.
    fn find_script(&self, command: &Command, named: &[u8]) -> Result<(Arc<Script>, bool), CommandError> {
        if !is_by_hash(command) {
            return Ok((self.scripts.evaluate(named)?, false));
        }
        let found = Sha::parse(named).and_then(|sha| self.scripts.cache.lock().find(&sha));
        let (script, stays) = found.ok_or(NO_SCRIPT)?;
        Ok((script, !stays))
    }

    /// Keeps a script of EVAL as SCRIPT LOAD does, since a client relies on it: it is recorded.
    #[cold]
    fn keep_script(&self, script: &Script, database: usize, commit: &mut Commit) {
        let is_refused = commit.interests.has(Interests::HALTED) && self.write_refusal().is_some();
        if !is_refused && self.scripts.cache.lock().keep(&script.sha) {
            commit.add_unnamed();
            commit.record_rest(database, &Command::new("SCRIPT").arg("LOAD").arg(&script.source));
        }
    }

    /// Whether what a script says of itself suits the command, and the state of the store. Returns whether it only reads.
    fn check_flags(&self, flags: ScriptFlags, by_reader: bool) -> Result<bool, CommandError> {
        if flags.has(ScriptFlags::UNSAID) || flags.has(ScriptFlags::NO_WRITES) {
            return Ok(by_reader || flags.has(ScriptFlags::NO_WRITES));
        }
        if self.observers.get().has(Interests::REPLICA) && self.check_read_only().is_err() {
            return Err(READ_ONLY_REPLICA);
        }
        if let Some(refusal) = self.write_refusal() {
            return Err(refusal);
        }
        if by_reader { Err(READ_ONLY_COMMAND) } else { Ok(false) }
    }

    fn run_prepared<'s>(
        &'s self,
        prepared: &Prepared,
        command: &Command,
        database: usize,
        running: Running<'_, 's>,
    ) -> Answer {
        let Running { engines, held, commit, raised, mover, is_whole } = running;
        if let (true, Program::Script(script)) = (prepared.is_to_stay, &prepared.program) {
            self.keep_script(script, database, commit);
        }
        let (kind, memory) = (prepared.program.kind(), self.scripts.memory_limit());
        let (engine, function) = match &prepared.program {
            Program::Script(_) => (engines.of_scripts(&mut self.scripts.cache.lock(), memory)?, None),
            Program::Function(name) => {
                let libraries = Arc::clone(&self.scripts.libraries.lock());
                let (engine, function) = engines.of_functions(&libraries, name, memory)?;
                (engine, Some(function))
            }
        };
        let mut before = engine.lua.memory_used();
        let is_used = engine.is_used(before);
        let (what, over) = ((command, database), (&mut *held, &mut *commit));
        let mut outcome = self.run_in(engine, function, prepared, what, over, (mover, &mut *raised));
        if kind == Kind::Script && is_used && outcome.as_ref().is_err_and(|failed| failed.had_no_memory) {
            // Others may have left too little, and it has done nothing yet.
            self.drop_scripts(engines);
            let engine = engines.of_scripts(&mut self.scripts.cache.lock(), memory)?;
            before = engine.lua.memory_used();
            let mover = mover.filter(|_| raised.is_none());
            outcome = self.run_in(engine, None, prepared, what, (held, commit), (mover, raised));
        }
        let had_no_memory = match &outcome {
            Ok(outcome) => outcome.had_no_memory,
            Err(failed) => failed.had_no_memory,
        };
        if kind == Kind::Script && (had_no_memory || engines.is_spent(before, memory)) {
            self.drop_scripts(engines);
        }
        if kind == Kind::Function && had_no_memory {
            // What functions keep in their libraries goes with the interpreter: it would leave too little to the others.
            let engine = engines.take_functions();
            self.dropper.run(move || drop(engine));
        }
        self.scripts.note_memory(kind, engines.memory(kind));
        let outcome = outcome.map_err(|failed| {
            if let Program::Script(script) = &prepared.program {
                self.scripts.cache.lock().forget(&script.sha);
            }
            failed.refusal
        });
        let Outcome { response, is_counted, .. } = outcome?;
        if let Some(stats) = stats_of(command).filter(|_| is_counted && is_whole) {
            stats.passes_on(&response);
        }
        Ok(response)
    }

    /// Drops the interpreter of scripts: what is compiled and what they have left goes with it. To collect that would take longer, and
    /// be waited for.
    #[cold]
    fn drop_scripts(&self, engines: &mut Engines) {
        let engine = engines.take_scripts();
        self.dropper.run(move || drop(engine));
    }

    /// Runs a script or a function in its interpreter.
    ///
    /// # Errors
    /// If it has not begun.
    fn run_in<'s>(
        &'s self,
        engine: &mut Engine,
        function: Option<&Reference>,
        prepared: &Prepared,
        (command, database): (&Command, usize),
        (held, commit): (&mut HeldShards<'s>, &mut Commit),
        (mover, raised): (Option<Mover<'_>>, &mut Option<Raised<'s>>),
    ) -> Result<Outcome, Failed> {
        let (program, protocol) = (&prepared.program, Cell::new(Protocol::Resp2));
        let pace = Pace {
            mover,
            raised,
            interrupt: engine.lua.interrupt(),
            kind: program.kind(),
            name: &|| program.name(),
            deadline: None,
            commands: 0,
            long: None,
        };
        let server = command.session().extensions().get::<ServerStatus>();
        let mut host = ScriptHost {
            store: self,
            command,
            held,
            commit,
            home: database,
            database,
            is_read_only: prepared.is_read_only,
            protocol: &protocol,
            session: session_of(command, Protocol::Resp2),
            has_written: false,
            monitored: server.filter(|server| server.is_monitored()),
            stats: server.and_then(ServerStatus::command_stats),
            declared: prepared.keeps_to_keys.then(|| Declared::new(prepared.keys(command), database)),
            pace,
        };
        let (lua, compiled) = engine.parts();
        host.commit.is_in_script = true;
        let mut run = lua.run(&mut host);
        run.seed(self.seed() as u32);
        let outcome = Self::push_program(&mut run, compiled, program, function)
            .map(|()| call(&mut run, program, command, prepared.keys, &protocol));
        drop(run);
        host.commit.is_in_script = false;
        // Only the end of the server stops a script that has written.
        host.commit.is_abandoned |= host.has_written && outcome.as_ref().is_ok_and(|outcome| outcome.was_stopped);
        if host.pace.long.is_some() {
            self.scripts.running.end();
            self.databases.gate.set_busy(false);
            // It may have been killed too late.
            host.pace.interrupt.clear();
        }
        outcome
    }

    /// Pushes the function of a script, which is compiled if it was not yet, or a function of a library.
    fn push_program(
        run: &mut Run<'_>,
        compiled: &mut Compiled,
        program: &Program,
        function: Option<&Reference>,
    ) -> Result<(), Failed> {
        match (program, function) {
            (Program::Script(script), _) => push_script(run, compiled, script),
            (Program::Function(_), Some(function)) => {
                run.push_reference(function).map_err(|refusal| CommandError::err(refusal.to_string()).into())
            }
            (Program::Function(_), None) => unreachable!("a function was found with its engine"),
        }
    }
}

/// Counts the commands of the server that a command came through.
fn stats_of(command: &Command) -> Option<&CommandStats> {
    command.session().extensions().get::<ServerStatus>().and_then(ServerStatus::command_stats)
}

fn is_of_function(command: &Command) -> bool {
    command.is("FCALL") || command.is("FCALL_RO")
}

fn is_by_hash(command: &Command) -> bool {
    command.is("EVALSHA") || command.is("EVALSHA_RO")
}

/// The number of keys, which are the arguments behind it.
fn number_of_keys(args: &Args<'_>, no_number: CommandError) -> Result<usize, CommandError> {
    let number = parse_integer(args.bytes(1)).ok_or(no_number)?;
    let keys = usize::try_from(number).map_err(|_| NEGATIVE_KEYS)?;
    if keys > args.len() - 2 { Err(TOO_MANY_KEYS) } else { Ok(keys) }
}

/// Calls a script or a function, which is on top of the stack.
fn call(run: &mut Run<'_>, program: &Program, command: &Command, keys: usize, protocol: &Cell<Protocol>) -> Outcome {
    let (args, client) = (Args::new(command), command.session().protocol());
    let note_error = |error: &Response| stats_of(command).iter().for_each(|stats| stats.note_error(error));
    let (keys, argv) = (2..2 + keys, 2 + keys..args.len());
    let pushed = match program {
        Program::Script(_) => set_globals(run, args, keys, argv).map(|()| 0),
        // A function gets them as its arguments.
        Program::Function(_) => push_words(run, args, keys).and_then(|()| push_words(run, args, argv)).map(|()| 2),
    };
    let called = match pushed {
        Ok(arguments) => run.call(arguments, 1),
        Err(refusal) => return raised_outside(&refusal, program),
    };
    match called {
        Ok(()) => match pop_response(run, protocol.get(), client, &note_error) {
            Ok((response, is_counted)) => Outcome { is_counted, ..response.into() },
            Err(refusal) => raised_outside(&refusal, program),
        },
        Err(failure) => failed(run, &failure, program),
    }
}

/// Sets `KEYS` and `ARGV`.
fn set_globals(run: &mut Run<'_>, args: Args<'_>, keys: Range<usize>, argv: Range<usize>) -> Result<(), Raise> {
    run.push_globals()?;
    run.set_readonly(-1, false)?;
    push_words(run, args, keys)?;
    run.set_field(-2, b"KEYS")?;
    push_words(run, args, argv)?;
    run.set_field(-2, b"ARGV")?;
    run.set_readonly(-1, true)?;
    run.pop(1);
    Ok(())
}

/// Pushes a table of arguments.
fn push_words(run: &mut Run<'_>, args: Args<'_>, indices: Range<usize>) -> Result<(), Raise> {
    run.new_table(indices.len(), 0)?;
    for (place, index) in (1..).zip(indices) {
        run.push_bytes(args.bytes(index))?;
        run.set_index(-2, place)?;
    }
    Ok(())
}

/// The answer when the arguments or the reply of a script are too large for it.
fn raised_outside(refusal: &Raise, program: &Program) -> Outcome {
    // The libraries are no less usable for arguments that were too large.
    let had_no_memory = *refusal == Raise::Memory && program.kind() == Kind::Script;
    Outcome { had_no_memory, ..Response::error("ERR", &refusal.to_string()).into() }
}

/// The answer of a script that has failed. What it has raised is on top of the stack.
fn failed(run: &mut Run<'_>, failure: &Failure, program: &Program) -> Outcome {
    let is_counted = failure.reason == Reason::Error && is_counted(run);
    let mut text = match (failure.reason, program.kind()) {
        (Reason::Error, _) => raised_text(run),
        (Reason::Memory, _) => b"ERR not enough memory".to_vec(),
        (_, Kind::Script) => b"ERR Script killed by user with SCRIPT KILL...".to_vec(),
        (_, Kind::Function) => b"ERR Script killed by user with FUNCTION KILL...".to_vec(),
    };
    if let (Some(source), Some(line)) = (&failure.source, failure.line) {
        text.extend_from_slice(format!(" script: {}, on {source}:{line}.", program.name()).as_bytes());
    }
    let [was_stopped, had_no_memory] = [Reason::Stopped, Reason::Memory].map(|reason| failure.reason == reason);
    Outcome { response: Response::Error(text.into()), is_counted, was_stopped, had_no_memory }
}

/// The text of the value that a script has raised: of a table it is the field `err`.
fn raised_text(run: &mut Run<'_>) -> Vec<u8> {
    if run.kind(-1) == LuaKind::Table {
        let is_found = run.get_field(-1, b"err").is_ok();
        let text = if is_found { run.to_bytes(-1) } else { None };
        return text.map_or_else(|| b"ERR unknown error".to_vec(), |text| text.into_owned());
    }
    let text = match run.to_bytes(-1) {
        Some(text) => text.into_owned(),
        None if run.kind(-1) == LuaKind::Boolean => run.boolean(-1).to_string().into_bytes(),
        None => run.type_name(-1).as_bytes().to_vec(),
    };
    [b"ERR ", &text[..]].concat()
}
