//! Commands that add entries: XADD; and XSETID.

use kvstore_protocol::{Command, CommandError, Response, parse_integer};
use smallvec::SmallVec;

use super::{
    ids::{NewId, parse_strict},
    reply::id_text,
    trim::{self, TrimOptions, exact, length, trim_stream},
};
use crate::store::{
    args::Args,
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::{
        Stream, StreamId,
        stream::{Counters, MAX_ENTRY, Pair, Trim},
    },
};

pub(in super::super) const SPECS: &[Spec] = &[Spec::new("XADD", xadd), Spec::new("XSETID", xsetid)];

const ZERO: CommandError = CommandError::new("ERR", "The ID specified in XADD must be greater than 0-0");
const EXHAUSTED: CommandError =
    CommandError::new("ERR", "The stream has exhausted the last possible ID, unable to add more items");
const TOO_SMALL: CommandError =
    CommandError::new("ERR", "The ID specified in XADD is equal or smaller than the target stream top item");
const TOO_LARGE: CommandError = CommandError::new("ERR", "Elements are too large to be stored");

/// `XADD key [NOMKSTREAM] [KEEPREF | DELREF | ACKED] [MAXLEN | MINID [= | ~] threshold [LIMIT count]] * | id field value
/// [field value …]`: adds an entry. Answers its identifier.
fn xadd(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let options = TrimOptions::parse(&args, true)?;
    let (id, at) = options.id.ok_or_else(|| CommandError::wrong_arity(call.name()))?;
    let pairs = pairs(&args, at + 1).ok_or_else(|| CommandError::wrong_arity(call.name()))?;
    if id == NewId::Given(StreamId::MIN) {
        return Err(ZERO);
    }
    if options.no_mkstream && call.find::<Stream>(0)?.is_none() {
        return Ok(Response::Null);
    }
    let (limit, now, trim) = (call.thresholds().node(), call.now(), options.trim(call.thresholds()));
    if let Some(trim) = &trim {
        trim::afford(call, trim)?;
    }
    let mut stream = call.edit_or_create::<Stream>(0, Event::XADD)?;
    let added = next_id(stream.counters(), id, now)?;
    if pairs.iter().map(|(field, value)| field.len() + value.len()).sum::<usize>() > MAX_ENTRY {
        return Err(TOO_LARGE);
    }
    stream.update(|log| log.append(added, &pairs, limit));
    drop(stream);
    if let Some(trim) = &trim {
        trim_stream(call, trim)?;
    }
    record(call, added, (id, at), trim.as_ref())?;
    Ok(id_text(added))
}

/// Records the entry with its identifier, and what was trimmed with its length.
fn record(
    call: &mut Call<'_>,
    added: StreamId,
    (id, at): (NewId, usize),
    trim: Option<&Trim>,
) -> Result<(), CommandError> {
    let approximate = trim.filter(|trim| trim.approximate.is_some());
    if approximate.is_none() && matches!(id, NewId::Given(_)) {
        return Ok(());
    }
    let (len, args) = (if approximate.is_some() { length(call)? } else { 0 }, call.args());
    call.record(|| {
        let (id, len) = (added.text(), len.to_string());
        let mut words = vec![args.bytes(0)];
        match approximate {
            Some(trim) => words.extend(exact(trim, &len)),
            None => words.extend((1..at).map(|index| args.bytes(index))),
        }
        words.push(&id);
        words.extend(args.from(at + 1));
        Command::new("XADD").with_args(words)
    });
    Ok(())
}

/// The fields and values from an argument on; `None` if there are none, or a field has no value.
fn pairs<'a>(args: &Args<'a>, from: usize) -> Option<SmallVec<[Pair<'a>; 8]>> {
    let count = args.len().saturating_sub(from);
    if count == 0 || !count.is_multiple_of(2) {
        return None;
    }
    Some((from..args.len()).step_by(2).map(|at| (args.bytes(at), args.bytes(at + 1))).collect())
}

/// The identifier of the next entry.
fn next_id(counters: &Counters, id: NewId, now: u64) -> Result<StreamId, CommandError> {
    let last = counters.last;
    if last == StreamId::MAX {
        return Err(EXHAUSTED);
    }
    let next = match id {
        // The time may have been set back.
        NewId::Auto if now <= last.ms => last.next(),
        NewId::Auto => Some(StreamId::new(now, 0)),
        NewId::AutoSequence(ms) if ms == last.ms => last.seq.checked_add(1).map(|seq| StreamId::new(ms, seq)),
        NewId::AutoSequence(ms) => Some(StreamId::new(ms, 0)),
        NewId::Given(id) => Some(id),
    };
    next.filter(|next| *next > last).ok_or(TOO_SMALL)
}

/// `XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]`: sets the last identifier of the stream.
fn xsetid(call: &mut Call<'_>) -> Answer {
    const NO_KEY: CommandError = CommandError::new("ERR", "no such key");
    let args = call.args();
    let settings = LastId::parse(&args)?;
    let Some(mut stream) = call.edit::<Stream>(0, Event::XSETID)? else { return Err(NO_KEY) };
    settings.check(stream.counters(), stream.last_entry_id())?;
    let LastId { last, added, max_deleted } = settings;
    stream.update(|log| log.set_last(last, added, max_deleted.filter(|id| *id != StreamId::MIN)));
    Ok(Response::ok())
}

/// The arguments of XSETID.
struct LastId {
    last: StreamId,
    added: Option<u64>,
    max_deleted: Option<StreamId>,
}

impl LastId {
    fn parse(args: &Args<'_>) -> Result<Self, CommandError> {
        const NEGATIVE: CommandError = CommandError::new("ERR", "entries_added must be positive");
        const BEHIND: CommandError =
            CommandError::new("ERR", "The ID specified in XSETID is smaller than the provided max_deleted_entry_id");
        let mut parsed = Self { last: parse_strict(args.bytes(1))?, added: None, max_deleted: None };
        let mut options = args.options(2);
        loop {
            if options.keyword("ENTRIESADDED") {
                let added = parse_integer(options.value()?).ok_or(CommandError::NOT_AN_INTEGER)?;
                parsed.added = Some(u64::try_from(added).map_err(|_| NEGATIVE)?);
            } else if options.keyword("MAXDELETEDID") {
                let id = parse_strict(options.value()?)?;
                if parsed.last < id {
                    return Err(BEHIND);
                }
                parsed.max_deleted = Some(id);
            } else {
                options.finish()?;
                return Ok(parsed);
            }
        }
    }

    fn check(&self, counters: &Counters, last_entry: Option<StreamId>) -> Result<(), CommandError> {
        const BEHIND_DELETED: CommandError =
            CommandError::new("ERR", "The ID specified in XSETID is smaller than current max_deleted_entry_id");
        const BEHIND_LAST: CommandError =
            CommandError::new("ERR", "The ID specified in XSETID is smaller than the target stream top item");
        const TOO_FEW: CommandError =
            CommandError::new("ERR", "The entries_added specified in XSETID is smaller than the target stream length");
        if self.last < counters.max_deleted {
            return Err(BEHIND_DELETED);
        }
        if last_entry.is_some_and(|last| self.last < last) {
            return Err(BEHIND_LAST);
        }
        if counters.len > 0 && self.added.is_some_and(|added| counters.len > added) {
            return Err(TOO_FEW);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use kvstore_protocol::Command;

    use crate::store::{Fsync, disk::simulated::SimulatedDisk, journal::Settings, testing::TestStore};

    #[test]
    fn entries_get_identifiers_that_grow() {
        let store = TestStore::new();
        store.check([
            ("XADD s * a 1", "\"1700000000000-0\""),
            ("XADD s * a 1", "\"1700000000000-1\""),
            ("XADD s 1700000000005-* a 1", "\"1700000000005-0\""),
            ("XADD s 1700000000005-* a 1", "\"1700000000005-1\""),
            ("XADD s * a 1", "\"1700000000005-2\""),
            ("XADD s 1700000000009 a 1", "\"1700000000009-0\""),
            ("XLEN s", ":6"),
            ("TYPE s", "+stream"),
            ("OBJECT ENCODING s", "\"stream\""),
        ]);
        store.pass(100);
        store.check([("XADD s * a 1", "\"1700000000100-0\"")]);
    }

    #[test]
    fn an_identifier_that_is_not_greater_is_refused() {
        const SMALL: &str = "-ERR The ID specified in XADD is equal or smaller than the target stream top item";
        TestStore::new().check([
            ("XADD s 0-0 a 1", "-ERR The ID specified in XADD must be greater than 0-0"),
            ("EXISTS s", ":0"),
            ("XADD s 0-* a 1", "\"0-1\""),
            ("XADD s 5-5 a 1", "\"5-5\""),
            ("XADD s 5-5 a 1", SMALL),
            ("XADD s 5-4 a 1", SMALL),
            ("XADD s 4-* a 1", SMALL),
            ("XADD s 5-18446744073709551615 a 1", "\"5-18446744073709551615\""),
            ("XADD s 5-* a 1", SMALL),
            ("XADD s 18446744073709551615-18446744073709551614 a 1", "\"18446744073709551615-18446744073709551614\""),
            ("XADD s * a 1", "\"18446744073709551615-18446744073709551615\""),
            ("XADD s * a 1", "-ERR The stream has exhausted the last possible ID, unable to add more items"),
            ("XADD s x a 1", "-ERR Invalid stream ID specified as stream command argument"),
        ]);
    }

    #[test]
    fn options_are_checked_first() {
        const ARITY: &str = "-ERR wrong number of arguments for 'xadd' command";
        TestStore::new().check([
            ("XADD s NOMKSTREAM * a 1", "(nil)"),
            ("EXISTS s", ":0"),
            ("XADD s * a 1 b", ARITY),
            ("XADD s MAXLEN = 1 *", ARITY),
            (
                "XADD s MAXLEN 1 MINID 1 * a 1",
                "-ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
            ),
            ("XADD s MAXLEN -1 * a 1", "-ERR The MAXLEN argument must be >= 0."),
            ("XADD s MAXLEN x * a 1", "-ERR value is not an integer or out of range"),
            ("XADD s MAXLEN 5 LIMIT 5 * a 1", "-ERR syntax error, LIMIT cannot be used without the special ~ option"),
            ("XADD s LIMIT 5 * a 1", "-ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"),
            ("XADD s MAXLEN ~ 5 LIMIT -5 * a 1", "-ERR The LIMIT argument must be >= 0."),
            ("SET k v", "+OK"),
            ("XADD k * a 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("XADD k NOMKSTREAM * a 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ]);
    }

    #[test]
    fn a_stream_is_trimmed_as_it_grows() {
        let store = TestStore::new();
        for id in 1..=10 {
            store.answer(&format!("XADD s MAXLEN 3 {id} a {id}"));
        }
        store.check([
            ("XRANGE s - +", r#"[["8-0", ["a", "8"]], ["9-0", ["a", "9"]], ["10-0", ["a", "10"]]]"#),
            ("XADD s MINID = 10 11 b 1", "\"11-0\""),
            ("XRANGE s - +", r#"[["10-0", ["a", "10"]], ["11-0", ["b", "1"]]]"#),
            ("XADD s MAXLEN 0 12 b 1", "\"12-0\""),
            ("XLEN s", ":0"),
            ("EXISTS s", ":1"),
        ]);
    }

    #[test]
    fn the_last_identifier_is_set_within_bounds() {
        TestStore::new().check([
            ("XSETID s 1-1", "-ERR no such key"),
            ("XADD s 5-5 a 1", "\"5-5\""),
            ("XSETID s 5-4", "-ERR The ID specified in XSETID is smaller than the target stream top item"),
            (
                "XSETID s 7-0 ENTRIESADDED 0",
                "-ERR The entries_added specified in XSETID is smaller than the target stream length",
            ),
            ("XSETID s 7-0 ENTRIESADDED -1", "-ERR entries_added must be positive"),
            (
                "XSETID s 7-0 MAXDELETEDID 8-0",
                "-ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
            ),
            ("XSETID s 7-0 ENTRIESADDED 9 MAXDELETEDID 6-0", "+OK"),
            ("XSETID s 5-6", "-ERR The ID specified in XSETID is smaller than current max_deleted_entry_id"),
            ("XADD s 7-0 a 1", "-ERR The ID specified in XADD is equal or smaller than the target stream top item"),
            ("XSETID s 7-0 FOO", "-ERR syntax error"),
        ]);
    }

    /// A smaller last identifier, behind which entries were deleted: with one set by hand of those that were, or by a trim.
    #[test]
    fn a_stream_goes_on_before_entries_that_were_deleted() {
        const TRIMMED: &[&str] =
            &["XGROUP CREATE s g 0", "XREADGROUP GROUP g c STREAMS s >", "XACK s g 12-5", "XTRIM s MAXLEN = 0 ACKED"];
        for removal in [&["XDEL s 12-5", "XSETID s 20-0 MAXDELETEDID 5-2"][..], TRIMMED] {
            let disk = SimulatedDisk::new(1);
            let store = TestStore::durable(&disk, Settings::new(Fsync::No), 1).unwrap();
            ["XADD s 1-0 a b", "XADD s 12-5 a b"].iter().chain(removal).for_each(|line| _ = store.answer(line));
            store.check([("XLEN s", ":1"), ("XSETID s 10-2", "+OK"), ("XADD keep 1-1 x y", "\"1-1\"")]);
            let payload = store.answer("DUMP s");
            let restore = Command::new("RESTORE").arg("copy").arg("0").arg(payload.as_bytes().unwrap().to_vec());
            assert_eq!(store.answer_to(restore).to_string(), "+OK");
            store.check([("SAVE", "+OK")]);
            let reopen = |store: TestStore| {
                tokio_test::block_on(store.store().close()).unwrap();
                drop(store);
                disk.restart();
                TestStore::durable(&disk, Settings::new(Fsync::No), 1).unwrap()
            };
            let store = reopen(store);
            for key in ["s", "copy"] {
                let check = |line: &str, answer: &str| store.check([(&*line.replace('s', key), answer)]);
                check("XADD s 11-0 a b", "\"11-0\"");
                check("XADD s 12-5 c d", "\"12-5\"");
                check("XADD s 12-6 c d", "\"12-6\"");
                check("XRANGE s 12-5 12-5", r#"[["12-5", ["c", "d"]]]"#);
                check("XDEL s 11-0", ":1");
                check("XTRIM s MINID 12-6", ":2");
            }
            store.check([("SAVE", "+OK")]);
            let store = reopen(store);
            store.check([
                ("XRANGE s - +", r#"[["12-6", ["c", "d"]]]"#),
                ("XRANGE keep - +", r#"[["1-1", ["x", "y"]]]"#),
            ]);
        }
    }
}
