//! XREADGROUP, by which the consumers of a group share what is new in a stream.

use std::time::Duration;

use bytes::Bytes;
use kvstore_protocol::{Command, CommandError, Packed, Protocol, Response};
use smallvec::SmallVec;

use super::{
    ids::parse_strict,
    no_group::no_such_in,
    range::{ENTRY, behind},
    read_options::{Asked, ReadOptions, Reader},
    reply::{push_entry, push_parts, streams},
};
use crate::store::{
    args::Args,
    call::{Call, ELEMENT_WORK, LINES},
    change::Event,
    spec::{Answer, KeyWords, Spec},
    value::{
        Stream, StreamId,
        stream::{ConsumerId, Delivery, Entry, Group, Log},
    },
    waiting::{Again, Awaited, Wait},
};

pub(in super::super) const SPECS: &[Spec] = &[Spec::new("XREADGROUP", xreadgroup).with_keys(locate)];

/// A day, in milliseconds.
const DAY: u64 = 24 * 60 * 60 * 1000;

/// What a consumer asks for.
#[derive(Clone, Copy, Debug)]
enum From {
    /// What was delivered to nobody.
    New,
    /// What is pending for it, behind an identifier.
    History(StreamId),
}

/// A stream that is read for a group, by its number.
#[derive(Clone, Copy, Debug)]
struct Source {
    key: usize,
    group: usize,
    from: From,
}

fn locate(args: &Args<'_>, database: usize) -> Result<KeyWords, CommandError> {
    Ok(ReadOptions::locate(args, Reader::OfGroup, database))
}

/// `XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [CLAIM min-idle-time] [NOACK] STREAMS key [key …] id [id …]`:
/// entries that were delivered to no consumer of the group, for the identifier `>`, or those that are pending for this one.
fn xreadgroup(call: &mut Call<'_>) -> Answer {
    let (args, options) = (call.args(), ReadOptions::parse(&call.args(), Reader::OfGroup)?);
    let (asked, mut work) = (options.asked(call), 0_usize);
    let mut sources = SmallVec::<[Source; 4]>::new();
    for asked in &asked {
        let source = source(call, &options, args.bytes(asked.id), asked.key)?;
        work = work.saturating_add(work_of(call, &options, &source)?);
        sources.push(source);
    }
    call.afford_elements(work)?;
    if call.is_in_script() {
        let bytes = sources.iter().map(|source| bytes_of(call, &options, source)).sum::<Result<usize, _>>()?;
        call.afford_answer(bytes)?;
    }
    let mut found = Vec::new();
    for source in &sources {
        let entries = read(call, &options, source)?;
        found.extend(entries.map(|entries| (call.key_name(source.key), entries)));
    }
    record(call, &options, &asked);
    if !found.is_empty() {
        return Ok(streams(call, found));
    }
    let Some(timeout) = options.block else { return Ok(Response::NullArray) };
    const WAIT: Wait = Wait::new(Awaited::Change, Response::NullArray);
    // What is pending for long may be so for one consumer alone.
    let group = options.claim.is_none().then(|| Bytes::copy_from_slice(options.group.0));
    let again = again(call, &options, &sources);
    call.wait(WAIT.for_at_most(timeout).in_group(group).trying_again(again), Response::NullArray)
}

/// When something may be pending for long enough to be claimed, though nothing has changed.
fn again(call: &Call<'_>, options: &ReadOptions<'_>, sources: &[Source]) -> Option<Again> {
    let (idle, now) = (options.claim?, call.now());
    let delivered = sources.iter().filter_map(|source| {
        let log = call.find::<Stream>(source.key).ok()??;
        let mut pending = log.groups()[source.group].by_delivery()?;
        pending.find(|(_, id)| log.get(*id).is_some()).map(|(delivered, _)| delivered)
    });
    let after = delivered.min().map_or(idle, |delivered| delivered.saturating_add(idle).saturating_sub(now));
    let [after, every] = [after.max(1), idle.max(10)].map(|time| Duration::from_millis(time.min(DAY)));
    Some(Again { after, every })
}

/// What is read of the stream of a key.
fn source(call: &Call<'_>, options: &ReadOptions<'_>, id: &[u8], key: usize) -> Result<Source, CommandError> {
    let (log, name) = (call.find::<Stream>(key)?, options.group.0);
    let missing = || no_such_in(call.key_name(key), name, " in XREADGROUP with GROUP option");
    let group = log.and_then(|log| log.find_group(name)).ok_or_else(missing)?;
    let from = match id {
        b">" => From::New,
        b"$" | b"+" => return Err(meaningless(char::from(id[0]))),
        // In Redis the last identifier is `>`.
        id => match parse_strict(id)? {
            StreamId::MAX => From::New,
            start => From::History(start),
        },
    };
    Ok(Source { key, group, from })
}

fn meaningless(id: char) -> CommandError {
    CommandError::err(format!(
        "The {id} ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a \
         proper ID, or use the > ID to get new messages. The {id} ID would just return an empty result set."
    ))
}

/// About how many elements are visited.
fn work_of(call: &Call<'_>, options: &ReadOptions<'_>, source: &Source) -> Result<usize, CommandError> {
    let Some(log) = call.find::<Stream>(source.key)? else { return Ok(0) };
    let group = &log.groups()[source.group];
    let entries = match source.from {
        From::New => behind(group.last_id).map_or(0, |(start, end)| log.entries_between(start, end)),
        From::History(_) => {
            let consumer = group.find_consumer(options.group.1);
            consumer.map_or(0, |consumer| group.consumer(consumer).pending_count())
        }
    };
    let claimable = match options.claim {
        None => 0,
        // What is pending is put in order once.
        Some(idle) => due(group, call.now(), idle).map_or(group.pending_count(), |due| due.take(options.count).count()),
    };
    // They may be long.
    let bytes = log.memory() / log.len().max(1);
    let entry = (2 * ENTRY).max(bytes / ELEMENT_WORK);
    Ok(claimable.saturating_add(entries.min(options.count)).saturating_mul(entry))
}

/// The size of the new entries, in bytes: once they are delivered they are not answered again.
fn bytes_of(call: &Call<'_>, options: &ReadOptions<'_>, source: &Source) -> Result<usize, CommandError> {
    let (From::New, Some(log)) = (source.from, call.find::<Stream>(source.key)?) else { return Ok(0) };
    let Some((start, end)) = behind(log.groups()[source.group].last_id) else { return Ok(0) };
    let (mut bytes, mut left) = (0, options.count);
    log.visit(start, end, |entry| {
        entry.for_each(|field, value| bytes += field.text().len() + value.text().len() + 2 * LINES);
        bytes += 2 * LINES;
        left = left.saturating_sub(1);
        left > 0
    });
    Ok(bytes)
}

/// Reads a stream; `None` if there is nothing new.
fn read(call: &mut Call<'_>, options: &ReadOptions<'_>, source: &Source) -> Result<Option<Packed>, CommandError> {
    let (now, protocol, name) = (call.now(), call.session().protocol(), options.group.1);
    create_consumer(call, source.key, source.group, name)?;
    let mut entries = call.bounded(Packed::array());
    let Some(mut stream) = call.edit::<Stream>(source.key, Event::XREADGROUP)? else { return Ok(None) };
    let Some(consumer) = stream.groups()[source.group].find_consumer(name) else { return Ok(None) };
    let is_history = matches!(source.from, From::History(_));
    stream.update(|log| {
        log.edit_group(source.group, |group| group.consumer_mut(consumer).seen = now);
        let delivery =
            Delivery { group: source.group, consumer, most: options.count, is_acknowledged: options.no_ack, now };
        match source.from {
            From::New => deliver(log, delivery, options.claim, &mut entries),
            From::History(start) => deliver_again(log, delivery, start, protocol, &mut entries),
        }
    });
    Ok((is_history || !entries.is_empty()).then_some(entries))
}

/// Creates a consumer, unless it is there.
pub(super) fn create_consumer(call: &mut Call<'_>, key: usize, group: usize, name: &[u8]) -> Result<(), CommandError> {
    let log = call.find::<Stream>(key)?;
    if log.is_none_or(|log| log.groups()[group].find_consumer(name).is_some()) {
        return Ok(());
    }
    let now = call.now();
    if let Some(mut stream) = call.edit::<Stream>(key, Event::XGROUP_CREATECONSUMER)? {
        stream.update(|log| log.edit_group(group, |group| group.create_consumer(name, now)));
    }
    Ok(())
}

/// Delivers what is pending for long, and what is new. Returns how many entries were.
fn deliver(log: &mut Log, delivery: Delivery, claim: Option<u64>, entries: &mut Packed) -> usize {
    let claimable = claim.map(|idle| claimable(log, &delivery, idle)).unwrap_or_default();
    claimable.iter().for_each(|id| claim_one(log, &delivery, *id, entries));
    let claimed = entries.len();
    let most = delivery.most - claimed;
    let delivered = log.deliver(&Delivery { most, ..delivery }, |entry| match claim {
        Some(_) => push_with_pending(entries, entry, (0, 0)),
        None => push_entry(entries, entry),
    });
    claimed + delivered
}

/// What is pending for so long, the earliest delivery first: as many as are asked for, with those that are deleted. Like Redis, this
/// looks at no more than these.
fn claimable(log: &mut Log, delivery: &Delivery, idle: u64) -> Vec<StreamId> {
    log.edit_group(delivery.group, Group::order_by_delivery);
    due(&log.groups()[delivery.group], delivery.now, idle).into_iter().flatten().take(delivery.most).collect()
}

/// What is pending for so long; `None` if the order of the deliveries is not known.
fn due(group: &Group, now: u64, idle: u64) -> Option<impl Iterator<Item = StreamId>> {
    let pending = group.by_delivery()?;
    Some(pending.take_while(move |(delivered, _)| now.saturating_sub(*delivered) >= idle).map(|(_, id)| id))
}

/// Hands a pending entry to the consumer. One that is deleted stays pending as it is.
fn claim_one(log: &mut Log, delivery: &Delivery, id: StreamId, entries: &mut Packed) {
    let Some(pending) = log.groups()[delivery.group].pending(id).copied() else { return };
    let Some(entry) = log.get(id) else { return };
    push_with_pending(entries, entry, (pending.idle(delivery.now), pending.deliveries));
    log.edit_group(delivery.group, |group| {
        group.assign(id, delivery.consumer, delivery.now, pending.deliveries.saturating_add(1));
        group.consumer_mut(delivery.consumer).active = Some(delivery.now);
    });
}

/// Adds an entry, for how long it was pending, and how often it was delivered before.
fn push_with_pending(entries: &mut Packed, entry: Entry<'_>, (idle, deliveries): (u64, u64)) {
    entries.push_array(4, |parts| {
        push_parts(parts, entry);
        parts.push_integer(idle as i64);
        parts.push_integer(deliveries as i64);
    });
}

/// Delivers what is pending for the consumer once more. Returns how many entries were.
fn deliver_again(
    log: &mut Log,
    delivery: Delivery,
    start: StreamId,
    protocol: Protocol,
    entries: &mut Packed,
) -> usize {
    let Some(start) = start.next() else { return 0 };
    let ids = pending_ids(log, &delivery, delivery.consumer, start);
    let mut delivered = Vec::new();
    for id in ids {
        match log.get(id) {
            Some(entry) => {
                push_entry(entries, entry);
                delivered.push(id);
            }
            // The consumer learns that it was deleted.
            None => entries.push_array(2, |parts| {
                parts.push(&id.text());
                parts.push_null_array_in(protocol);
            }),
        }
    }
    log.edit_group(delivery.group, |group| delivered.iter().for_each(|id| group.deliver_again(*id, delivery.now)));
    delivered.len()
}

fn pending_ids(log: &Log, delivery: &Delivery, consumer: ConsumerId, start: StreamId) -> Vec<StreamId> {
    log.groups()[delivery.group].consumer(consumer).pending_from(start).take(delivery.most).collect()
}

/// Records the command for the keys that were read, which need not be all of them. It waits for nothing when it is replayed.
fn record(call: &mut Call<'_>, options: &ReadOptions<'_>, asked: &[Asked]) {
    let (args, names) = (call.args(), asked.iter().map(|asked| call.key_name(asked.key)).collect::<Vec<_>>());
    call.record(|| {
        let (group, consumer) = options.group;
        let mut words = vec![b"GROUP".to_vec(), group.to_vec(), consumer.to_vec()];
        let mut option = |name: &str, value: u64| words.extend([name.into(), value.to_string().into()]);
        if options.count < usize::MAX {
            option("COUNT", options.count as u64);
        }
        if let Some(idle) = options.claim {
            option("CLAIM", idle);
        }
        words.extend(options.no_ack.then(|| b"NOACK".to_vec()));
        words.push(b"STREAMS".to_vec());
        words.extend(names.into_iter().map(<[u8]>::to_vec));
        words.extend(asked.iter().map(|asked| args.bytes(asked.id).to_vec()));
        Command::new("XREADGROUP").with_args(words)
    });
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    /// A stream `s` of the entries 1-0 to 5-0, and a group `g` from its start on.
    fn store() -> TestStore {
        let store = TestStore::new();
        for id in 1..=5 {
            store.answer(&format!("XADD s {id} a {id}"));
        }
        store.check([("XGROUP CREATE s g 0", "+OK")]);
        store
    }

    #[test]
    fn each_entry_is_delivered_to_one_consumer() {
        let store = store();
        store.check([
            ("XREADGROUP GROUP g c COUNT 2 STREAMS s >", r#"[["s", [["1-0", ["a", "1"]], ["2-0", ["a", "2"]]]]]"#),
            ("XREADGROUP GROUP g d COUNT 2 STREAMS s >", r#"[["s", [["3-0", ["a", "3"]], ["4-0", ["a", "4"]]]]]"#),
            ("XREADGROUP GROUP g c STREAMS s >", r#"[["s", [["5-0", ["a", "5"]]]]]"#),
            ("XREADGROUP GROUP g d STREAMS s >", "(nil)"),
            ("XREADGROUP GROUP g d STREAMS s 18446744073709551615-18446744073709551615", "(nil)"),
            ("XREADGROUP GROUP g d STREAMS s 3", r#"[["s", [["4-0", ["a", "4"]]]]]"#),
            ("XREADGROUP GROUP g e STREAMS s 0", r#"[["s", []]]"#),
            ("XACK s g 1 2 9", ":2"),
            ("XDEL s 5", ":1"),
            ("XREADGROUP GROUP g c STREAMS s 0", r#"[["s", [["5-0", (nil)]]]]"#),
            ("XPENDING s g", r#"[:3, "3-0", "5-0", [["c", "1"], ["d", "2"]]]"#),
        ]);
    }

    #[test]
    fn an_entry_that_is_acknowledged_at_once_is_not_pending() {
        let store = store();
        store.check([
            ("XREADGROUP GROUP g c COUNT 1 NOACK STREAMS s >", r#"[["s", [["1-0", ["a", "1"]]]]]"#),
            ("XPENDING s g", "[:0, (nil), (nil), (nil)]"),
            ("XREADGROUP GROUP g c COUNT 1 STREAMS s >", r#"[["s", [["2-0", ["a", "2"]]]]]"#),
        ]);
    }

    #[test]
    fn a_missing_group_is_an_error_at_once() {
        const MISSING: &str = "-NOGROUP No such key 'none' or consumer group 'g' in XREADGROUP with GROUP option";
        store().check([
            ("XREADGROUP GROUP g c BLOCK 0 STREAMS s none > >", MISSING),
            (
                "XREADGROUP GROUP h c STREAMS s >",
                "-NOGROUP No such key 's' or consumer group 'h' in XREADGROUP with GROUP option",
            ),
            ("XREADGROUP STREAMS s a b c d >", "-ERR Missing GROUP option for XREADGROUP"),
            (
                "XREADGROUP GROUP g c STREAMS s s >",
                "-ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified.",
            ),
            ("XREADGROUP GROUP g c CLAIM x STREAMS s >", "-ERR min-idle-time is not an integer"),
            ("XREADGROUP GROUP g c CLAIM -1 STREAMS s >", "-ERR min-idle-time must be a positive integer"),
            ("XINFO CONSUMERS s g", "[]"),
        ]);
    }

    #[test]
    fn what_is_pending_for_long_is_claimed_before_what_is_new() {
        let store = store();
        store.check([("XREADGROUP GROUP g c COUNT 1 STREAMS s >", r#"[["s", [["1-0", ["a", "1"]]]]]"#)]);
        store.pass(100);
        store.check([(
            "XREADGROUP GROUP g c COUNT 2 STREAMS s >",
            r#"[["s", [["2-0", ["a", "2"]], ["3-0", ["a", "3"]]]]]"#,
        )]);
        store.check([
            ("XREADGROUP GROUP g c COUNT 1 STREAMS s 0", r#"[["s", [["1-0", ["a", "1"]]]]]"#),
            ("XDEL s 3", ":1"),
        ]);
        store.pass(50);
        store.check([
            ("XREADGROUP GROUP g d CLAIM 51 COUNT 1 STREAMS s >", r#"[["s", [["4-0", ["a", "4"], :0, :0]]]]"#),
            (
                "XREADGROUP GROUP g d CLAIM 50 STREAMS s >",
                r#"[["s", [["1-0", ["a", "1"], :50, :2], ["2-0", ["a", "2"], :50, :1], ["5-0", ["a", "5"], :0, :0]]]]"#,
            ),
            ("XPENDING s g", r#"[:5, "1-0", "5-0", [["c", "1"], ["d", "4"]]]"#),
            ("XREADGROUP GROUP g d CLAIM 50 STREAMS s >", "(nil)"),
        ]);
    }

    #[test]
    fn what_is_pending_and_deleted_is_not_claimed() {
        let store = store();
        store.answer("XREADGROUP GROUP g c COUNT 3 STREAMS s >");
        store.check([("XDEL s 1 2", ":2")]);
        store.pass(50);
        store.check([
            // The count is that of what is looked at. What is new is read all the same.
            (
                "XREADGROUP GROUP g d CLAIM 50 COUNT 2 STREAMS s >",
                r#"[["s", [["4-0", ["a", "4"], :0, :0], ["5-0", ["a", "5"], :0, :0]]]]"#,
            ),
            ("XREADGROUP GROUP g d CLAIM 50 COUNT 3 STREAMS s >", r#"[["s", [["3-0", ["a", "3"], :50, :1]]]]"#),
            ("XPENDING s g - + 9 c", r#"[["1-0", "c", :50, :1], ["2-0", "c", :50, :1]]"#),
            ("XPENDING s g", r#"[:5, "1-0", "5-0", [["c", "2"], ["d", "3"]]]"#),
        ]);
    }

    #[test]
    fn the_count_is_that_of_each_stream() {
        let store = store();
        store.check([("COPY s t", ":1")]);
        store.answer("XREADGROUP GROUP g c COUNT 1 STREAMS s t > >");
        store.pass(50);
        store.check([(
            "XREADGROUP GROUP g d CLAIM 50 COUNT 2 STREAMS s t > >",
            r#"[["s", [["1-0", ["a", "1"], :50, :1], ["2-0", ["a", "2"], :0, :0]]], ["t", [["1-0", ["a", "1"], :50, :1], ["2-0", ["a", "2"], :0, :0]]]]"#,
        )]);
    }
}
