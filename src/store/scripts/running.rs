//! [`Running`]: the script that takes long just now, for SCRIPT KILL, FUNCTION STATS and those who wait for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use kvstore_lua::Interrupt;
use kvstore_protocol::{Command, CommandError, Response};
use parking_lot::Mutex;

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

/// A script that runs.
#[derive(Debug)]
pub(super) struct LongScript {
    pub(super) kind: Kind,
    /// The hash of the script, or the name of the function.
    pub(super) name: String,
    words: Vec<Bytes>,
    began: Duration,
    interrupt: Interrupt,
    pub(super) has_written: AtomicBool,
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
        Self { kind, name, words, began, interrupt, has_written: has_written.into() }
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
    /// Whether it takes so long that others are refused.
    is_busy: AtomicBool,
    is_abandoned: AtomicBool,
    /// In milliseconds; 0 if they are never refused.
    busy_after: AtomicU64,
}

impl Default for Running {
    fn default() -> Self {
        Self {
            script: Mutex::default(),
            is_busy: AtomicBool::new(false),
            is_abandoned: AtomicBool::new(false),
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
        script
    }

    pub(super) fn end(&self) {
        *self.script.lock() = None;
        self.is_busy.store(false, Ordering::Relaxed);
    }

    /// Notes the time. Returns whether others are refused from now on.
    pub(super) fn becomes_busy(&self, script: &LongScript, now: Duration) -> bool {
        let after = self.busy_after();
        let is_long = after > 0 && now.saturating_sub(script.began) >= Duration::from_millis(after);
        is_long && !self.is_busy.swap(true, Ordering::Relaxed)
    }

    /// The answer to those whom a script keeps waiting for too long.
    pub(in crate::store) fn refusal(&self) -> Option<CommandError> {
        if !self.is_busy.load(Ordering::Relaxed) {
            return None;
        }
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
        if script.has_written.load(Ordering::Acquire) {
            return Err(UNKILLABLE);
        }
        match (kind, script.kind) {
            (Kind::Script, Kind::Function) => Err(BUSY_FUNCTION),
            (Kind::Function, Kind::Script) => Err(BUSY_SCRIPT),
            _ => {
                script.interrupt.stop();
                Ok(())
            }
        }
    }

    /// Stops what runs, if it has not written: the store is closed, and waits for it.
    pub(in crate::store) fn end_for_close(&self) {
        let kind = self.script.lock().as_ref().map(|script| script.kind);
        // What has written is waited for.
        let _ = kind.map(|kind| self.kill(kind));
    }

    /// Stops what runs, also if it has written. Nobody is told of that, then: the store is not used any more.
    pub(in crate::store) fn abandon(&self) {
        if let Some(script) = &*self.script.lock() {
            self.is_abandoned.store(true, Ordering::Release);
            script.interrupt.stop();
        }
    }

    /// Whether the script that runs, or has just ended, is not to be told of.
    pub(super) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Acquire)
    }

    /// What FUNCTION STATS shows of it.
    pub(in crate::store) fn describe(&self, now: Duration) -> Response {
        self.script.lock().as_ref().map_or(Response::Null, |script| script.describe(now))
    }
}
