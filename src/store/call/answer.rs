//! What a command may answer: how much while connections wait, and in a script.

use kvstore_protocol::{CommandError, Packed, Response};

use super::{Call, LONG_WORK};
use crate::store::{execute::STOPPED, spec::Answer};

/// The most that is answered while connections wait, in bytes, if it may be large.
const LONG_ANSWER: usize = 4 * LONG_WORK;

/// The bytes of a reply around a string, at most.
pub(in super::super) const LINES: usize = 32;

/// The reply to a command of a script is too large.
pub(in super::super) const LARGE_ANSWER: CommandError =
    CommandError::new("ERR", "the reply takes more memory than lua-memory-limit allows");

impl Call<'_> {
    /// A collection for what the command answers. In a script its memory is bounded.
    #[inline]
    pub(crate) fn bounded(&self, empty: Packed) -> Packed {
        if self.is_in_script() { empty.drawing_on(self.store.scripts.replies()) } else { empty }
    }

    /// The same for a command that changes nothing, which ends with [`collected`](Self::collected). If it comes to more than can be copied
    /// while connections wait, the command runs again where none does.
    #[inline]
    pub(crate) fn collect(&self, empty: Packed) -> Packed {
        self.bounded(empty).limited_to(self.most_copied())
    }

    /// The answer of a command that changes nothing.
    ///
    /// # Errors
    /// If it is too large: one that no client sees, or that of a script.
    #[inline]
    pub(crate) fn collected(&mut self, found: impl Into<Packed>) -> Answer {
        let found = found.into();
        if found.is_too_large() { Err(self.refuse_answer()) } else { Ok(found.into()) }
    }

    /// The error for what a command that changes nothing has found, if it is too large: the command runs again where no connection waits.
    #[cold]
    pub(crate) fn refuse_answer(&mut self) -> CommandError {
        if self.commit.may_take_long {
            return LARGE_ANSWER;
        }
        // They are counted when it runs again.
        self.keys.iter().for_each(|key| self.take_back_count(key));
        self.commit.is_postponed = true;
        STOPPED
    }

    /// Takes memory for what the answer of a command that changes nothing is made of, besides its collection.
    ///
    /// # Errors
    /// One that no client sees; if a script has no such memory.
    pub(crate) fn reserve(&mut self, bytes: usize) -> Result<(), CommandError> {
        self.afford(bytes)?;
        if self.is_in_script() && !self.store.scripts.replies().take(bytes) { Err(LARGE_ANSWER) } else { Ok(()) }
    }

    /// Declares, before the first change, that the answer of a command that changes something copies so many bytes.
    ///
    /// # Errors
    /// One that no client sees; if a script has no memory for it.
    pub(crate) fn afford_answer(&mut self, bytes: usize) -> Result<(), CommandError> {
        self.afford(bytes)?;
        self.check_answer(bytes)
    }

    /// The same for `count` of the `length` elements of a key, each of which is as much work to visit as `weight` elements of a list.
    ///
    /// # Errors
    /// Those of [`afford_answer`](Self::afford_answer).
    pub(crate) fn afford_part(
        &mut self,
        key: usize,
        (count, length): (usize, usize),
        weight: usize,
    ) -> Result<(), CommandError> {
        let count = count.min(length);
        self.afford_elements(count.saturating_mul(weight))?;
        let bytes = self.entry(key).map_or(0, |entry| entry.copied());
        self.afford_answer((bytes / length.max(1)).saturating_mul(count))
    }

    /// Whether a script has memory for a value that is answered, and is about to be removed or replaced.
    ///
    /// # Errors
    /// If it has not.
    pub(crate) fn check_answer(&self, bytes: usize) -> Result<(), CommandError> {
        if self.is_in_script() && bytes > self.store.scripts.replies().left() { Err(LARGE_ANSWER) } else { Ok(()) }
    }

    /// How many bytes a command that changes nothing may copy as its answer, which it ends with [`copied`](Self::copied).
    pub(crate) fn most_copied(&self) -> usize {
        if self.commit.may_take_long { usize::MAX } else { LONG_ANSWER }
    }

    /// The answer of a command that changes nothing: a copy; `None` if it is too large for now.
    ///
    /// # Errors
    /// One that no client sees.
    pub(crate) fn copied(&mut self, copy: Option<Response>) -> Answer {
        copy.ok_or_else(|| self.refuse_answer())
    }
}

#[cfg(test)]
mod tests {
    use kvstore_protocol::Command;

    use crate::store::testing::{TestStore, command};

    #[test]
    fn a_large_answer_is_copied_where_no_connection_waits() {
        let store = TestStore::new();
        let (long, repeated) = ("x".repeat(100_000), ["f"; 60].join(" "));
        let very_long = Command::new("HSET").with_args(["hash", "long", &long.repeat(60)]);
        store.answer_to(very_long);
        store.answer(&format!("RPUSH ash {}", ["ash"; 60].join(" ")));
        store.answer(&format!("RPUSH l {}", [&*long; 60].join(" ")));
        store.answer(&format!("HSET hash f {long}"));
        store.answer(&format!("SADD s {long}"));
        store.answer(&format!("ZADD z 1 {long}"));
        for id in 1..60 {
            store.answer(&format!("XADD x {id} a {long}"));
        }
        store.check([("XGROUP CREATE x g 0", "+OK"), ("XGROUP CREATE x h 0", "+OK")]);
        store.answer("XREADGROUP GROUP g c COUNT 30 STREAMS x >");
        let many = |name: &str, word: fn(usize) -> String| {
            store.answer(&format!("{name} {}", (0..10_000).map(word).collect::<Vec<_>>().join(" ")));
        };
        many("SADD many", |number| format!("m{number}"));
        many("ZADD ranks", |number| format!("{number} m{number}"));
        many("HSET fields", |number| format!("f{number} v"));
        store.answer_to(Command::new("RPUSH").with_args(["very_long", &long.repeat(20)]));
        let postponed = [
            &*format!("HMGET hash {repeated}"),
            &format!("HGETEX hash FIELDS 60 {repeated}"),
            "HGET hash long",
            "HGETALL hash",
            "HVALS hash",
            "HRANDFIELD hash -60 WITHVALUES",
            "SRANDMEMBER s -60",
            "SRANDMEMBER s -100000",
            "ZRANDMEMBER z -60 WITHSCORES",
            "LRANGE l 0 -1",
            "SORT l ALPHA",
            "XRANGE x - +",
            "XREAD STREAMS x 0",
            "XREAD STREAMS x none x 0 0 0",
            "XREADGROUP GROUP h c STREAMS x >",
            "DUMP l",
            "LPOP l 60",
            "LMPOP 1 l LEFT COUNT 60",
            "LPOP very_long",
            "HGETDEL hash FIELDS 1 long",
            "XCLAIM x g c 0 1 2 3 4 5 6 7 8 9 10 11 12",
            "XAUTOCLAIM x g c 0 0",
            "XINFO STREAM x FULL COUNT 0",
            "SRANDMEMBER many 5000",
            "ZRANDMEMBER ranks 5000",
            "SPOP many 5000",
            "ZPOPMIN ranks 3000",
            "HSCAN fields 0 COUNT 10000",
            "HSCAN hash 0",
            "SSCAN many 0 COUNT 10000",
            "ZSCAN ranks 0 COUNT 10000",
        ];
        for line in postponed {
            assert!(store.postpones(&command(line)), "{}", &line[..line.len().min(40)]);
        }
        // They are counted when they run.
        assert!(store.answer("INFO stats").to_string().contains("keyspace_hits:0\\r\\nkeyspace_misses:0\\r\\n"));
        for line in ["SORT ash ALPHA BY h*->f", "SORT ash BY nosort GET h*->f"] {
            assert!(store.postpones(&command(line)), "{line}");
        }
        for line in [
            "HGET hash f",
            "HMGET hash f f",
            "SRANDMEMBER s -3",
            "LRANGE l 0 9",
            "LINDEX l 3",
            "LPOP l",
            "LPOP l 3",
            "SPOP many 10",
            "ZPOPMIN ranks 10",
            "XCLAIM x g c 0 1 2",
            "HGETDEL hash FIELDS 1 none",
            "HSCAN fields 0",
            "SSCAN s 0 COUNT 1000000",
            "SORT ash ALPHA BY h*->none",
        ] {
            assert!(!store.postpones(&command(line)), "{line}");
        }
        store.check([("XLEN x", ":59"), ("LLEN l", ":56"), ("LLEN very_long", ":1")]);
        assert!(store.answer("HGET hash long").to_string().len() > 6_000_000);
    }
}
