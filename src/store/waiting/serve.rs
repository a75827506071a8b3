//! How the queues of keys are served, by the commit that has changed the keys.

use std::{collections::HashSet, sync::Arc};

use bytes::Bytes;
use kvstore_protocol::{Command, Response};

use super::{Awaited, KeyName, Place, Wait, Waiter, Waits};
use crate::store::{
    args::Args,
    call::{Call, KeySlot},
    commit::Commit,
    databases::{KeyRef, Location},
    execute::{Patience, Planned, STOPPED},
    held::{Held, HeldShards, Shards},
    plan::{LockPlan, PerKey, locate},
    spec::Answer,
    state::StoreState,
    tracking::ClientTracking,
};

impl Call<'_> {
    /// Waits until a key is ready, and then runs the function again. Answers `otherwise` at once where a command cannot wait: in
    /// a transaction, or without a future.
    ///
    /// Called before the first change.
    pub(crate) fn wait(&mut self, wait: Wait, otherwise: Response) -> Answer {
        if !self.commit.may_wait {
            return Ok(otherwise);
        }
        self.commit.waits_mut().wanted = Some(wait);
        Err(STOPPED)
    }

    /// Notes that a key has changed, for those who wait for it.
    #[cold]
    pub(in super::super) fn note_ready(&mut self, key: usize) {
        let slot = &self.keys[key];
        let key = (slot.database as usize, Bytes::copy_from_slice(slot.name));
        if self.store.waiting.has(&key) {
            self.commit.waits_mut().note_ready(key);
        }
    }

    /// Notes that all keys of a database have changed.
    #[cold]
    pub(in super::super) fn note_database_ready(&mut self, database: usize) {
        let keys = self.store.waiting.keys_of(database);
        keys.into_iter().for_each(|name| self.commit.waits_mut().note_ready((database, name)));
    }
}

impl Waits {
    fn note_ready(&mut self, key: KeyName) {
        if !self.changed.contains(&key) {
            self.changed.push(key.clone());
        }
        if !self.ready.contains(&key) {
            self.ready.push_back(key);
        }
    }
}

impl StoreState {
    /// Puts a command that wants to wait into the queues of its keys, whose shards are held.
    pub(in super::super) fn enter(&self, planned: Planned<'_>, wait: Wait) -> Option<Place> {
        let Planned { row, args, database, keys } = planned;
        let (store, mut wait) = (self.myself.upgrade()?, wait);
        let command = detached(wait.instead.take().as_ref().unwrap_or(args.command()), args.command());
        let mut waiter = Waiter::new(command, row, database, wait, self.waiting.ticket());
        let mut names = keys.unwrap_or_default().iter().map(KeySlot::owned_name);
        match waiter.wait.what {
            Awaited::Any(_) | Awaited::Change => {
                // A key may be named twice.
                let mut seen = HashSet::new();
                waiter.keys.extend(names.filter(|name| seen.insert(name.clone())));
            }
            Awaited::First(_) => {
                waiter.keys.extend(names.next());
                waiter.destination = names.next();
            }
            Awaited::Sync { .. } | Awaited::Time => {}
        }
        let waiter = Arc::new(waiter);
        self.waiting.enter(&waiter);
        self.serve_when_synced(&waiter);
        Some(Place::new(store, waiter))
    }

    /// Adds the shards that are needed to serve those who wait for these keys.
    #[inline]
    pub(in super::super) fn add_shards_to_serve(&self, plan: &mut LockPlan, keys: &[KeySlot<'_>]) {
        if self.waiting.has_movers() {
            self.shards_to_serve(keys).for_each(|shard| plan.add_shard(shard));
        }
    }

    /// Whether these are held. Others may have come to wait before the shards were locked.
    #[inline]
    pub(in super::super) fn holds_shards_to_serve(&self, held: &HeldShards<'_>, keys: &[KeySlot<'_>]) -> bool {
        !self.waiting.has_movers() || self.shards_to_serve(keys).all(|shard| held.has(shard))
    }

    #[cold]
    fn shards_to_serve<'a>(&'a self, keys: &[KeySlot<'_>]) -> impl Iterator<Item = usize> + use<'a> {
        let destinations = self.waiting.destinations(keys.iter().map(KeySlot::owned_name));
        destinations.into_iter().map(|(database, name)| self.databases.locate(KeyRef { database, name: &name }).shard)
    }

    /// Serves those who wait for keys that no command has changed: they have expired, or it is time to look again.
    #[cold]
    pub(in super::super) fn serve_keys(&self, keys: impl IntoIterator<Item = KeyName>) {
        for (database, name) in keys {
            let Location { hash, shard } = self.databases.locate(KeyRef { database, name: &name });
            let keys = &mut [KeySlot::new(&name, hash, shard, database)];
            let mut held = loop {
                let mut plan = LockPlan::default();
                self.add_shards_to_serve(&mut plan, keys);
                let held = plan.lock(keys, &self.databases, Patience::Endless);
                match held.filter(|held| self.holds_shards_to_serve(held, keys)) {
                    Some(held) => break held,
                    None => keys[0].shard = shard as u32,
                }
            };
            let mut commit = self.begin(Patience::Endless);
            commit.waits_mut().note_ready((database, name.clone()));
            self.serve_waiting(&mut commit, &mut held);
            self.tell(&mut commit, &Shards::Many(&mut held), None);
            drop(held);
            self.finish(&mut commit);
        }
    }

    /// Serves those who wait for the keys that a commit has changed.
    #[inline]
    pub(in super::super) fn serve_waiting(&self, commit: &mut Commit, held: &mut HeldShards<'_>) {
        if commit.waits.is_some() {
            self.serve_all(commit, held);
        }
    }

    #[cold]
    fn serve_all(&self, commit: &mut Commit, held: &mut HeldShards<'_>) {
        (commit.may_wait, commit.may_take_long) = (true, true);
        // Those who are served may make other keys ready.
        while let Some(key) = commit.waits_mut().ready.pop_front() {
            self.serve_key(&key, commit, held);
        }
    }

    fn serve_key(&self, key: &KeyName, commit: &mut Commit, held: &mut HeldShards<'_>) {
        let (mut last, mut exhausted) = (None, None);
        while let Some(waiter) = self.waiting.next(key, last) {
            last = Some(waiter.ticket);
            // Many consumers of a group may wait for the next entry.
            if waiter.wait.group.is_some() && waiter.wait.group == exhausted {
                continue;
            }
            let type_name = self.type_of(key, commit, held);
            if !waiter.wait.what.is(type_name) {
                // Mostly nobody wants to know that there is nothing left.
                if type_name.is_none() && !self.waiting.awaits_change(key) {
                    return;
                }
                continue;
            }
            let Some(claim) = waiter.claim() else { continue };
            let Some(answer) = self.run_again(&waiter, commit, held) else {
                exhausted = waiter.wait.group.clone();
                continue;
            };
            self.waiting.remove(&waiter);
            if let Some(tracking) = ClientTracking::of(waiter.command.session(), self) {
                tracking.note_read(waiter.command.number());
            }
            commit.waits_mut().served.extend(claim.serve(answer));
        }
    }

    /// The type of the value of a key, as TYPE names it. `None` if there is none.
    fn type_of(&self, (database, name): &KeyName, commit: &Commit, held: &mut HeldShards<'_>) -> Option<&'static str> {
        let Location { hash, shard } = self.databases.locate(KeyRef { database: *database, name });
        let now = self.time_of(commit, &Shards::Many(held)).as_millis() as u64;
        let (_, entry) = held.shard(held.position(shard)).find(hash, name)?;
        (!entry.has_expired(now)).then(|| entry.type_name())
    }

    /// Runs the function of a command again. `None` if it waits on.
    fn run_again(&self, waiter: &Waiter, commit: &mut Commit, held: &mut HeldShards<'_>) -> Option<Response> {
        let (row, args, mut keys) = (waiter.row, Args::new(&waiter.command), PerKey::new());
        match waiter.wait.what {
            Awaited::Any(_) | Awaited::Change => {
                // The shards of its other keys need not be held. There was nothing in them when it began to wait, and what only makes
                // old entries of a stream new to a group, XGROUP SETID, serves nobody.
                let changed = &commit.waits_mut().changed;
                for (database, name) in waiter.keys.iter().filter(|key| changed.contains(key)) {
                    let Location { hash, shard } = self.databases.locate(KeyRef { database: *database, name });
                    keys.push(KeySlot::new(name, hash, shard, *database));
                }
            }
            Awaited::First(_) | Awaited::Sync { .. } | Awaited::Time => {
                locate(row, args, waiter.database, &self.databases, &mut keys).ok()?;
            }
        }
        held.place(&mut keys);
        let planned = Planned { row, args, database: waiter.database, keys: Some(&keys) };
        let answer = self.execute_held(planned, waiter.command.session(), held, commit);
        match commit.waits_mut().wanted.take() {
            Some(_) => None,
            None => Some(answer.unwrap_or_else(Response::from)),
        }
    }
}

/// A copy of a command that keeps no other bytes of the buffer in which it was received, in the session of `received`.
fn detached(command: &Command, received: &Command) -> Command {
    Command::new(command.name()).with_args(command.args()).in_session(received.shared_session(), received.number())
}
