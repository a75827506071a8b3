//! [`Running`]: the script that takes long just now, for SCRIPT KILL, FUNCTION STATS and those who wait for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use kvstore_lua::Interrupt;
use kvstore_protocol::{Command, CommandError, Response};
use parking_lot::{Condvar, Mutex};

/// The default of `busy-reply-threshold`, in milliseconds.
const BUSY_AFTER: u64 = 5000;

const NOT_BUSY: CommandError = CommandError::new("NOTBUSY", "No scripts in execution right now.");
const BUSY_SCRIPT: CommandError =
    CommandError::new("BUSY", "Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.");
const BUSY_FUNCTION: CommandError =
    CommandError::new("BUSY", "Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.");
const UNKILLABLE: CommandError = CommandError::new(
    "UNKILLABLE",
    "Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the \
     server in a hard way using the SHUTDOWN NOSAVE command.",
);

/// Whether it is a script or a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Kind {
    Script,
    Function,
}

/// What a script has done so far: it has not written, or has, or was killed before it did.
const READS: u8 = 0;
const WRITES: u8 = 1;
const KILLED: u8 = 2;

/// A script that runs.
#[derive(Debug)]
pub(super) struct LongScript {
    pub(super) kind: Kind,
    /// The hash of the script, or the name of the function.
    pub(super) name: String,
    words: Vec<Bytes>,
    began: Duration,
    interrupt: Interrupt,
    /// Changed once: a script that is killed writes nothing any more, and one that writes is not killed.
    progress: AtomicU8,
}

impl LongScript {
    pub(super) fn new(
        (kind, name): (Kind, String),
        command: &Command,
        began: Duration,
        interrupt: Interrupt,
        has_written: bool,
    ) -> Self {
        let words = command.words().map(Bytes::copy_from_slice).collect();
        let progress = AtomicU8::new(if has_written { WRITES } else { READS });
        Self { kind, name, words, began, interrupt, progress }
    }

    /// Notes that it is about to write. Returns `false` if it was killed before.
    pub(super) fn begin_write(&self) -> bool {
        self.becomes(WRITES)
    }

    /// Stops it. Returns `false` if it has written.
    fn kill(&self) -> bool {
        let is_killed = self.becomes(KILLED);
        if is_killed {
            self.interrupt.stop();
        }
        is_killed
    }

    fn becomes(&self, progress: u8) -> bool {
        match self.progress.compare_exchange(READS, progress, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            Err(already) => already == progress,
        }
    }

    /// The map of FUNCTION STATS.
    fn describe(&self, now: Duration) -> Response {
        let took = now.saturating_sub(self.began).as_millis() as u64;
        Response::Map(vec![
            ("name".into(), self.name.as_str().into()),
            ("command".into(), Response::array(self.words.iter().cloned())),
            ("duration_ms".into(), took.into()),
        ])
    }
}

/// The script that takes long, if one does.
#[derive(Debug)]
pub(in crate::store) struct Running {
    script: Mutex<Option<Arc<LongScript>>>,
    /// Told when the script ends.
    ended: Condvar,
    /// Whether none may take long any more: the server ends.
    is_closing: AtomicBool,
    /// In milliseconds; 0 if they are never refused.
    busy_after: AtomicU64,
}

impl Default for Running {
    fn default() -> Self {
        Self {
            script: Mutex::default(),
            ended: Condvar::new(),
            is_closing: AtomicBool::new(false),
            busy_after: AtomicU64::new(BUSY_AFTER),
        }
    }
}

impl Running {
    /// The setting `busy-reply-threshold`, in milliseconds.
    pub(in crate::store) fn busy_after(&self) -> u64 {
        self.busy_after.load(Ordering::Relaxed)
    }

    pub(in crate::store) fn set_busy_after(&self, milliseconds: u64) {
        self.busy_after.store(milliseconds, Ordering::Relaxed);
    }

    pub(super) fn begin(&self, script: LongScript) -> Arc<LongScript> {
        let script = Arc::new(script);
        *self.script.lock() = Some(Arc::clone(&script));
        if self.is_closing.load(Ordering::Acquire) {
            script.interrupt.stop();
        }
        script
    }

    pub(super) fn end(&self) {
        *self.script.lock() = None;
        self.ended.notify_all();
    }

    /// Whether a script takes so long that others are refused.
    pub(super) fn is_overdue(&self, script: &LongScript, now: Duration) -> bool {
        let after = self.busy_after();
        after > 0 && now.saturating_sub(script.began) >= Duration::from_millis(after)
    }

    /// The answer to those whom the script keeps waiting for too long.
    pub(super) fn refusal(&self) -> Option<CommandError> {
        let kind = self.script.lock().as_ref()?.kind;
        Some(if kind == Kind::Script { BUSY_SCRIPT } else { BUSY_FUNCTION })
    }

    /// SCRIPT KILL and FUNCTION KILL.
    ///
    /// # Errors
    /// If nothing runs, or it is of the other kind, or it has written.
    pub(in crate::store) fn kill(&self, kind: Kind) -> Result<(), CommandError> {
        let script = self.script.lock();
        let script = script.as_ref().ok_or(NOT_BUSY)?;
        match (kind, script.kind) {
            _ if script.progress.load(Ordering::Acquire) == WRITES => Err(UNKILLABLE),
            (Kind::Script, Kind::Function) => Err(BUSY_FUNCTION),
            (Kind::Function, Kind::Script) => Err(BUSY_SCRIPT),
            _ if script.kill() => Ok(()),
            _ => Err(UNKILLABLE),
        }
    }

    /// Stops what runs, if it has not written: the store is closed, and waits for it.
    pub(in crate::store) fn end_for_close(&self) {
        if let Some(script) = &*self.script.lock() {
            script.kill();
        }
    }

    /// Waits until nothing takes long, but not for longer than `most`. Returns whether that is so.
    pub(in crate::store) fn wait(&self, most: Duration) -> bool {
        !self.ended.wait_while_for(&mut self.script.lock(), |script| script.is_some(), most).timed_out()
    }

    /// Stops what runs, also if it has written, and what would begin to take long: the server ends.
    pub(in crate::store) fn abandon(&self) {
        self.is_closing.store(true, Ordering::Release);
        if let Some(script) = &*self.script.lock() {
            script.interrupt.stop();
        }
    }

    /// Whether what runs was stopped because the server ends: what it has held is sealed.
    pub(in crate::store) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    /// What FUNCTION STATS shows of it.
    pub(in crate::store) fn describe(&self, now: Duration) -> Response {
        self.script.lock().as_ref().map_or(Response::Null, |script| script.describe(now))
    }
}

#[cfg(test)]
mod tests {
    use kvstore_lua::{Interpreter, Limits};

    use super::*;

    fn script(has_written: bool) -> LongScript {
        let lua = Interpreter::new(Limits::new()).expect("memory");
        let what = (Kind::Script, "hash".to_owned());
        LongScript::new(what, &Command::new("EVAL"), Duration::ZERO, lua.interrupt(), has_written)
    }

    #[test]
    fn a_script_is_killed_or_writes_but_never_both() {
        let running = Running::default();
        let killed = running.begin(script(false));
        assert_eq!(running.kill(Kind::Script), Ok(()));
        assert!(!killed.begin_write() && running.kill(Kind::Script).is_ok());
        let writes = running.begin(script(false));
        assert!(writes.begin_write() && writes.begin_write());
        assert_eq!(running.kill(Kind::Script), Err(UNKILLABLE));
        assert_eq!((running.begin(script(true)).begin_write(), running.kill(Kind::Function)), (true, Err(UNKILLABLE)));
        running.end();
        assert_eq!(running.kill(Kind::Script), Err(NOT_BUSY));
    }

    #[test]
    fn who_waits_is_told_of_the_end() {
        let running = Running::default();
        assert!(running.wait(Duration::ZERO));
        running.begin(script(true));
        assert!(!running.wait(Duration::ZERO));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| running.wait(Duration::MAX));
            running.end();
            assert!(waiting.join().expect("no panic"));
        });
    }
}
