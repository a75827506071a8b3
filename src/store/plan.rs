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

/// The shards that one or more commands need. They are locked in the order of their indices, everywhere.
#[derive(Debug, Default)]
pub(super) struct LockPlan {
    shards: PerKey<usize>,
    needs_all: bool,
}

impl LockPlan {
    /// Adds a shard.
    pub(super) fn add_shard(&mut self, index: usize) {
        self.shards.push(index);
    }

    /// Adds the shards of keys.
    pub(super) fn add_keys(&mut self, keys: &[KeySlot<'_>]) {
        self.shards.extend(keys.iter().map(|key| key.shard as usize));
    }

    /// Adds the shards of a scope, in `database`. What is locked in turn is locked at once too if `together` is set.
    pub(super) fn add_scope(&mut self, scope: Scope, database: usize, together: bool, databases: &Databases) {
        match scope {
            Scope::Database(Hold::InTurn) | Scope::All(Hold::InTurn) if !together => {}
            Scope::Keys | Scope::Queue => {}
            Scope::Database(_) => self.shards.extend(databases.shards_of(database)),
            Scope::All(_) => self.needs_all = true,
        }
    }

    /// Locks the shards, of which none is held by this thread.
    /// Returns `None` if a long command holds one of them, and there is no patience.
    pub(super) fn lock(mut self, databases: &Databases, patience: Patience) -> Option<HeldShards<'_>> {
        let mut held = HeldShards::default();
        if self.needs_all {
            self.shards = databases.all_shards().collect();
        } else if self.shards.iter().any(|shard| *shard != self.shards[0]) {
            self.shards.sort_unstable();
            self.shards.dedup();
        } else {
            self.shards.truncate(1);
        }
        for index in self.shards {
            held.push(index, databases.lock_for(index, patience)?);
        }
        Some(held)
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
    let Some(locate) = row.spec.locate else {
        match row.known.key_specs() {
            [] => {}
            // Most commands have one spec.
            [spec] => keys.extend(spec.words(args.command()).map(|word| slot(args.word(word), database))),
            _ => keys.extend(row.known.keys_of(args.command()).map(|name| slot(name, database))),
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
