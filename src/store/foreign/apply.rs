//! Keys and commands of another server, applied to the store.

use std::time::Duration;

use kvstore_protocol::{Command, CommandError, Response, catalog::Flags};

use super::Tally;
use crate::store::{
    args::Args,
    call::{KeySlot, LONG_WORK},
    commit::Commit,
    execute::{Attempt, Patience, Planned, Stopped, may_take_long},
    held::{Held, HeldShards, Shards},
    plan::{KeysOfMany, LockPlan},
    rdb::{FileKey, dump_libraries, seal_object},
    state::StoreState,
};

/// Commands of one transaction, or a single one, each with its database.
pub(in crate::store) type Commands = [(usize, Command)];

impl StoreState {
    /// Stores a key of an RDB file.
    ///
    /// # Errors
    /// If the value is not valid, or the key exists and is not to be replaced, or the journal takes no commits.
    pub(in crate::store) fn apply_key(
        &self,
        key: FileKey,
        replace: bool,
        tally: &mut Tally,
    ) -> Result<(), CommandError> {
        let FileKey { database, key, type_name, object, expires_at, idle_time } = key;
        if database >= self.databases.len() {
            return Err(CommandError::err("DB index is out of range"));
        }
        let mut restore =
            Command::new("RESTORE").arg(key).arg(expires_at.unwrap_or(0)).arg(seal_object(object)).arg("ABSTTL");
        if let Some(seconds) = idle_time {
            restore = restore.arg("IDLETIME").arg(seconds);
        }
        if replace {
            restore = restore.arg("REPLACE");
        }
        self.apply_all(&[(database, restore)], |_, answer| answer.map(drop))?;
        tally.count_key(type_name);
        Ok(())
    }

    /// Loads a library of functions of an RDB file.
    ///
    /// # Errors
    /// If it is not valid, or there is one with its name and it is not to be replaced, or there is a function with the name of one of
    /// its functions, or the journal takes no commits.
    pub(in crate::store) fn apply_library(
        &self,
        source: Vec<u8>,
        replace: bool,
        tally: &mut Tally,
    ) -> Result<(), CommandError> {
        let load = Command::new("FUNCTION").arg("LOAD").with_args(replace.then_some("REPLACE"));
        self.apply_all(&[(0, load.arg(source))], |_, answer| answer.map(drop)).map_err(of_library)?;
        tally.libraries += 1;
        Ok(())
    }

    /// Removes all keys, and puts these libraries of functions in the place of those that are there: all of that, or nothing.
    ///
    /// # Errors
    /// If a library is not valid, or the journal takes no commits.
    pub(in crate::store) fn apply_libraries_alone(
        &self,
        libraries: &[Vec<u8>],
        tally: &mut Tally,
    ) -> Result<(), CommandError> {
        let function = Command::new("FUNCTION");
        let function = match libraries {
            [] => function.arg("FLUSH"),
            _ => function.arg("RESTORE").arg(dump_libraries(libraries.iter().map(Vec::as_slice))).arg("FLUSH"),
        };
        // The libraries first: if one is refused, the keys stay.
        let commands = [(0, function), (0, Command::new("FLUSHALL"))];
        self.apply_all(&commands, |_, answer| answer.map(drop)).map_err(of_library)?;
        tally.libraries += libraries.len() as u64;
        Ok(())
    }

    /// Runs commands of another server as one commit, in which no key that is there has expired, and no field of a hash: that server
    /// tells of expired keys itself, and may have run the commands earlier. A command that fails does not stop the others.
    ///
    /// # Errors
    /// If the journal takes no commits.
    pub(in crate::store) fn apply_commands(&self, commands: &Commands, tally: &mut Tally) -> Result<(), CommandError> {
        let mut known = Vec::with_capacity(commands.len());
        for (database, command) in commands {
            match self.row_of(command) {
                Ok(_) if *database < self.databases.len() => known.push((*database, without_limit(command))),
                Ok(_) => note_failure(tally, command, "DB index is out of range"),
                Err(_) => note_unknown(tally, command),
            }
        }
        tally.commands += known.len() as u64;
        self.apply_all(&known, |command, answer| {
            match answer {
                Ok(Response::Error(error)) => note_failure(tally, command, &String::from_utf8_lossy(&error)),
                Err(error) => note_failure(tally, command, &error.to_string()),
                Ok(_) => {}
            }
            Ok(())
        })
    }

    /// Runs commands as one commit.
    ///
    /// # Errors
    /// If the journal takes no commits, or `check` fails for an answer.
    fn apply_all(
        &self,
        commands: &Commands,
        mut check: impl FnMut(&Command, Result<Response, CommandError>) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        let is_long = |(_, command): &(usize, Command)| {
            self.row_of(command).is_ok_and(|row| may_take_long(row, command)) || command.size() > LONG_WORK
        };
        let _raised = commands.iter().any(is_long).then(|| self.databases.gate.raise());
        let (mut held, keys) = loop {
            let locked = self.lock_commands(commands)?;
            let mut attempt = Attempt::new(Patience::Endless);
            let asked = self.ask_journal(&mut attempt);
            match asked.and_then(|()| self.check_snapshot(|| true, locked.1.all(), &locked.0, &mut attempt)) {
                Ok(()) => break locked,
                Err(_) if matches!(attempt.stopped, Some(Stopped::Crowded)) => {
                    drop(locked);
                    self.block_for_room();
                }
                Err(refusal) => return Err(refusal),
            }
        };
        let mut commit = self.begin(Patience::Endless);
        commit.must_obey = true;
        commit.now.set(Some(self.time_before_expiries(&commit, commands, &keys, &mut held)));
        let checked = commands.iter().zip(keys.each()).try_for_each(|((database, command), keys)| {
            let row = self.row_of(command)?;
            if row.flags().has(Flags::PUBSUB) {
                return check(command, Ok(self.pub_sub.answer(command).unwrap_or(Response::Null)));
            }
            let planned = Planned { row, args: Args::new(command), database: *database, keys };
            check(command, self.execute_held(planned, command.session(), &mut held, &mut commit))
        });
        // On a replica, nobody takes what only the master may.
        if !self.replication.is_replica() {
            self.serve_waiting(&mut commit, &mut held);
        }
        self.tell(&mut commit, &Shards::Many(&mut held), None);
        drop(held);
        self.finish(&mut commit);
        checked
    }

    /// Locks the shards of the keys of commands, and of those who wait for them.
    fn lock_commands<'a>(&self, commands: &'a Commands) -> Result<(HeldShards<'_>, KeysOfMany<'a>), CommandError> {
        loop {
            let (mut plan, mut keys) = (LockPlan::default(), KeysOfMany::default());
            for (database, command) in commands {
                let (row, args) = (self.row_of(command)?, Args::new(command));
                keys.add(row, args, *database, &self.databases);
                plan.add_scope(row.spec.scope(&args), *database, true, &self.databases);
            }
            self.add_shards_to_serve(&mut plan, keys.all());
            let held = plan.lock(keys.all_mut(), &self.databases, Patience::Endless).expect("a patient command waits");
            if self.holds_shards_to_serve(&held, keys.all()) {
                return Ok((held, keys));
            }
        }
    }

    /// The time, or the latest one at which no key of the commands has expired, nor one to which they give an expiry; nor a field of a hash.
    fn time_before_expiries(
        &self,
        commit: &Commit,
        commands: &Commands,
        keys: &KeysOfMany<'_>,
        held: &mut HeldShards<'_>,
    ) -> Duration {
        let now = self.time_of(commit, &Shards::Many(held));
        let expiries_of = |key: &KeySlot<'_>| {
            let found = held.shard(key.shard as usize).find(key.hash, key.name);
            found.map(|(_, entry)| [entry.expires_at(), entry.earliest_field_expiry()])
        };
        let stored = keys.all().iter().filter_map(expiries_of).flatten().flatten();
        let given = commands.iter().filter_map(|(_, command)| given_expiry(command));
        let earliest = stored.chain(given).min().map(|at| Duration::from_millis(at.saturating_sub(1)));
        earliest.map_or(now, |earliest| earliest.min(now))
    }
}

/// The expiry that a command gives keys or fields, in milliseconds since the Unix epoch. Servers replicate no other forms than these.
fn given_expiry(command: &Command) -> Option<u64> {
    let number = |index| std::str::from_utf8(command.arg_at(index)?).ok()?.parse::<u64>().ok();
    let position = |keyword: &[u8]| command.args().position(|word| word.eq_ignore_ascii_case(keyword));
    if command.is("PEXPIREAT") || command.is("HPEXPIREAT") {
        return number(1);
    }
    if command.is("RESTORE") {
        return position(b"ABSTTL").and(number(1)).filter(|at| *at > 0);
    }
    let may_expire = ["SET", "GETEX", "MSETEX", "HSETEX", "HGETEX"].iter().any(|name| command.is(name));
    number(position(b"PXAT").filter(|_| may_expire)? + 1)
}

/// A server that was told to trim a stream to about a length tells its replicas how far it has: with `=` in the place of `~`. It leaves a
/// LIMIT as it was, which a client may not give with `=`.
fn without_limit(command: &Command) -> Command {
    if !command.is("XADD") && !command.is("XTRIM") {
        return command.clone();
    }
    let is_one_of = |at: usize, words: &[&str]| {
        command.arg_at(at).is_some_and(|given| words.iter().any(|word| given.eq_ignore_ascii_case(word.as_bytes())))
    };
    let mut at = 1;
    while is_one_of(at, &["NOMKSTREAM", "KEEPREF", "DELREF", "ACKED"]) {
        at += 1;
    }
    if !(is_one_of(at, &["MAXLEN", "MINID"]) && is_one_of(at + 1, &["="]) && is_one_of(at + 3, &["LIMIT"])) {
        return command.clone();
    }
    let kept = command.args().enumerate().filter(|(index, _)| !(at + 3..at + 5).contains(index));
    Command::new(command.name()).with_args(kept.map(|(_, word)| word))
}

/// Says that an error is about a library, unless the journal takes no commits.
fn of_library(error: CommandError) -> CommandError {
    match is_refusal(&error) {
        true => error,
        false => CommandError::err(format!("a function library cannot be loaded: {}", error.text())),
    }
}

/// Whether the journal takes no commits.
pub(in crate::store) fn is_refusal(error: &CommandError) -> bool {
    error.code() == "MISCONF"
}

fn name_of(command: &Command) -> String {
    String::from_utf8_lossy(command.name()).to_uppercase()
}

fn note_unknown(tally: &mut Tally, command: &Command) {
    let name = name_of(command);
    if tally.skip(format!("command {name}").into()) {
        tracing::warn!(command = name, "commands that the store does not have are skipped");
    }
}

fn note_failure(tally: &mut Tally, command: &Command, error: &str) {
    let name = name_of(command);
    if tally.fail(format!("{name}: {error}")) {
        tracing::warn!(command = name, error, "a command of another server has failed here");
    }
}
