//! [`SlowLog`]: the commands that took longest, for SLOWLOG.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use kvstore_protocol::{Command, Session, catalog::Flags};
use parking_lot::Mutex;

use super::{
    clock::Clock,
    observers::{Interests, Observers},
};

/// A command that surely takes no long time, takes less than this. Others are timed by themselves, so with a lower threshold all
/// are.
const SHORT: i64 = 1000;

/// How many words of a command are kept, and how many bytes of each, as in Redis.
const WORDS: usize = 32;
const BYTES: usize = 128;

/// The last commands that took longer than the threshold.
#[derive(Debug)]
pub(crate) struct SlowLog {
    observers: Arc<Observers>,
    clock: Arc<dyn Clock>,
    /// In microseconds; negative if nothing is logged.
    threshold: AtomicI64,
    max_len: AtomicUsize,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    /// The last one first.
    last: VecDeque<SlowCommand>,
    next_id: u64,
}

/// A command that took long.
#[derive(Clone, Debug)]
pub(crate) struct SlowCommand {
    pub(crate) id: u64,
    /// When it ended, in seconds since the Unix epoch.
    pub(crate) time: u64,
    pub(crate) took: Duration,
    pub(crate) words: Vec<Vec<u8>>,
    pub(crate) peer: String,
    pub(crate) name: Vec<u8>,
}

/// How a command is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It surely takes no long time.
    Short,
    /// It may take long, and so runs where no connection waits.
    Long,
}

impl SlowLog {
    pub(super) fn new(observers: Arc<Observers>, clock: Arc<dyn Clock>) -> Self {
        let (threshold, max_len) = (AtomicI64::new(10_000), AtomicUsize::new(128));
        Self { observers, clock, threshold, max_len, entries: Mutex::default() }
    }

    /// The threshold in microseconds; negative if nothing is logged.
    pub(crate) fn threshold(&self) -> i64 {
        self.threshold.load(Ordering::Relaxed)
    }

    pub(crate) fn set_threshold(&self, microseconds: i64) {
        self.threshold.store(microseconds, Ordering::Relaxed);
        self.observers.set(Interests::SLOW_LOG, (0..SHORT).contains(&microseconds));
    }

    pub(crate) fn max_len(&self) -> usize {
        self.max_len.load(Ordering::Relaxed)
    }

    pub(crate) fn set_max_len(&self, entries: usize) {
        self.max_len.store(entries, Ordering::Relaxed);
        self.entries.lock().last.truncate(entries);
    }

    /// Begins to time a command, if it may be logged. All are logged as short ones if the threshold is that low.
    pub(super) fn begin(&self, kind: Kind) -> Option<Instant> {
        let threshold = self.threshold();
        let is_timed = if kind == Kind::Short { (0..SHORT).contains(&threshold) } else { threshold >= SHORT };
        is_timed.then(Instant::now)
    }

    /// Begins to time a command of a script.
    #[inline]
    pub(super) fn begin_nested(&self, kind: Kind) -> Option<Instant> {
        self.begin(Kind::Short).or_else(|| if kind == Kind::Long { self.begin(kind) } else { None })
    }

    /// Logs a command that was timed, if it took long.
    pub(super) fn end(&self, command: &Command, began: Option<Instant>) {
        self.end_nested(command, command.session(), began);
    }

    /// The same for a command of a script, which a client of this session runs.
    #[inline]
    pub(super) fn end_nested(&self, command: &Command, session: &Session, began: Option<Instant>) {
        if let Some(began) = began {
            self.note(command, session, began.elapsed());
        }
    }

    #[cold]
    fn note(&self, command: &Command, session: &Session, took: Duration) {
        let threshold = u128::try_from(self.threshold());
        let is_slow = threshold.is_ok_and(|threshold| took.as_micros() >= threshold);
        if !is_slow || command.flags().has(Flags::SKIP_SLOWLOG) {
            return;
        }
        let (time, words) = (self.clock.now().as_secs(), words(command));
        let (peer, name) = (session.peer().to_string(), session.name().to_vec());
        let mut entries = self.entries.lock();
        let id = entries.next_id;
        entries.next_id += 1;
        entries.last.push_front(SlowCommand { id, time, took, words, peer, name });
        entries.last.truncate(self.max_len());
    }

    /// The last entries, the last one first.
    pub(crate) fn last(&self, count: usize) -> Vec<SlowCommand> {
        self.entries.lock().last.iter().take(count).cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.lock().last.len()
    }

    pub(crate) fn clear(&self) {
        self.entries.lock().last.clear();
    }
}

/// The words of a command as they are kept.
fn words(command: &Command) -> Vec<Vec<u8>> {
    let (is_sensitive, len) = (command.flags().has(Flags::SENSITIVE), command.len());
    let kept = if len > WORDS { WORDS - 1 } else { len };
    let shown = |(index, word): (usize, &[u8])| match word.len() {
        _ if is_sensitive && index > 0 => b"(redacted)".to_vec(),
        ..=BYTES => word.to_vec(),
        bytes => [&word[..BYTES], format!("... ({} more bytes)", bytes - BYTES).as_bytes()].concat(),
    };
    let mut words: Vec<_> = command.words().take(kept).enumerate().map(shown).collect();
    if len > kept {
        words.push(format!("... ({} more arguments)", len - kept).into_bytes());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::clock::SystemClock;

    fn log() -> SlowLog {
        SlowLog::new(Arc::default(), Arc::new(SystemClock))
    }

    #[test]
    fn what_took_as_long_as_the_threshold_is_logged() {
        let (log, command) = (log(), Command::new("SUNION").arg("s"));
        log.note(&command, command.session(), Duration::from_micros(9999));
        assert_eq!(log.len(), 0);
        log.note(&command, command.session(), Duration::from_micros(10_000));
        log.set_threshold(-1);
        log.note(&command, command.session(), Duration::from_secs(1));
        let [entry] = &log.last(10)[..] else { panic!("one entry") };
        assert_eq!((entry.id, &entry.words[..]), (0, &[b"SUNION".to_vec(), b"s".to_vec()][..]));
    }

    #[test]
    fn the_last_entries_are_kept() {
        let log = log();
        log.set_max_len(3);
        (0..5).for_each(|_| log.note(&Command::new("SUNION").arg("s"), &Session::default(), Duration::from_secs(1)));
        assert_eq!(log.last(2).iter().map(|entry| entry.id).collect::<Vec<_>>(), [4, 3]);
        log.set_max_len(1);
        assert_eq!(log.len(), 1);
        log.clear();
        assert_eq!(log.len(), 0);
    }

    #[test]
    fn a_short_command_is_timed_only_with_a_low_threshold() {
        let log = log();
        assert!(log.begin(Kind::Short).is_none() && log.begin(Kind::Long).is_some());
        log.set_threshold(0);
        assert!(log.begin(Kind::Short).is_some() && log.begin(Kind::Long).is_none());
        assert!(log.observers.get().has(Interests::SLOW_LOG));
        log.set_threshold(-1);
        assert!(log.begin(Kind::Short).is_none() && log.begin(Kind::Long).is_none());
    }

    #[test]
    fn long_commands_are_cut_and_secrets_hidden() {
        let long = words(&Command::new("SADD").arg("s").with_args((0..100).map(|number| number.to_string())));
        assert_eq!((long.len(), &long[31][..]), (32, &b"... (71 more arguments)"[..]));
        let [_, word] = &words(&Command::new("GET").arg("x".repeat(200)))[..] else { panic!("two words") };
        assert!(word.ends_with(b"x... (72 more bytes)") && word.len() == 128 + 19);
        let secret = words(&Command::new("CONFIG").with_args(["SET", "requirepass", "secret"]));
        assert_eq!(secret[1..], vec![b"(redacted)".to_vec(); 3]);
    }
}
