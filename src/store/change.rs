//! What a store tells of its changes: [`Change`], [`Event`], [`Record`], [`Sink`].

use std::{fmt, time::Duration};

use bytes::Bytes;
use kvstore_protocol::Command;

/// What happened to a key: the event of a keyspace notification of Redis, such as `set` or `del`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Event {
    name: &'static str,
    class: u8,
}

impl Event {
    /// The string was set.
    pub const SET: Self = Self::string("set");
    /// Bytes were appended to the string.
    pub const APPEND: Self = Self::string("append");
    /// A part of the string was overwritten.
    pub const SETRANGE: Self = Self::string("setrange");
    /// Bits were changed.
    pub const SETBIT: Self = Self::string("setbit");
    /// The string has grown for fields of BITFIELD that were not set. Redis has no such event.
    pub const BITFIELD: Self = Self { name: "bitfield", class: 0 };
    /// Elements were added to the HyperLogLog.
    pub const PFADD: Self = Self::string("pfadd");
    /// The estimate of the HyperLogLog was cached. Redis has no such event.
    pub const PFCOUNT: Self = Self { name: "pfcount", class: 0 };
    /// The HyperLogLog was made dense. Redis has no such event.
    pub const PFDEBUG: Self = Self { name: "pfdebug", class: 0 };
    /// An integer was added to the string.
    pub const INCRBY: Self = Self::string("incrby");
    /// A decimal number was added to the string.
    pub const INCRBYFLOAT: Self = Self::string("incrbyfloat");
    /// The key was removed.
    pub const DEL: Self = Self::generic("del");
    /// The expiry was set.
    pub const EXPIRE: Self = Self::generic("expire");
    /// The expiry was removed.
    pub const PERSIST: Self = Self::generic("persist");
    /// The key was renamed: it is missing now.
    pub const RENAME_FROM: Self = Self::generic("rename_from");
    /// The key has the value of another that was renamed.
    pub const RENAME_TO: Self = Self::generic("rename_to");
    /// The key was moved to another database: it is missing now.
    pub const MOVE_FROM: Self = Self::generic("move_from");
    /// The key was moved from another database.
    pub const MOVE_TO: Self = Self::generic("move_to");
    /// The key has a copy of the value of another.
    pub const COPY_TO: Self = Self::generic("copy_to");
    /// The key was restored from a serialized value.
    pub const RESTORE: Self = Self::generic("restore");
    /// Elements were inserted at the head of the list.
    pub const LPUSH: Self = Self::list("lpush");
    /// Elements were inserted at the tail of the list.
    pub const RPUSH: Self = Self::list("rpush");
    /// Elements were removed from the head of the list.
    pub const LPOP: Self = Self::list("lpop");
    /// Elements were removed from the tail of the list.
    pub const RPOP: Self = Self::list("rpop");
    /// An element was inserted into the list.
    pub const LINSERT: Self = Self::list("linsert");
    /// An element of the list was replaced.
    pub const LSET: Self = Self::list("lset");
    /// Elements were removed from the list.
    pub const LREM: Self = Self::list("lrem");
    /// The list was trimmed.
    pub const LTRIM: Self = Self::list("ltrim");
    /// The list is the result of SORT.
    pub const SORTSTORE: Self = Self::list("sortstore");
    /// Fields of the hash were set.
    pub const HSET: Self = Self::hash("hset");
    /// An integer was added to a field of the hash.
    pub const HINCRBY: Self = Self::hash("hincrby");
    /// A decimal number was added to a field of the hash.
    pub const HINCRBYFLOAT: Self = Self::hash("hincrbyfloat");
    /// Fields of the hash were removed.
    pub const HDEL: Self = Self::hash("hdel");
    /// Fields of the hash were given an expiry.
    pub const HEXPIRE: Self = Self::hash("hexpire");
    /// The expiry of fields of the hash was removed.
    pub const HPERSIST: Self = Self::hash("hpersist");
    /// Fields of the hash were removed, because they had expired.
    pub const HEXPIRED: Self = Self::hash("hexpired");
    /// Members were added to the set.
    pub const SADD: Self = Self::set("sadd");
    /// Members were removed from the set.
    pub const SREM: Self = Self::set("srem");
    /// Random members were removed from the set.
    pub const SPOP: Self = Self::set("spop");
    /// The set is the intersection of others.
    pub const SINTERSTORE: Self = Self::set("sinterstore");
    /// The set is the union of others.
    pub const SUNIONSTORE: Self = Self::set("sunionstore");
    /// The set is the difference of others.
    pub const SDIFFSTORE: Self = Self::set("sdiffstore");
    /// Members were added to the sorted set, or their scores were changed.
    pub const ZADD: Self = Self::sorted_set("zadd");
    /// A number was added to the score of a member.
    pub const ZINCR: Self = Self::sorted_set("zincr");
    /// Members were removed from the sorted set.
    pub const ZREM: Self = Self::sorted_set("zrem");
    /// Members in a range of ranks were removed.
    pub const ZREMRANGEBYRANK: Self = Self::sorted_set("zremrangebyrank");
    /// Members in a range of scores were removed.
    pub const ZREMRANGEBYSCORE: Self = Self::sorted_set("zremrangebyscore");
    /// Members in a lexicographical range were removed.
    pub const ZREMRANGEBYLEX: Self = Self::sorted_set("zremrangebylex");
    /// Members with the lowest scores were removed.
    pub const ZPOPMIN: Self = Self::sorted_set("zpopmin");
    /// Members with the highest scores were removed.
    pub const ZPOPMAX: Self = Self::sorted_set("zpopmax");
    /// The sorted set is a range of another.
    pub const ZRANGESTORE: Self = Self::sorted_set("zrangestore");
    /// The sorted set is the intersection of others.
    pub const ZINTERSTORE: Self = Self::sorted_set("zinterstore");
    /// The sorted set is the union of others.
    pub const ZUNIONSTORE: Self = Self::sorted_set("zunionstore");
    /// The sorted set is the difference of others.
    pub const ZDIFFSTORE: Self = Self::sorted_set("zdiffstore");
    /// An entry was added to the stream.
    pub const XADD: Self = Self::stream("xadd");
    /// The oldest entries of the stream were removed.
    pub const XTRIM: Self = Self::stream("xtrim");
    /// Entries were removed from the stream.
    pub const XDEL: Self = Self::stream("xdel");
    /// The last identifier of the stream was set.
    pub const XSETID: Self = Self::stream("xsetid");
    /// A consumer group was created.
    pub const XGROUP_CREATE: Self = Self::stream("xgroup-create");
    /// The last identifier that a consumer group was given was set.
    pub const XGROUP_SETID: Self = Self::stream("xgroup-setid");
    /// A consumer group was removed.
    pub const XGROUP_DESTROY: Self = Self::stream("xgroup-destroy");
    /// A consumer was created in a group.
    pub const XGROUP_CREATECONSUMER: Self = Self::stream("xgroup-createconsumer");
    /// A consumer was removed from a group.
    pub const XGROUP_DELCONSUMER: Self = Self::stream("xgroup-delconsumer");
    /// Entries were delivered to a consumer. Redis has no such event.
    pub const XREADGROUP: Self = Self { name: "xreadgroup", class: 0 };
    /// Entries were acknowledged. Redis has no such event.
    pub const XACK: Self = Self { name: "xack", class: 0 };
    /// Pending entries were handed to a consumer. Redis has no such event.
    pub const XCLAIM: Self = Self { name: "xclaim", class: 0 };
    /// The sorted set has the members that GEOSEARCHSTORE has found.
    pub const GEOSEARCHSTORE: Self = Self::sorted_set("geosearchstore");
    /// The sorted set has the members that GEORADIUS has found.
    pub const GEORADIUSSTORE: Self = Self::sorted_set("georadiusstore");
    /// The key was removed, because it had expired.
    pub const EXPIRED: Self = Self { name: "expired", class: b'x' };
    /// The key was created. A sink is not told: it is a part of another change.
    pub(super) const NEW: Self = Self { name: "new", class: b'n' };
    /// A client has asked for a key that is missing, which is no change.
    pub(super) const KEYMISS: Self = Self { name: "keymiss", class: b'm' };
    /// All keys of the database were removed. Redis has no such event.
    pub const FLUSHDB: Self = Self { name: "flushdb", class: 0 };
    /// The database has the keys of another. Redis has no such event.
    pub const SWAPDB: Self = Self { name: "swapdb", class: 0 };

    const fn string(name: &'static str) -> Self {
        Self { name, class: b'$' }
    }

    const fn generic(name: &'static str) -> Self {
        Self { name, class: b'g' }
    }

    const fn list(name: &'static str) -> Self {
        Self { name, class: b'l' }
    }

    const fn hash(name: &'static str) -> Self {
        Self { name, class: b'h' }
    }

    const fn set(name: &'static str) -> Self {
        Self { name, class: b's' }
    }

    const fn sorted_set(name: &'static str) -> Self {
        Self { name, class: b'z' }
    }

    const fn stream(name: &'static str) -> Self {
        Self { name, class: b't' }
    }

    /// Whether clients that watch or track the key are told. Redis does not count what happens to the groups of a stream and its last
    /// identifier among the changes of the key; that the key was created is one in any case.
    pub(super) fn touches(self) -> bool {
        !matches!(
            self,
            Self::NEW
                | Self::KEYMISS
                | Self::XSETID
                | Self::XGROUP_CREATE
                | Self::XGROUP_SETID
                | Self::XGROUP_DESTROY
                | Self::XGROUP_CREATECONSUMER
                | Self::XGROUP_DELCONSUMER
                | Self::XREADGROUP
                | Self::XACK
                | Self::XCLAIM
        )
    }

    /// Whether commands that wait for the key are served. Redis serves none of a stream to which nothing was added.
    pub(super) fn serves(self) -> bool {
        !matches!(
            self,
            Self::XTRIM
                | Self::XDEL
                | Self::XSETID
                | Self::XGROUP_CREATE
                | Self::XGROUP_SETID
                | Self::XGROUP_CREATECONSUMER
                | Self::XGROUP_DELCONSUMER
                | Self::XREADGROUP
                | Self::XACK
        )
    }

    /// Returns the name.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Returns the letter of the class of the event in `notify-keyspace-events`; `None` if Redis does not notify of it.
    pub const fn class(self) -> Option<char> {
        if self.class == 0 { None } else { Some(self.class as char) }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A change of one key, or of a database as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub(super) database: usize,
    pub(super) key: Option<Bytes>,
    pub(super) event: Event,
}

impl Change {
    /// Returns the database.
    pub fn database(&self) -> usize {
        self.database
    }

    /// Returns the key; `None` if the database was changed as a whole.
    pub fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    /// Returns what happened.
    pub fn event(&self) -> Event {
        self.event
    }
}

/// The commands of one commit that changed something, in their order. [Applied](super::Store::apply) to a store with the
/// same state, they lead to the same state again.
///
/// A command is recorded as it came, with the time at which it ran. A command whose effect depends on chance, on the order of
/// hashes or on a setting is recorded by its effect. An entry that expired is recorded as a DEL, and expired fields of a hash as an
/// HDEL.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub(super) time: Duration,
    pub(super) commands: Vec<(usize, Command)>,
}

impl Record {
    /// Creates a record of commands, each with its database, that ran at `time` since the Unix epoch.
    pub fn new(time: Duration, commands: Vec<(usize, Command)>) -> Self {
        Self { time, commands }
    }

    /// Returns the time since the Unix epoch at which the commands ran.
    pub fn time(&self) -> Duration {
        self.time
    }

    /// Returns the commands, each with its database.
    pub fn commands(&self) -> &[(usize, Command)] {
        &self.commands
    }
}

/// Is told of every change of a store: a journal, a replica, a cache that is invalidated.
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use kvstore::{
///     protocol::Command,
///     store::{Change, Record, Sink, Store},
/// };
///
/// #[derive(Debug, Default)]
/// struct Names(Arc<Mutex<Vec<String>>>);
///
/// impl Sink for Names {
///     fn committed(&self, _: u64, _: &Record, changes: &[Change]) {
///         let names = changes.iter().map(|change| change.event().name().to_owned());
///         self.0.lock().expect("no panic under the lock").extend(names);
///     }
/// }
///
/// let names = Arc::default();
/// let store = Store::builder().sink(Names(Arc::clone(&names))).build();
/// store.execute(&Command::new("SET").with_args(["key", "value"]));
/// store.execute(&Command::new("GET").arg("key"));
/// store.execute(&Command::new("SETNX").with_args(["key", "other"]));
/// store.execute(&Command::new("DEL").arg("key"));
/// assert_eq!(*names.lock().expect("no panic under the lock"), ["set", "del"]);
/// ```
pub trait Sink: fmt::Debug + Send + Sync + 'static {
    /// Called once for each commit that changed something, while the locks of its keys are held. So two commits that share a
    /// key are told in their order, and `number`, which counts the commits of the store from 1, grows with them.
    ///
    /// Must return soon, and must not call the store.
    fn committed(&self, number: u64, record: &Record, changes: &[Change]);
}

#[cfg(test)]
mod tests {
    use kvstore_protocol::Response;

    use crate::store::testing::{Commit, TestStore, Told};

    /// What the sink was told, as a text: each commit with its events and its commands.
    fn shown(told: &Told) -> String {
        shown_commits(told.take())
    }

    fn shown_commits(commits: Vec<Commit>) -> String {
        let commits = commits.into_iter().map(|(record, changes)| {
            let changes: Vec<_> = changes
                .iter()
                .map(|change| {
                    let key = change.key().map_or("*".into(), String::from_utf8_lossy);
                    format!("{} {}{key}", change.event().name(), "^".repeat(change.database()))
                })
                .collect();
            let commands: Vec<_> = record
                .commands()
                .iter()
                .map(|(database, command)| {
                    let words: Vec<_> = command.words().map(String::from_utf8_lossy).collect();
                    format!("{}{}", "^".repeat(*database), words.join(" "))
                })
                .collect();
            format!("{}: {}", commands.join("; "), changes.join(", "))
        });
        commits.collect::<Vec<_>>().join(" | ")
    }

    /// The keyspace events of commits, as they are published.
    fn events(commits: &[Commit]) -> Vec<String> {
        let changes = commits.iter().flat_map(|(_, changes)| changes);
        let changes = changes.filter(|change| change.event().class().is_some()).map(|change| {
            let channel = format!("__keyevent@{}__:{}", change.database(), change.event().name());
            let message = ["pmessage", "*", &channel].map(Response::from).into_iter();
            Response::Push(message.chain([change.key().unwrap_or_default().into()]).collect()).to_string()
        });
        changes.collect()
    }

    /// Executes commands, and compares what each of them tells, and that the same is published. A command that changes nothing
    /// tells nothing.
    #[track_caller]
    fn check(lines: &[(&str, &str)]) {
        let (store, told) = TestStore::observed();
        let mut subscriber = store.client();
        subscriber.answer("PSUBSCRIBE *");
        store.check([("CONFIG SET notify-keyspace-events EA", "+OK")]);
        for (line, expected) in lines {
            match *line {
                "wait" => store.pass(1001),
                "expire" => store.remove_expired(),
                line => _ = store.answer(line),
            }
            let commits = told.take();
            assert_eq!(subscriber.messages(), events(&commits), "{line}");
            assert_eq!(shown_commits(commits), *expected, "{line}");
        }
    }

    #[test]
    fn every_command_that_writes_a_string_tells_it_once() {
        check(&[
            ("SET k v", "SET k v: set k"),
            ("SET k v XX GET", "SET k v XX GET: set k"),
            ("SET k v NX", ""),
            ("SET other v XX", ""),
            ("SET k v EX 10", "SET k v EX 10: set k, expire k"),
            ("SET k v KEEPTTL", "SET k v KEEPTTL: set k"),
            ("SET k v EXAT 1", "SET k v EXAT 1: del k"),
            ("SET k v EXAT 1", ""),
            ("SETNX k v", "SETNX k v: set k"),
            ("SETNX k v", ""),
            ("SETEX k 10 v", "SETEX k 10 v: set k, expire k"),
            ("PSETEX k 10000 v", "PSETEX k 10000 v: set k, expire k"),
            ("GETSET k v", "GETSET k v: set k"),
            ("MSET a 1 b 2", "MSET a 1 b 2: set a, set b"),
            ("MSETNX a 1 c 2", ""),
            ("MSETNX c 1 d 2", "MSETNX c 1 d 2: set c, set d"),
            ("APPEND k w", "APPEND k w: append k"),
            ("APPEND new w", "APPEND new w: append new"),
            ("SETRANGE k 1 x", "SETRANGE k 1 x: setrange k"),
            ("SETRANGE k 100 ''", ""),
            ("SETRANGE new2 1 x", "SETRANGE new2 1 x: setrange new2"),
            ("INCR a", "INCR a: incrby a"),
            ("DECR a", "DECR a: incrby a"),
            ("INCRBY a 2", "INCRBY a 2: incrby a"),
            ("DECRBY a 2", "DECRBY a 2: incrby a"),
            ("INCR k", ""),
            ("INCRBYFLOAT a 1.5", "INCRBYFLOAT a 1.5: incrbyfloat a"),
            ("GETDEL a", "GETDEL a: del a"),
            ("GETDEL a", ""),
            ("GETEX k", ""),
            ("GETEX k EX 10", "GETEX k EX 10: expire k"),
            ("GETEX k PERSIST", "GETEX k PERSIST: persist k"),
            ("GETEX k PERSIST", ""),
            ("GETEX k PXAT 1", "GETEX k PXAT 1: del k"),
            ("GET b", ""),
            ("MGET b c", ""),
            ("SET k v IFEQ w", ""),
            ("SET k w IFNE w", "SET k w IFNE w: set k"),
            (
                "BITFIELD f OVERFLOW FAIL GET i64 8 SET i8 7 255",
                "BITFIELD f OVERFLOW FAIL GET i64 8 SET i8 7 255: bitfield f",
            ),
            ("BITFIELD f OVERFLOW FAIL SET i8 7 255", ""),
            (
                "BITFIELD f OVERFLOW FAIL SET i8 16 255 SET i8 0 0",
                "BITFIELD f OVERFLOW FAIL SET i8 16 255 SET i8 0 0: setbit f",
            ),
            ("BITFIELD f SET i8 0 0", ""),
            ("BITFIELD f SET i8 0 1", "BITFIELD f SET i8 0 1: setbit f"),
            ("DELEX k IFEQ v", ""),
            ("DELEX k IFEQ w", "DELEX k IFEQ w: del k"),
            ("DELEX k", ""),
            ("DELIFEQ b 3", ""),
            ("DELIFEQ b 2", "DELIFEQ b 2: del b"),
            ("MSETEX 2 a 1 b 2 XX", ""),
            ("MSETEX 2 a 1 b 2 EX 10", "MSETEX 2 a 1 b 2 EX 10: set a, expire a, set b, expire b"),
            ("INCREX a UBOUND 0", ""),
            ("INCREX a EX 10", "INCREX a EX 10: incrby a, expire a"),
            ("INCREX a BYFLOAT 0.5", "INCREX a BYFLOAT 0.5: incrbyfloat a"),
            ("INCREX a BYFLOAT 0.5 EXAT 1", "INCREX a BYFLOAT 0.5 EXAT 1: del a"),
            ("DIGEST b", ""),
            ("LCS b c", ""),
            ("PFADD p a b", "PFADD p a b: pfadd p"),
            ("PFADD p a", ""),
            ("PFADD p c", "PFADD p c: pfadd p"),
            ("PFCOUNT p", "PFCOUNT p: pfcount p"),
            ("PFCOUNT p", ""),
            ("PFCOUNT p q", ""),
            ("PFMERGE q p", "PFMERGE q p: pfadd q"),
            ("PFMERGE q p b", ""),
            ("PFDEBUG ENCODING p", ""),
            ("PFDEBUG TODENSE p", "PFDEBUG TODENSE p: pfdebug p"),
            ("PFDEBUG GETREG p", ""),
            ("PFDEBUG GETREG q", "PFDEBUG GETREG q: pfdebug q"),
        ]);
    }

    #[test]
    fn every_command_that_writes_a_list_tells_it_once() {
        check(&[
            ("LPUSHX l a", ""),
            ("RPUSHX l a", ""),
            ("LPUSH l b a", "LPUSH l b a: lpush l"),
            ("RPUSH l a c", "RPUSH l a c: rpush l"),
            ("LPUSHX l x", "LPUSHX l x: lpush l"),
            ("RPUSHX l x", "RPUSHX l x: rpush l"),
            ("LINSERT l BEFORE a y", "LINSERT l BEFORE a y: linsert l"),
            ("LINSERT l BEFORE none y", ""),
            ("LSET l 0 X", "LSET l 0 X: lset l"),
            ("LSET l 100 X", ""),
            ("LREM l 1 a", "LREM l 1 a: lrem l"),
            ("LREM l 1 none", ""),
            ("LRANGE l 0 -1", ""),
            ("LINDEX l 0", ""),
            ("LPOS l a", ""),
            ("LLEN l", ""),
            ("LPOP l", "LPOP l: lpop l"),
            ("RPOP l", "RPOP l: rpop l"),
            ("LPOP l 0", ""),
            ("LPOP none", ""),
            ("LTRIM l 0 2", "LTRIM l 0 2: ltrim l"),
            ("LTRIM l 0 -1", ""),
            ("LTRIM none 0 2", ""),
            ("LMOVE l m LEFT RIGHT", "LMOVE l m LEFT RIGHT: rpush m, lpop l"),
            ("LMOVE none m LEFT RIGHT", ""),
            ("RPOPLPUSH l l", "RPOPLPUSH l l: lpush l, rpop l"),
            ("RPOPLPUSH l m", "RPOPLPUSH l m: lpush m, rpop l"),
            ("RPOPLPUSH l m", "RPOPLPUSH l m: lpush m, rpop l, del l"),
            ("RPUSH l a b b", "RPUSH l a b b: rpush l"),
            ("LMPOP 2 n l RIGHT COUNT 1", "RPOP l 1: rpop l"),
            ("LMPOP 1 n LEFT", ""),
            ("RPUSH q a b c d", "RPUSH q a b c d: rpush q"),
            ("BLPOP n q 0", "LPOP q: lpop q"),
            ("BRPOP q 0", "RPOP q: rpop q"),
            ("BLMPOP 0 1 q LEFT", "LPOP q 1: lpop q"),
            ("BLMOVE q p LEFT RIGHT 0", "LMOVE q p LEFT RIGHT: rpush p, lpop q, del q"),
            ("BRPOPLPUSH p q 0", "LMOVE p q RIGHT LEFT: lpush q, rpop p, del p"),
            ("DEL q", "DEL q: del q"),
            ("BLPOP n q 0", ""),
            ("LREM l 0 b", "LREM l 0 b: lrem l"),
            ("LREM l 0 a", "LREM l 0 a: lrem l, del l"),
            ("LTRIM m 1 0", "LTRIM m 1 0: ltrim m, del m"),
            ("RPUSH l a", "RPUSH l a: rpush l"),
            ("LPOP l 5", "LPOP l 5: lpop l, del l"),
        ]);
    }

    #[test]
    fn every_command_that_writes_a_hash_tells_it_once() {
        check(&[
            ("HSET h a 1 b 2", "HSET h a 1 b 2: hset h"),
            ("HMSET h a 1 b 2", "HMSET h a 1 b 2: hset h"),
            ("HSETNX h a 1", ""),
            ("HSETNX h c 3", "HSETNX h c 3: hset h"),
            ("HINCRBY h a 5", "HINCRBY h a 5: hincrby h"),
            ("HINCRBY h a x", ""),
            ("HINCRBYFLOAT h a 0.5", "HINCRBYFLOAT h a 0.5: hincrbyfloat h"),
            ("HINCRBY h a 1", ""),
            ("HDEL h missing", ""),
            ("HDEL missing a", ""),
            ("HDEL h a missing", "HDEL h a missing: hdel h"),
            ("HGETDEL h FIELDS 1 missing", ""),
            ("HGETDEL h FIELDS 1 b", "HGETDEL h FIELDS 1 b: hdel h"),
            ("HGETDEL h FIELDS 1 c", "HGETDEL h FIELDS 1 c: hdel h, del h"),
            ("HSET h a 1", "HSET h a 1: hset h"),
            ("HDEL h a", "HDEL h a: hdel h, del h"),
            ("HGETALL h", ""),
            ("HSCAN h 0", ""),
            ("HRANDFIELD h", ""),
        ]);
    }

    #[test]
    fn every_command_that_changes_the_expiry_of_fields_tells_it() {
        check(&[
            ("HSET h a 1 b 2", "HSET h a 1 b 2: hset h"),
            ("HEXPIRE h 10 FIELDS 2 a missing", "HEXPIRE h 10 FIELDS 2 a missing: hexpire h"),
            ("HEXPIRE h 10 NX FIELDS 1 a", ""),
            ("HPEXPIRE missing 10 FIELDS 1 a", ""),
            ("HPERSIST h FIELDS 2 a b", "HPERSIST h FIELDS 2 a b: hpersist h"),
            ("HPERSIST h FIELDS 1 a", ""),
            ("HTTL h FIELDS 1 a", ""),
            ("HGETEX h FIELDS 1 a", ""),
            ("HGETEX h EX 10 FIELDS 1 a", "HGETEX h EX 10 FIELDS 1 a: hexpire h"),
            ("HGETEX h EX 10 FIELDS 1 missing", ""),
            ("HGETEX h PERSIST FIELDS 1 a", "HGETEX h PERSIST FIELDS 1 a: hpersist h"),
            ("HGETEX h PERSIST FIELDS 1 a", ""),
            ("HGETEX h PXAT 1 FIELDS 1 a", "HGETEX h PXAT 1 FIELDS 1 a: hdel h"),
            ("HSETEX h EX 10 FIELDS 1 a 1", "HSETEX h EX 10 FIELDS 1 a 1: hset h, hexpire h"),
            ("HSETEX h FNX FIELDS 1 a 1", ""),
            ("HSETEX h KEEPTTL FIELDS 1 a 1", "HSETEX h KEEPTTL FIELDS 1 a 1: hset h"),
            ("HSETEX h PXAT 1 FIELDS 1 a 1", "HSETEX h PXAT 1 FIELDS 1 a 1: hset h, hdel h"),
            ("HSETEX h PXAT 1 FIELDS 1 missing 1", "HSETEX h PXAT 1 FIELDS 1 missing 1: hset h, hdel h"),
            (
                "HSETEX none PXAT 1 FIELDS 2 a 1 b 2",
                "HSETEX none PXAT 1 FIELDS 2 a 1 b 2: hset none, hdel none, del none",
            ),
            ("HSETEX h FXX PXAT 1 FIELDS 1 missing 1", ""),
            ("HPEXPIREAT h 1 FIELDS 1 b", "HPEXPIREAT h 1 FIELDS 1 b: hdel h, del h"),
            ("HSETEX h FIELDS 1 a 1", "HSETEX h FIELDS 1 a 1: hset h"),
            ("HSETEX h PXAT 1 FIELDS 1 a 1", "HSETEX h PXAT 1 FIELDS 1 a 1: hset h, hdel h, del h"),
        ]);
    }

    #[test]
    fn fields_expire_once_for_a_writer_or_in_the_background_and_not_for_a_reader() {
        check(&[
            ("HSET h a 1 b 2 c 3", "HSET h a 1 b 2 c 3: hset h"),
            ("HPEXPIRE h 1000 FIELDS 2 a b", "HPEXPIRE h 1000 FIELDS 2 a b: hexpire h"),
            ("wait", ""),
            ("HGET h a", ""),
            ("HGETALL h", ""),
            ("HSETNX h c 4", "HDEL h b a: hexpired h"),
            ("HPEXPIRE h 1000 FIELDS 1 c", "HPEXPIRE h 1000 FIELDS 1 c: hexpire h"),
            ("wait", ""),
            ("EXISTS h", ""),
            ("HSET h d 4", "DEL h; HSET h d 4: hexpired h, del h, hset h"),
            ("HSETEX h PX 1000 FIELDS 1 e 5", "HSETEX h PX 1000 FIELDS 1 e 5: hset h, hexpire h"),
            ("wait", ""),
            ("HSET h f 6", "HDEL h e; HSET h f 6: hexpired h, hset h"),
            ("HPEXPIRE h 1000 FIELDS 1 d", "HPEXPIRE h 1000 FIELDS 1 d: hexpire h"),
            ("wait", ""),
            ("expire", "HDEL h d: hexpired h"),
            ("expire", ""),
            ("HPEXPIRE h 1000 FIELDS 1 f", "HPEXPIRE h 1000 FIELDS 1 f: hexpire h"),
            ("wait", ""),
            ("expire", "DEL h: hexpired h, del h"),
            ("expire", ""),
        ]);
    }

    #[test]
    fn every_command_that_writes_a_set_tells_it_once() {
        check(&[
            ("SADD s a b c", "SADD s a b c: sadd s"),
            ("SADD s a", ""),
            ("SREM s x", ""),
            ("SREM s a x", "SREM s a x: srem s"),
            ("SMOVE s t x", ""),
            ("SMOVE s s b", ""),
            ("SMOVE s t b", "SMOVE s t b: srem s, sadd t"),
            ("SADD s b", "SADD s b: sadd s"),
            ("SMOVE s t b", "SMOVE s t b: srem s"),
            ("SMOVE s t c", "SMOVE s t c: srem s, del s, sadd t"),
            ("SINTERSTORE d t missing", ""),
            ("SINTERSTORE d t", "SINTERSTORE d t: sinterstore d"),
            ("SUNIONSTORE d t missing", "SUNIONSTORE d t missing: sunionstore d"),
            ("SDIFFSTORE d t missing", "SDIFFSTORE d t missing: sdiffstore d"),
            ("SDIFFSTORE d t t", "SDIFFSTORE d t t: del d"),
            ("SREM t b c", "SREM t b c: srem t, del t"),
            ("SADD s a", "SADD s a: sadd s"),
            ("SPOP missing", ""),
            ("SPOP s 0", ""),
            ("SPOP s", "SREM s a: spop s, del s"),
            ("SADD s a", "SADD s a: sadd s"),
            ("SPOP s 5", "SREM s a: spop s, del s"),
            ("SMEMBERS s", ""),
            ("SADD s 2 1", "SADD s 2 1: sadd s"),
            ("SORT s", ""),
            ("SORT missing STORE d", ""),
            ("SORT s STORE d", "SORT s STORE d: sortstore d"),
            ("SORT missing STORE d", "SORT missing STORE d: del d"),
        ]);
    }

    #[test]
    fn every_command_that_writes_a_sorted_set_tells_it_once() {
        check(&[
            ("ZADD z 1 a 2 b 3 c 4 d 5 e", "ZADD z 1 a 2 b 3 c 4 d 5 e: zadd z"),
            ("ZADD z 1 a", ""),
            ("ZADD z NX 2 a", ""),
            ("ZADD z XX CH 2 a", "ZADD z XX CH 2 a: zadd z"),
            ("ZADD z INCR 1 a", "ZADD z INCR 1 a: zincr z"),
            ("ZINCRBY z 1 a", "ZINCRBY z 1 a: zincr z"),
            ("ZREM z x", ""),
            ("ZREM z a", "ZREM z a: zrem z"),
            ("ZRANGESTORE d z 0 0", "ZRANGESTORE d z 0 0: zrangestore d"),
            ("ZRANGESTORE d z 9 9", "ZRANGESTORE d z 9 9: del d"),
            ("ZUNIONSTORE d 1 z", "ZUNIONSTORE d 1 z: zunionstore d"),
            ("ZINTERSTORE d 1 z", "ZINTERSTORE d 1 z: zinterstore d"),
            ("ZDIFFSTORE d 1 z", "ZDIFFSTORE d 1 z: zdiffstore d"),
            ("ZDIFFSTORE d 2 z z", "ZDIFFSTORE d 2 z z: del d"),
            ("ZDIFFSTORE d 2 z z", ""),
            ("ZPOPMIN z", "ZPOPMIN z: zpopmin z"),
            ("ZPOPMAX z 0", ""),
            ("ZPOPMAX z", "ZPOPMAX z: zpopmax z"),
            ("ZREMRANGEBYRANK z 9 9", ""),
            ("ZREMRANGEBYRANK z 0 0", "ZREMRANGEBYRANK z 0 0: zremrangebyrank z"),
            ("ZREMRANGEBYSCORE z 0 9", "ZREMRANGEBYSCORE z 0 9: zremrangebyscore z, del z"),
            ("ZADD z 0 a", "ZADD z 0 a: zadd z"),
            ("ZREMRANGEBYLEX z - +", "ZREMRANGEBYLEX z - +: zremrangebylex z, del z"),
            ("ZADD z 0 a 1 b", "ZADD z 0 a 1 b: zadd z"),
            ("ZMPOP 2 missing z MIN", "ZPOPMIN z 1: zpopmin z"),
            ("ZMPOP 2 missing z MAX COUNT 9", "ZPOPMAX z 9: zpopmax z, del z"),
            ("ZADD z 1 a 2 b 3 c", "ZADD z 1 a 2 b 3 c: zadd z"),
            ("BZPOPMIN n z 0", "ZPOPMIN z 1: zpopmin z"),
            ("BZPOPMAX z 0", "ZPOPMAX z 1: zpopmax z"),
            ("BZMPOP 0 1 z MAX COUNT 9", "ZPOPMAX z 9: zpopmax z, del z"),
            ("BZPOPMIN z 0", ""),
            ("ZMPOP 1 z MIN", ""),
            ("ZSCAN z 0", ""),
            ("GEOADD g 1 1 a 2 2 b", "GEOADD g 1 1 a 2 2 b: zadd g"),
            ("GEOADD g 1 1 a", ""),
            ("GEOSEARCH g FROMLONLAT 1 1 BYRADIUS 1 m", ""),
            (
                "GEOSEARCHSTORE d g FROMLONLAT 1 1 BYRADIUS 1 m",
                "GEOSEARCHSTORE d g FROMLONLAT 1 1 BYRADIUS 1 m: geosearchstore d",
            ),
            ("GEOSEARCHSTORE d g FROMLONLAT 5 1 BYRADIUS 1 m", "GEOSEARCHSTORE d g FROMLONLAT 5 1 BYRADIUS 1 m: del d"),
            ("GEOSEARCHSTORE d g FROMLONLAT 5 1 BYRADIUS 1 m", ""),
            ("GEORADIUS g 1 1 1 m STORE d", "GEORADIUS g 1 1 1 m STORE d: georadiusstore d"),
            (
                "GEORADIUSBYMEMBER g a 1 m STORE x STOREDIST d",
                "GEORADIUSBYMEMBER g a 1 m STORE x STOREDIST d: georadiusstore d",
            ),
            ("GEORADIUS_RO g 1 1 1 m", ""),
        ]);
    }

    #[test]
    fn every_command_that_writes_a_stream_tells_it_once() {
        check(&[
            ("XADD s NOMKSTREAM * a 1", ""),
            ("XADD s 5-1 a 1", "XADD s 5-1 a 1: xadd s"),
            ("XADD s 5-* a 1", "XADD s 5-2 a 1: xadd s"),
            ("XADD s 5-2 a 1", ""),
            ("XADD s MAXLEN = 2 * a 1", "XADD s MAXLEN = 2 1700000000000-0 a 1: xadd s, xtrim s"),
            ("XADD s MAXLEN ~ 1 * a 1", "XADD s MAXLEN = 3 KEEPREF 1700000000000-1 a 1: xadd s"),
            ("XTRIM s MAXLEN ~ 1", ""),
            ("XTRIM s MAXLEN 2", "XTRIM s MAXLEN 2: xtrim s"),
            ("XTRIM s MINID ~ 1700000000001 LIMIT 5 DELREF", "XTRIM s MAXLEN = 0 DELREF: xtrim s"),
            ("XSETID s 1700000000000-5", "XSETID s 1700000000000-5: xsetid s"),
            ("XADD s * a 1", "XADD s 1700000000000-6 a 1: xadd s"),
            ("XADD s * a 1", "XADD s 1700000000000-7 a 1: xadd s"),
            ("XDEL s 9", ""),
            ("XGROUP CREATE s g 0", "XGROUP CREATE s g 0: xgroup-create s"),
            ("XGROUP CREATE s g 0", ""),
            ("XGROUP CREATE t g $ MKSTREAM", "XGROUP CREATE t g $ MKSTREAM: xgroup-create t"),
            ("XGROUP SETID s g 0", "XGROUP SETID s g 0: xgroup-setid s"),
            ("XGROUP CREATECONSUMER s g c", "XGROUP CREATECONSUMER s g c: xgroup-createconsumer s"),
            ("XGROUP CREATECONSUMER s g c", ""),
            (
                "XREADGROUP GROUP g c COUNT 1 BLOCK 5 STREAMS s >",
                "XREADGROUP GROUP g c COUNT 1 STREAMS s >: xreadgroup s",
            ),
            (
                "XREADGROUP GROUP g d NOACK STREAMS s t > >",
                "XREADGROUP GROUP g d NOACK STREAMS s t > >: xgroup-createconsumer s, xreadgroup s, xgroup-createconsumer t",
            ),
            ("XREADGROUP GROUP g c STREAMS s >", ""),
            ("XREADGROUP GROUP g c STREAMS s 0", "XREADGROUP GROUP g c STREAMS s 0: xreadgroup s"),
            ("XREADGROUP GROUP g d STREAMS s 0", ""),
            ("XCLAIM s g e 0 1700000000000-6", "XCLAIM s g e 0 1700000000000-6: xgroup-createconsumer s, xclaim s"),
            ("XCLAIM s g e 0 1700000000000-7", ""),
            ("XAUTOCLAIM s g c 0 0", "XAUTOCLAIM s g c 0 0: xclaim s"),
            ("XAUTOCLAIM s g c 1 0", ""),
            ("XACK s g 1700000000000-7", ""),
            ("XACK s g 1700000000000-6", "XACK s g 1700000000000-6: xack s"),
            ("XACKDEL s g IDS 1 1700000000000-6", ""),
            ("XDELEX s IDS 1 1700000000000-6", "XDELEX s IDS 1 1700000000000-6: xdel s"),
            ("XDEL s 1700000000000-7", "XDEL s 1700000000000-7: xdel s"),
            ("XGROUP DELCONSUMER s g c", "XGROUP DELCONSUMER s g c: xgroup-delconsumer s"),
            ("XGROUP DELCONSUMER s g c", ""),
            ("XGROUP DESTROY s g", "XGROUP DESTROY s g: xgroup-destroy s"),
            ("XGROUP DESTROY s g", ""),
            ("XADD s 1700000000001-0 a 1", "XADD s 1700000000001-0 a 1: xadd s"),
            ("XGROUP CREATE s g 0", "XGROUP CREATE s g 0: xgroup-create s"),
            (
                "XREADGROUP GROUP g c STREAMS s >",
                "XREADGROUP GROUP g c STREAMS s >: xgroup-createconsumer s, xreadgroup s",
            ),
            ("XDEL s 1700000000001", "XDEL s 1700000000001: xdel s"),
            ("XDELEX s DELREF IDS 1 1700000000001", "XDELEX s DELREF IDS 1 1700000000001: xack s"),
            ("XDELEX s DELREF IDS 1 1700000000001", ""),
            ("XREAD STREAMS s 0", ""),
            ("XRANGE s - +", ""),
        ]);
    }

    #[test]
    fn a_random_pop_is_recorded_by_its_effect() {
        let (store, told) = TestStore::observed();
        let replayed = TestStore::new();
        for number in 0..50 {
            store.answer(&format!("SADD s {number} member:{number}"));
        }
        for line in ["SPOP s", "SPOP s 20", "SPOP s", "SPOP s 7"] {
            store.answer(line);
        }
        for (record, _) in told.take() {
            assert!(record.commands().iter().all(|(_, command)| !command.is("SPOP")));
            replayed.store().apply(&record).expect("a record");
        }
        assert_eq!(replayed.entries(), store.entries());
    }

    #[test]
    fn every_command_that_writes_keys_tells_it_once() {
        check(&[
            ("MSET a 1 b 2 c 3 d 4", "MSET a 1 b 2 c 3 d 4: set a, set b, set c, set d"),
            ("DEL a missing b", "DEL a missing b: del a, del b"),
            ("DEL a b", ""),
            ("UNLINK c", "UNLINK c: del c"),
            ("RENAME missing x", ""),
            ("RENAME d e", "RENAME d e: rename_from d, rename_to e"),
            ("RENAME e e", ""),
            ("SET f 1", "SET f 1: set f"),
            ("RENAMENX e f", ""),
            ("RENAMENX e g", "RENAMENX e g: rename_from e, rename_to g"),
            ("COPY f g", ""),
            ("COPY f g REPLACE", "COPY f g REPLACE: copy_to g"),
            ("COPY f g DB 2", "COPY f g DB 2: copy_to ^^g"),
            ("MOVE f 1", "MOVE f 1: move_from f, move_to ^f"),
            ("MOVE f 1", ""),
            ("EXPIRE g 10", "EXPIRE g 10: expire g"),
            ("EXPIRE g 20 NX", ""),
            ("PEXPIRE g 10000", "PEXPIRE g 10000: expire g"),
            ("EXPIREAT g 1800000000", "EXPIREAT g 1800000000: expire g"),
            ("PEXPIREAT g 1800000000000", "PEXPIREAT g 1800000000000: expire g"),
            ("PERSIST g", "PERSIST g: persist g"),
            ("PERSIST g", ""),
            ("TOUCH g", ""),
            ("EXPIRE g -1", "EXPIRE g -1: del g"),
            ("EXPIRE g 10", ""),
            ("RESTORE r 0 \0\x05v7673\x0B\0k~yT0jdH", "RESTORE r 0 \0\x05v7673\x0B\0k~yT0jdH: restore r"),
            ("RESTORE r 0 \0\x05v7673\x0B\0k~yT0jdH", ""),
            ("RESTORE r 5 invalid REPLACE", ""),
            (
                "RESTORE r 5 \0\x05v7673\x0B\0k~yT0jdH REPLACE",
                "RESTORE r 5 \0\x05v7673\x0B\0k~yT0jdH REPLACE: restore r",
            ),
            (
                "RESTORE r 5 \0\x05v7673\x0B\0k~yT0jdH REPLACE ABSTTL",
                "RESTORE r 5 \0\x05v7673\x0B\0k~yT0jdH REPLACE ABSTTL: del r",
            ),
            ("RESTORE r 5 \0\x05v7673\x0B\0k~yT0jdH ABSTTL", ""),
            ("DUMP a", ""),
        ]);
    }

    #[test]
    fn an_entry_expires_once_for_a_writer_or_in_the_background_and_not_for_a_reader() {
        check(&[
            ("SET k v PX 1000", "SET k v PX 1000: set k, expire k"),
            ("wait", ""),
            ("GET k", ""),
            ("EXISTS k", ""),
            ("DBSIZE", ""),
            ("EXPIRE k 10", ""),
            ("DEL k", "DEL k: expired k"),
            ("SET k v PX 1000", "SET k v PX 1000: set k, expire k"),
            ("wait", ""),
            ("SET k v NX", "DEL k; SET k v NX: expired k, set k"),
            ("SET old v PX 1000", "SET old v PX 1000: set old, expire old"),
            ("wait", ""),
            ("DEL k old", "DEL old; DEL k old: del k, expired old"),
            ("SET k v", "SET k v: set k"),
            ("PEXPIRE k 1000", "PEXPIRE k 1000: expire k"),
            ("wait", ""),
            ("expire", "DEL k: expired k"),
            ("expire", ""),
        ]);
    }

    #[test]
    fn a_database_that_changes_as_a_whole_is_one_change() {
        check(&[
            ("FLUSHDB", ""),
            ("FLUSHALL", ""),
            ("MSET a 1 b 2", "MSET a 1 b 2: set a, set b"),
            ("COPY a a DB 1", "COPY a a DB 1: copy_to ^a"),
            ("FLUSHDB", "FLUSHDB: flushdb *"),
            ("SWAPDB 0 0", ""),
            ("SWAPDB 0 1", "SWAPDB 0 1: swapdb *, swapdb ^*"),
            ("COPY a a DB 2", "COPY a a DB 2: copy_to ^^a"),
            ("FLUSHALL ASYNC", "FLUSHALL ASYNC: flushdb *, flushdb ^^*"),
        ]);
    }

    #[test]
    fn a_transaction_is_one_record_of_the_commands_that_changed_something() {
        let (store, told) = TestStore::observed();
        let mut client = store.client();
        for line in ["MULTI", "SET k 1", "GET k", "SETNX k 2", "INCR k", "FLUSHDB", "EXEC"] {
            client.answer(line);
        }
        assert_eq!(shown(&told), "SET k 1; INCR k; FLUSHDB: set k, incrby k, flushdb *");
    }
}
