//! [`CommandStats`]: the counts.

use std::{
    collections::BTreeMap,
    fmt,
    ops::AddAssign,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use kvstore_protocol::{
    Command, Response,
    catalog::{CommandId, KnownCommand, commands},
};

use super::timed::TimedCommand;
use crate::PerThread;

/// So many calls of a command are all timed, on each thread.
const FIRST: u64 = 32;

/// Of the calls behind them, one in so many is timed.
const SAMPLE: u32 = 32;

/// The most names that are not in the catalog, and the most codes of errors.
const MOST_NAMES: usize = 256;

/// The longest name, or code, that counts.
const LONGEST: usize = 64;

/// The codes of errors that refuse a command before it runs.
const REFUSALS: [&str; 13] = [
    "NOAUTH",
    "NOPERM",
    "LOADING",
    "OOM",
    "MISCONF",
    "READONLY",
    "BUSY",
    "MASTERDOWN",
    "NOREPLICAS",
    "DENIED",
    "OVERLOADED",
    "RATELIMIT",
    "CLUSTERDOWN",
];

/// What is counted of commands, since the start or the last [reset](Self::reset). Clones share the counts.
#[derive(Clone)]
pub struct CommandStats(Arc<Shared>);

/// What is counted of the commands of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandCounts {
    /// The name in lower case; that of a sub-command is `config|get`.
    pub name: String,
    /// How often the command was called, without those that were refused.
    pub calls: u64,
    /// How long its calls took together, without the time in which they were parked. Of most calls a sample is timed.
    pub time: Duration,
    /// How often it was refused before it ran: the client may not call it, or not now, or not with so many arguments.
    pub rejected: u64,
    /// How often it was answered with another error.
    pub failed: u64,
}

/// What services share.
pub(super) struct Shared {
    number: u32,
    by_thread: PerThread<ThreadCounts>,
    rare: Mutex<RareCounts>,
    errors: AtomicU64,
}

/// The commands of the catalog that have no sub-commands, by [`CommandId`]. Only its thread writes it.
struct ThreadCounts {
    calls: [AtomicU64; CommandId::LIMIT],
    nanoseconds: [AtomicU64; CommandId::LIMIT],
}

/// What is counted under a lock.
#[derive(Default)]
struct RareCounts {
    /// What was counted at the last reset, by the index of the command.
    before: BTreeMap<usize, Sum>,
    /// Errors of commands, by the index of the command.
    errors: BTreeMap<usize, Errors>,
    /// Commands that count by their name.
    named: BTreeMap<Box<str>, (Sum, Errors)>,
    codes: BTreeMap<Box<str>, u64>,
}

#[derive(Clone, Copy, Default)]
struct Sum {
    calls: u64,
    nanoseconds: u64,
}

#[derive(Clone, Copy, Default)]
struct Errors {
    rejected: u64,
    failed: u64,
}

impl CommandStats {
    /// Creates counts of 0.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let shared = Shared { number, by_thread: PerThread::new(), rare: Mutex::default(), errors: AtomicU64::new(0) };
        let shared = Arc::new(shared);
        all().insert(number, Arc::downgrade(&shared));
        Self(shared)
    }

    /// Returns the counts of the commands that were called or refused, by name.
    pub fn commands(&self) -> Vec<CommandCounts> {
        let rare = self.0.rare();
        let known = commands().iter().map(|known| {
            let index = CommandId::of(known.name().as_bytes()).index();
            let errors = rare.errors.get(&index).copied().unwrap_or_default();
            CommandCounts::new(&known.name().to_lowercase(), self.0.sum(index, &rare), errors)
        });
        let named = rare.named.iter().map(|(name, (sum, errors))| CommandCounts::new(name, *sum, *errors));
        let mut counts: Vec<_> = known.chain(named).filter(|counts| counts.calls + counts.rejected > 0).collect();
        counts.sort_by(|one, other| one.name.cmp(&other.name));
        counts
    }

    /// Returns how many commands were called, without those that were refused.
    pub fn total_commands(&self) -> u64 {
        let rare = self.0.rare();
        let known: u64 = (1..CommandId::LIMIT).map(|index| self.0.sum(index, &rare).calls).sum();
        let named: u64 = rare.named.values().map(|(sum, _)| sum.calls).sum();
        let errors = rare.errors.values().chain(rare.named.values().map(|(_, errors)| errors));
        (known + named).saturating_sub(errors.map(|errors| errors.rejected).sum())
    }

    /// Returns how many errors were answered, by their codes. There are at most 256 codes.
    pub fn errors(&self) -> Vec<(String, u64)> {
        self.0.rare().codes.iter().map(|(code, count)| (code.to_string(), *count)).collect()
    }

    /// Returns how many errors were answered.
    pub fn total_errors(&self) -> u64 {
        self.0.errors.load(Ordering::Relaxed)
    }

    /// Counts a command that no layer sees: it was refused in front of them.
    pub fn note_refusal(&self, command: &Command, error: &Response) {
        if let Some(failure) = Failure::of(command.id(), Some(error)) {
            self.refuse(command, &failure);
        }
    }

    /// Resets all counts to 0.
    pub fn reset(&self) {
        let mut rare = self.0.rare();
        let before = (0..CommandId::LIMIT).map(|index| (index, self.0.all_of(index))).filter(|(_, sum)| sum.calls > 0);
        *rare = RareCounts { before: before.collect(), ..RareCounts::default() };
        self.0.errors.store(0, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn shared(&self) -> &Shared {
        &self.0
    }

    #[inline]
    pub(super) fn number(&self) -> u32 {
        self.0.number
    }

    /// Counts a call that begins. Returns what takes its time, if it is timed or counts by its name.
    #[inline]
    pub(super) fn count(&self, command: &Command) -> Option<Box<TimedCommand>> {
        let (counts, index) = (self.0.by_thread.get(), command.id().index());
        let calls = &counts.calls[index];
        let count = calls.load(Ordering::Relaxed);
        if count < FIRST || count.is_multiple_of(SAMPLE.into()) {
            return self.start(command, calls, count);
        }
        calls.store(count + 1, Ordering::Relaxed);
        None
    }

    /// A command that counts by its name has no count among those of the thread, so that it always comes here.
    #[cold]
    #[inline(never)]
    fn start(&self, command: &Command, calls: &AtomicU64, count: u64) -> Option<Box<TimedCommand>> {
        let name = name_of(command);
        let weight = if name.is_some() || count < FIRST { 1 } else { SAMPLE };
        if name.is_none() {
            calls.store(count + 1, Ordering::Relaxed);
        }
        Some(TimedCommand::start(self.clone(), weight, name))
    }

    /// Counts the end of a command that was timed.
    pub(super) fn end<E>(&self, id: CommandId, timed: TimedCommand, result: Result<&Response, E>) {
        self.0.end(id, timed, result.ok());
    }
}

/// The name of a command that counts by it: a sub-command, or one that is not in the catalog.
pub(super) fn name_of(command: &Command) -> Option<Box<str>> {
    let text = |name: &[u8]| String::from_utf8_lossy(name).to_lowercase().into();
    match command.known() {
        Some(known) if known.subcommands().is_empty() => None,
        Some(known) => {
            let sub = command.arg_at(0).and_then(|name| known.subcommand(name)).map_or("", KnownCommand::name);
            Some(format!("{}|{sub}", known.name()).to_lowercase().trim_end_matches('|').into())
        }
        None => Some(text(&command.name()[..command.name().len().min(LONGEST)])),
    }
}

impl Shared {
    /// All calls of a command since the start.
    fn all_of(&self, index: usize) -> Sum {
        let mut sum = Sum::default();
        for counts in self.by_thread.iter() {
            sum.calls += counts.calls[index].load(Ordering::Relaxed);
            sum.nanoseconds += counts.nanoseconds[index].load(Ordering::Relaxed);
        }
        sum
    }

    /// The calls of a command since the last reset.
    fn sum(&self, index: usize, rare: &RareCounts) -> Sum {
        let (sum, before) = (self.all_of(index), rare.before.get(&index).copied().unwrap_or_default());
        Sum { calls: sum.calls - before.calls, nanoseconds: sum.nanoseconds.saturating_sub(before.nanoseconds) }
    }

    /// Counts a call of a command that has no sub-commands.
    pub(super) fn begin_on_this_thread(&self, id: CommandId) {
        let calls = &self.by_thread.get().calls[id.index()];
        calls.store(calls.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Counts the end of a command that was timed.
    pub(super) fn end(&self, id: CommandId, timed: TimedCommand, answer: Option<&Response>) {
        let nanoseconds = timed.elapsed().as_nanos() as u64;
        match timed.name {
            None => {
                let count = &self.by_thread.get().nanoseconds[id.index()];
                count.store(count.load(Ordering::Relaxed) + nanoseconds, Ordering::Relaxed);
                self.note_failure(id, answer);
            }
            Some(name) => self.end_named(name, id, nanoseconds, Failure::of(id, answer).as_ref()),
        }
    }

    /// Counts a command by its name, from its beginning to its end.
    pub(super) fn end_named(&self, name: Box<str>, id: CommandId, nanoseconds: u64, failure: Option<&Failure<'_>>) {
        let is_known = id != CommandId::UNKNOWN;
        let mut rare = self.rare();
        if let Some(failure) = failure {
            self.count_error(failure, &mut rare);
        }
        // Clients may invent names.
        let may_learn = is_known || failure.is_none() && rare.named.len() < MOST_NAMES;
        if !rare.named.contains_key(&name) && !may_learn {
            return;
        }
        let (sum, errors) = rare.named.entry(name).or_default();
        *sum += Sum { calls: 1, nanoseconds };
        errors.count(failure);
    }

    /// Counts an error, if a command was answered with one, or its service failed.
    pub(super) fn note_failure(&self, id: CommandId, answer: Option<&Response>) {
        if let Some(failure) = Failure::of(id, answer) {
            self.note_failed(id, &failure);
        }
    }

    pub(super) fn note_failed(&self, id: CommandId, failure: &Failure<'_>) {
        let mut rare = self.rare();
        self.count_error(failure, &mut rare);
        rare.errors.entry(id.index()).or_default().count(Some(failure));
    }

    /// Counts an error that is none of a command.
    pub(super) fn note_code(&self, code: &str) {
        self.count_error(&Failure { code, is_refusal: false }, &mut self.rare());
    }

    fn count_error(&self, failure: &Failure<'_>, rare: &mut RareCounts) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        if let Some(count) = rare.codes.get_mut(failure.code) {
            *count += 1;
        } else if rare.codes.len() < MOST_NAMES && failure.code.len() <= LONGEST {
            rare.codes.insert(failure.code.into(), 1);
        }
    }

    /// Takes an error back that was counted.
    pub(super) fn take_back(&self, code: &str) {
        let mut rare = self.rare();
        // All counts may have been reset since.
        if let Some(count) = rare.codes.get_mut(code).filter(|count| **count > 0) {
            *count -= 1;
            self.errors.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn rare(&self) -> MutexGuard<'_, RareCounts> {
        self.rare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a command failed.
pub(super) struct Failure<'a> {
    pub(super) code: &'a str,
    /// Whether it was refused before it ran.
    pub(super) is_refusal: bool,
}

impl<'a> Failure<'a> {
    /// `None` for the answer of a service that failed.
    pub(super) fn of(id: CommandId, answer: Option<&'a Response>) -> Option<Self> {
        let Some(answer) = answer else { return Some(Self { code: "ERR", is_refusal: false }) };
        if !answer.is_error() {
            return None;
        }
        let code = answer.error_code().unwrap_or("ERR");
        let is_refusal = REFUSALS.contains(&code) || code == "ERR" && has_wrong_form(answer);
        Some(Self { code, is_refusal: is_refusal && !is_of_script(id, answer) })
    }
}

/// Whether a script ran, and has failed: its error may be the refusal of a command that it has called.
fn is_of_script(id: CommandId, answer: &Response) -> bool {
    let names = ["EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"];
    names.iter().any(|name| CommandId::of(name.as_bytes()) == id) && answer.to_string().contains(" script: ")
}

/// Whether a command was refused because there is none such, none with so many arguments, or not while the client is subscribed.
fn has_wrong_form(answer: &Response) -> bool {
    let text = answer.to_string();
    ["wrong number of arguments", "unknown command", "unknown subcommand", "Can't execute '"]
        .iter()
        .any(|start| text.trim_start_matches("-ERR ").starts_with(start))
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.nanoseconds += other.nanoseconds;
    }
}

impl Errors {
    fn count(&mut self, failure: Option<&Failure<'_>>) {
        match failure {
            Some(Failure { is_refusal: true, .. }) => self.rejected += 1,
            Some(_) => self.failed += 1,
            None => {}
        }
    }
}

impl CommandCounts {
    fn new(name: &str, sum: Sum, errors: Errors) -> Self {
        let Errors { rejected, failed } = errors;
        let (name, calls) = (name.to_owned(), sum.calls.saturating_sub(rejected));
        Self { name, calls, time: Duration::from_nanos(sum.nanoseconds), rejected, failed }
    }
}

impl Default for ThreadCounts {
    fn default() -> Self {
        let [calls, nanoseconds] = [const { [const { AtomicU64::new(0) }; CommandId::LIMIT] }; 2];
        Self { calls, nanoseconds }
    }
}

impl Default for CommandStats {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CommandStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandStats").field("commands", &self.commands()).finish_non_exhaustive()
    }
}

/// All counts, by their numbers.
type All = BTreeMap<u32, Weak<Shared>>;

fn all() -> MutexGuard<'static, All> {
    static ALL: Mutex<All> = Mutex::new(BTreeMap::new());
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the counts with this number, unless they are dropped.
pub(super) fn find(number: u32) -> Option<Arc<Shared>> {
    all().get(&number)?.upgrade()
}

impl Drop for Shared {
    fn drop(&mut self) {
        all().remove(&self.number);
    }
}
