//! [`ScriptHost`]: what a script calls of the store, while it runs over locked shards.

use std::{
    cell::Cell,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use kvstore_lua::{Host, Interrupt, Kind as LuaKind, Raise, Stack};
use kvstore_middleware::CommandStats;
use kvstore_protocol::{Command, Protocol, Response, Session, Word};
use smallvec::SmallVec;

use super::{
    api::{host, raise},
    declared::Declared,
    fiber::Mover,
    nested::is_known,
    number::push_number,
    running::{Kind, LongScript},
    to_lua::{push_counted_error, push_error, push_response},
};
use crate::server::ServerStatus;
use crate::store::{call::LONG_WORK, commit::Commit, gate::Raised, held::HeldShards, state::StoreState};

/// How long a script may keep the thread of its connection, from the first time that it is asked.
const BUDGET: Duration = Duration::from_micros(300);

/// After so many commands a script is asked for the time, besides every ten thousand steps of its own.
const COMMANDS: u32 = 32;

/// After a reply of so many bytes, or so much work, it is asked too.
const LARGE_REPLY: usize = 64 << 10;
const VERY_LARGE_REPLY: usize = 256 << 10;
const MUCH_WORK: usize = LONG_WORK / 4;

/// The store, for one run of a script.
pub(super) struct ScriptHost<'r, 's> {
    pub(super) store: &'s StoreState,
    /// EVAL, FCALL or one of their kin.
    pub(super) command: &'r Command,
    pub(super) held: &'r mut HeldShards<'s>,
    pub(super) commit: &'r mut Commit,
    /// The selected database: at the beginning, and now.
    pub(super) home: usize,
    pub(super) database: usize,
    pub(super) is_read_only: bool,
    /// The version of RESP that it speaks, and a session that does, if that of the client does not.
    pub(super) protocol: &'r Cell<Protocol>,
    pub(super) session: Option<Arc<Session>>,
    pub(super) has_written: bool,
    /// The server, if somebody monitors its commands.
    pub(super) monitored: Option<&'r ServerStatus>,
    /// Counts its commands.
    pub(super) stats: Option<&'r CommandStats>,
    /// The keys that it may touch; `None` for all.
    pub(super) declared: Option<Declared<'r>>,
    pub(super) pace: Pace<'r, 's>,
}

/// How a script gets on: whether connections wait for its thread, and for how long.
pub(super) struct Pace<'r, 's> {
    /// Moves it to another thread, as long as connections wait for this one.
    pub(super) mover: Option<Mover<'r>>,
    /// Set when it moves, and kept until its locks are given back.
    pub(super) raised: &'r mut Option<Raised<'s>>,
    pub(super) interrupt: Interrupt,
    pub(super) kind: Kind,
    /// The hash of the script, or the name of the function.
    pub(super) name: &'r dyn Fn() -> String,
    pub(super) deadline: Option<Instant>,
    pub(super) commands: u32,
    /// Once it takes long.
    pub(super) long: Option<Arc<LongScript>>,
}

impl<'r, 's> ScriptHost<'r, 's> {
    /// Goes on on a thread that keeps no connection waiting.
    #[cold]
    pub(super) fn move_away(&mut self) {
        self.commit.may_take_long = true;
        let Some(mover) = self.pace.mover.take() else { return };
        *self.pace.raised = Some(self.store.databases.gate.raise());
        self.become_long();
        mover.suspend();
    }

    /// Shows the script to those who ask what takes so long.
    fn become_long(&mut self) -> Arc<LongScript> {
        if let Some(long) = &self.pace.long {
            return Arc::clone(long);
        }
        let what = (self.pace.kind, (self.pace.name)());
        let interrupt = self.pace.interrupt.clone();
        let script = LongScript::new(what, self.command, self.store.clock.now(), interrupt, self.has_written);
        let long = self.store.scripts.running.begin(script);
        self.pace.long = Some(Arc::clone(&long));
        long
    }

    /// Notes that a command that writes is about to run: from now on the script cannot be killed. Returns `false` if it was.
    pub(super) fn begin_write(&mut self) -> bool {
        self.has_written = self.has_written || self.pace.long.as_ref().is_none_or(|long| long.begin_write());
        self.has_written
    }

    /// Has used some time: moves the script if it was too much.
    #[cold]
    fn note_time(&mut self) {
        if self.pace.mover.is_none() {
            let now = self.store.clock.now();
            let script = self.become_long();
            if self.store.scripts.running.is_overdue(&script, now) {
                self.store.databases.gate.set_busy(true);
            }
            return;
        }
        let now = Instant::now();
        match self.pace.deadline {
            None => self.pace.deadline = Some(now + BUDGET),
            Some(deadline) if now < deadline => {}
            Some(_) => self.move_away(),
        }
    }

    /// Has run a command: what it has to answer is still to be converted.
    fn note_work(&mut self, size: usize) {
        if size >= VERY_LARGE_REPLY && self.pace.mover.is_some() {
            self.move_away();
        } else if size >= LARGE_REPLY || self.commit.work >= MUCH_WORK {
            self.commit.work = 0;
            self.note_time();
        }
    }

    /// `redis.call(name, …)` and `redis.pcall`.
    fn redis_call(&mut self, stack: &mut Stack<'_>, raises: bool) -> Result<usize, Raise> {
        self.pace.commands += 1;
        if self.pace.commands.is_multiple_of(COMMANDS) {
            self.note_time();
        }
        let command = command_of(stack, self.store.scripts.memory_limit());
        // A call with thousands of arguments leaves no slot for the reply.
        stack.truncate(0);
        match command {
            Err(text) => push_error(stack, format!("ERR {text}").as_bytes())?,
            Ok(command) => {
                let response = super::nested::run(self, command);
                self.note_work(response.size());
                match response {
                    Response::Error(text) => push_counted_error(stack, &text)?,
                    response => {
                        push_response(stack, &response, self.protocol.get())?;
                        return Ok(1);
                    }
                }
            }
        }
        if raises { Err(Raise::Value) } else { Ok(1) }
    }

    /// `redis.setresp(version)`: the version of RESP of what the commands answer.
    fn setresp(&mut self, stack: &mut Stack<'_>) -> Result<usize, Raise> {
        if stack.len() != 1 {
            return Err(raise(stack, "ERR redis.setresp() requires one argument."));
        }
        let protocol = match stack.to_number(1) {
            Some(2.0) => Protocol::Resp2,
            Some(3.0) => Protocol::Resp3,
            _ => return Err(raise(stack, "ERR RESP version must be 2 or 3.")),
        };
        self.protocol.set(protocol);
        self.session = session_of(self.command, protocol);
        Ok(0)
    }

    /// `redis.acl_check_cmd(name, …)`: whether the user may run the command.
    fn acl_check_cmd(&mut self, stack: &mut Stack<'_>) -> Result<usize, Raise> {
        let command = command_of(stack, self.store.scripts.memory_limit())
            .map_err(|text| raise(stack, &format!("ERR {text}")))?;
        if !is_known(&command) {
            return Err(raise(stack, "ERR Invalid command passed to redis.acl_check_cmd()"));
        }
        // There are no access control lists: a user may do everything.
        stack.push_boolean(true)?;
        Ok(1)
    }
}

impl Host for ScriptHost<'_, '_> {
    fn call(&mut self, id: u32, stack: &mut Stack<'_>) -> Result<usize, Raise> {
        match id {
            host::CALL => self.redis_call(stack, true),
            host::PCALL => self.redis_call(stack, false),
            host::SETRESP => self.setresp(stack),
            host::ACL_CHECK_CMD => self.acl_check_cmd(stack),
            _ => Err(raise(stack, "ERR redis.register_function can only be called on FUNCTION LOAD command")),
        }
    }

    fn checkpoint(&mut self) -> bool {
        self.note_time();
        true
    }
}

/// The session of a script that speaks this version of RESP, if that of its client speaks another.
pub(super) fn session_of(command: &Command, protocol: Protocol) -> Option<Arc<Session>> {
    (command.session().protocol() != protocol).then(|| {
        let mut session = command.shared_session();
        Arc::make_mut(&mut session).set_protocol(protocol);
        session
    })
}

/// The command that a script calls: the arguments of the call, of so many bytes at most.
fn command_of(stack: &Stack<'_>, limit: usize) -> Result<Command, &'static str> {
    const NONE: &str = "Please specify at least one argument for this redis lib call";
    const NO_TEXT: &str = "Lua redis lib command arguments must be strings or integers";
    const TOO_LARGE: &str = "The arguments of the command take more memory than lua-memory-limit allows";
    let words = 1..=stack.len();
    if words.is_empty() {
        return Err(NONE);
    }
    let size: usize = words.clone().map(|index| stack.bytes(index).map_or(24, <[u8]>::len)).sum();
    if size > limit.min(Word::MAX_END) {
        return Err(TOO_LARGE);
    }
    let (mut frame, mut ranges) = (Vec::with_capacity(size), SmallVec::<[Word; 8]>::new());
    for index in words {
        let start = frame.len();
        match stack.bytes(index) {
            Some(bytes) => frame.extend_from_slice(bytes),
            None if stack.kind(index) == LuaKind::Number => {
                push_number(stack.number(index).unwrap_or_default(), &mut frame);
            }
            None => return Err(NO_TEXT),
        }
        ranges.push(Word::within(start..frame.len()));
    }
    Ok(Command::from_frame(Bytes::from(frame), &ranges))
}
