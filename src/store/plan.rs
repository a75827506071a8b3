//! [`LockPlan`]: the shards that commands need, before any of them is locked.

use kvstore_protocol::CommandError;
use smallvec::SmallVec;

use super::{
    args::Args,
    call::KeySlot,
    command_table::Row,
    databases::{Databases, KeyRef, Location},
    execute::Patience,
    held::HeldShards,
    spec::{Hold, Scope},
};

/// One item for each key of a command. Most commands have no more keys than fit without an allocation.
pub(super) type PerKey<T> = SmallVec<[T; 16]>;

/// The shards that one or more commands need, besides those of their keys. They are locked in the order of their indices,
/// everywhere.
#[derive(Debug, Default)]
pub(super) struct LockPlan {
    shards: PerKey<Needed>,
    needs_all: bool,
}

/// A shard, and the number of a key in it.
type Needed = (u32, u32);

/// The number in place of that of a key.
const NO_KEY: u32 = u32::MAX;

impl LockPlan {
    /// Adds a shard.
    pub(super) fn add_shard(&mut self, index: usize) {
        self.shards.push((index as u32, NO_KEY));
    }

    /// Adds the shards of a scope, in `database`. What is locked in turn is locked at once too if `together` is set.
    pub(super) fn add_scope(&mut self, scope: Scope, database: usize, together: bool, databases: &Databases) {
        match scope {
            Scope::Database(Hold::InTurn) | Scope::All(Hold::InTurn) if !together => {}
            Scope::Keys | Scope::Queue => {}
            // A script of a transaction cannot ask for more.
            Scope::Script => self.needs_all = true,
            Scope::Database(_) => databases.shards_of(database).for_each(|index| self.add_shard(index)),
            Scope::All(_) => self.needs_all = true,
        }
    }

    /// Locks the shards and those of `keys`, of which none is held by this thread. The shards of the keys are set to their
    /// positions among them.
    /// Returns `None` if a long command holds one of them, and there is no patience.
    pub(super) fn lock<'d>(
        mut self,
        keys: &mut [KeySlot<'_>],
        databases: &'d Databases,
        patience: Patience,
    ) -> Option<HeldShards<'d>> {
        if !self.needs_all {
            self.shards.extend(keys.iter().zip(0..).map(|(key, number)| (key.shard, number)));
            self.shards.sort_unstable_by_key(|(shard, number)| u64::from(*shard) << 32 | u64::from(*number));
        }
        loop {
            let held =
                if self.needs_all { lock_all(databases, patience) } else { self.lock_some(keys, databases, patience) };
            if held.is_some() || databases.gives_up(patience) {
                return held;
            }
            // A script that holds some of the shards needs others. It has given them back when it has ended.
            databases.wait_for_growth();
        }
    }

    fn lock_some<'d>(
        &self,
        keys: &mut [KeySlot<'_>],
        databases: &'d Databases,
        patience: Patience,
    ) -> Option<HeldShards<'d>> {
        let mut held = HeldShards::default();
        for (shard, number) in &self.shards {
            let index = *shard as usize;
            if held.last() != Some(index) {
                held.push(index, databases.lock_one_of(index, held.len(), patience)?);
            }
            if let Some(key) = keys.get_mut(*number as usize) {
                key.shard = held.len() as u32 - 1;
            }
        }
        Some(held)
    }
}

/// Locks all shards: each is at its own index, and so are the keys.
fn lock_all(databases: &Databases, patience: Patience) -> Option<HeldShards<'_>> {
    let mut held = HeldShards::default();
    for index in databases.all_shards() {
        held.push(index, databases.lock_one_of(index, held.len(), patience)?);
    }
    Some(held)
}

/// Locks the shards that are not held yet, if nobody holds one of them. Returns whether all are held.
pub(super) fn try_hold_all<'d>(held: &mut HeldShards<'d>, databases: &'d Databases) -> bool {
    let missing = databases.all_shards().filter(|index| !held.has(*index));
    let locked: Option<Vec<_>> = missing.map(|index| Some((index, databases.try_lock_any(index)?))).collect();
    locked.is_some_and(|locked| {
        held.add(locked);
        true
    })
}

/// Locks the shards that are not held yet, out of their order: others that hold some of them, and wait for more, give them back.
/// Blocks the thread.
pub(super) fn hold_all<'d>(held: &mut HeldShards<'d>, databases: &'d Databases) {
    let _raised = databases.gate.raise();
    let _growing = databases.grow();
    let missing: Vec<_> = databases.all_shards().filter(|index| !held.has(*index)).collect();
    held.add(missing.into_iter().map(|index| (index, databases.lock_any(index))).collect());
}

/// The keys of several commands, one command after the other.
#[derive(Debug, Default)]
pub(super) struct KeysOfMany<'a> {
    keys: PerKey<KeySlot<'a>>,
    /// The number of keys after each command; `None` for a command whose keys are to be found when it runs.
    ends: Vec<Option<u32>>,
}

impl<'a> KeysOfMany<'a> {
    /// Finds the keys of the next command.
    pub(super) fn add(&mut self, row: &Row, args: Args<'a>, database: usize, databases: &Databases) {
        let before = self.keys.len();
        // It fails when it runs, with the same error.
        let is_found = locate(row, args, database, databases, &mut self.keys).is_ok();
        if !is_found {
            self.keys.truncate(before);
        }
        self.ends.push(is_found.then_some(self.keys.len() as u32));
    }

    /// Adds a command whose keys are to be found when it runs.
    pub(super) fn add_unknown(&mut self) {
        self.ends.push(None);
    }

    /// All keys.
    pub(super) fn all(&self) -> &[KeySlot<'a>] {
        &self.keys
    }

    /// The same, for changes.
    pub(super) fn all_mut(&mut self) -> &mut [KeySlot<'a>] {
        &mut self.keys
    }

    /// The keys of each command; `None` if they are to be found when it runs.
    pub(super) fn each(&self) -> impl Iterator<Item = Option<&[KeySlot<'a>]>> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let keys = start..(*end)? as usize;
            start = keys.end;
            Some(&self.keys[keys])
        })
    }
}

/// Finds the keys of a command, their hashes and their shards, and adds them to `keys`.
///
/// # Errors
/// If an argument names a database that does not exist.
pub(super) fn locate<'a>(
    row: &Row,
    args: Args<'a>,
    database: usize,
    databases: &Databases,
    keys: &mut PerKey<KeySlot<'a>>,
) -> Result<(), CommandError> {
    let slot = |name: &'a [u8], database: usize| {
        let Location { hash, shard } = databases.locate(KeyRef { database, name });
        KeySlot::new(name, hash, shard, database)
    };
    if row.has_one_key(args.len() + 1) {
        keys.push(slot(args.bytes(0), database));
        return Ok(());
    }
    let Some(locate) = row.spec.locate else {
        match row.known.key_specs() {
            [] => {}
            // Most commands have one spec.
            [spec] => spec.words(args.command()).for_each(|word| keys.push(slot(args.word(word), database))),
            _ => row.known.keys_of(args.command()).for_each(|name| keys.push(slot(name, database))),
        }
        return Ok(());
    };
    let words = locate(&args, database)?;
    if words.iter().any(|(_, database)| *database >= databases.len()) {
        return Err(CommandError::err("DB index is out of range"));
    }
    keys.extend(words.into_iter().map(|(word, database)| slot(args.word(word), database)));
    Ok(())
}
