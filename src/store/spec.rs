//! [`Spec`]: the description of a command, next to its function.

use std::fmt;

use kvstore_protocol::{CommandError, Response};
use smallvec::SmallVec;

use super::{args::Args, call::Call};

/// The name of a command, its function, and what the function works on.
///
/// The arity, the flags, the keys and the documentation of a command are those of its row in the [catalog](kvstore_protocol::catalog) of the
/// protocol.
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) run: Handler,
    scope: Scope,
    /// Finds the scope, if it depends on the arguments.
    find_scope: Option<fn(&Args<'_>) -> Scope>,
    /// The keys, if they are not those of the catalog in the selected database.
    pub(crate) locate: Option<LocateFn>,
    /// Whether a call may take long, if that depends on its arguments.
    pub(crate) may_take_long: Option<fn(&Args<'_>) -> bool>,
    /// Whether it keeps a long value in the buffer in which that was received.
    pub(crate) keeps_values: bool,
    /// Whether it keeps what it has found in the value that it reads.
    pub(crate) caches: bool,
    /// Whether it is recorded though it writes no key.
    pub(crate) is_recorded: bool,
    /// Whether its answer shows data.
    pub(crate) shows_data: bool,
    /// The sub-commands, if the first argument names one.
    pub(crate) subs: &'static [Spec],
    /// The answer of the sub-command HELP.
    pub(crate) help: &'static [&'static str],
}

/// The function of a command. It reads no clock, takes no lock, and waits for nothing.
pub(crate) type Handler = fn(&mut Call<'_>) -> Answer;

/// The result of a command: a response, or an error that is sent as one.
pub(crate) type Answer = Result<Response, CommandError>;

/// Finds the keys of a command: the positions of their words, and their databases. The selected database is given.
pub(crate) type LocateFn = fn(&Args<'_>, usize) -> Result<KeyWords, CommandError>;

/// The positions of keys among the words of a command, each with its database.
pub(crate) type KeyWords = SmallVec<[(usize, usize); 2]>;

/// The shards that are locked while a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those of its keys.
    Keys,
    /// Those of the selected database.
    Database(Hold),
    /// All.
    All(Hold),
    /// Those of the queued commands of the transaction: EXEC.
    Queue,
    /// Those of the selected database, and all if it turns out that the script needs them: EVAL.
    Script,
}

impl Scope {
    /// Whether the function locks one shard after the other.
    pub(crate) fn is_in_turn(self) -> bool {
        matches!(self, Self::Database(Hold::InTurn) | Self::All(Hold::InTurn))
    }
}

/// How the shards of a scope are locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// All at once: the command is atomic.
    AtOnce,
    /// One after the other, by the function: other commands run meanwhile. Inside of a transaction all at once.
    InTurn,
}

impl Spec {
    /// A command that works on its keys.
    pub(crate) const fn new(name: &'static str, run: Handler) -> Self {
        Self {
            name,
            run,
            scope: Scope::Keys,
            find_scope: None,
            locate: None,
            may_take_long: None,
            keeps_values: false,
            caches: false,
            is_recorded: false,
            shows_data: true,
            subs: &[],
            help: &[],
        }
    }

    /// A command whose first argument names a sub-command.
    pub(crate) const fn family(name: &'static str, subs: &'static [Spec]) -> Self {
        Self { subs, ..Self::new(name, unknown_subcommand) }
    }

    /// The sub-command that describes the others.
    pub(crate) const fn help(lines: &'static [&'static str]) -> Self {
        Self { help: lines, ..Self::new("HELP", help) }
    }

    /// The same command with sub-commands.
    pub(crate) const fn with_subs(self, subs: &'static [Spec]) -> Self {
        Self { subs, ..self }
    }

    /// The same command over other shards than those of its keys.
    pub(crate) const fn over(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    /// The same command over shards that depend on its arguments.
    pub(crate) const fn over_found(self, find_scope: fn(&Args<'_>) -> Scope) -> Self {
        Self { find_scope: Some(find_scope), ..self }
    }

    /// The shards that are locked for a command with these arguments.
    #[inline]
    pub(crate) fn scope(&self, args: &Args<'_>) -> Scope {
        self.find_scope.map_or(self.scope, |find_scope| find_scope(args))
    }

    /// Whether the shards that are locked are always those of the keys.
    pub(crate) fn keeps_to_keys(&self) -> bool {
        self.scope == Scope::Keys && self.find_scope.is_none()
    }

    /// The same command with keys that `locate` finds.
    pub(crate) const fn with_keys(self, locate: LocateFn) -> Self {
        Self { locate: Some(locate), ..self }
    }

    /// The same command, of which some calls may take long: those for which the function returns true.
    pub(crate) const fn long_if(self, may_take_long: fn(&Args<'_>) -> bool) -> Self {
        Self { may_take_long: Some(may_take_long), ..self }
    }

    /// The same command, which reads, and keeps what it has found in the value: see [`Call::may_cache`].
    pub(crate) const fn caching(self) -> Self {
        Self { caches: true, ..self }
    }

    /// The same command, whose answer shows no data: it does not wait until what it saw is on disk.
    pub(crate) const fn without_data(self) -> Self {
        Self { shows_data: false, ..self }
    }

    /// The same command, which is recorded though it writes no key.
    pub(crate) const fn recorded(self) -> Self {
        Self { is_recorded: true, ..self }
    }

    /// The same command, which keeps a long value in the buffer in which that was received, and does not copy it.
    pub(crate) const fn keeping_values(self) -> Self {
        Self { keeps_values: true, ..self }
    }
}

fn unknown_subcommand(call: &mut Call<'_>) -> Answer {
    Err(CommandError::unknown_command(call.args().command()))
}

fn help(call: &mut Call<'_>) -> Answer {
    let lines = call.spec().help.iter().chain(&["HELP", "    Print this help."]);
    Ok(Response::array(lines.map(|line| Response::simple(*line))))
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec").field("name", &self.name).finish_non_exhaustive()
    }
}
