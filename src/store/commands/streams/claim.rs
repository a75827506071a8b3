//! Commands that hand pending entries to another consumer: XCLAIM, XAUTOCLAIM.

use kvstore_protocol::{CommandError, Packed, Response, parse_integer};

use super::{
    ids::{parse_start, parse_strict},
    no_group::no_such,
    range::ENTRY,
    read_group::create_consumer,
    reply::{id_text, push_entry},
};
use crate::store::{
    args::Args,
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::{
        Stream, StreamId,
        stream::{ConsumerId, Log},
    },
};

pub(in super::super) const SPECS: &[Spec] = &[Spec::new("XCLAIM", xclaim), Spec::new("XAUTOCLAIM", xautoclaim)];

/// How entries are claimed.
#[derive(Clone, Copy, Debug)]
struct Claim {
    group: usize,
    consumer: ConsumerId,
    /// The least time since the delivery, in milliseconds.
    idle: u64,
    /// The time in milliseconds since the Unix epoch, and the one that is noted as that of the delivery.
    now: u64,
    delivered: u64,
    /// How often it counts as delivered; once more if this is not given.
    deliveries: Option<u64>,
    /// Whether an entry is claimed that is not pending.
    forces: bool,
    /// Whether the answer is identifiers alone, and it counts as no delivery.
    just_ids: bool,
}

/// What came of one entry.
enum Claimed {
    Yes,
    /// It is claimed by nobody, or not for long enough.
    No,
    /// It is deleted, and not pending any more.
    Deleted,
}

impl Claim {
    /// Claims an entry.
    fn take(&self, log: &mut Log, id: StreamId) -> Claimed {
        let before = log.groups()[self.group].pending(id).copied();
        if log.get(id).is_none() {
            let is_removed = log.edit_group(self.group, |group| group.acknowledge(id));
            return if is_removed { Claimed::Deleted } else { Claimed::No };
        }
        let deliveries = match before {
            Some(before) if before.idle(self.now) < self.idle => return Claimed::No,
            Some(before) => before.deliveries,
            // An entry that becomes pending counts as delivered.
            None if self.forces => 1,
            None => return Claimed::No,
        };
        let deliveries = self.deliveries.unwrap_or(deliveries.saturating_add(u64::from(!self.just_ids)));
        log.edit_group(self.group, |group| {
            group.assign(id, self.consumer, self.delivered, deliveries);
            group.consumer_mut(self.consumer).active = Some(self.now);
        });
        Claimed::Yes
    }

    /// Adds an entry to the answer.
    fn push(&self, log: &Log, id: StreamId, entries: &mut Packed) {
        match log.get(id).filter(|_| !self.just_ids) {
            Some(entry) => push_entry(entries, entry),
            None => entries.push(&id.text()),
        }
    }
}

/// `XCLAIM key group consumer min-idle-time id [id …] [IDLE ms] [TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE] [JUSTID]
/// [LASTID lastid]`: hands pending entries to a consumer.
fn xclaim(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let group = find_group(call)?;
    let options = ClaimOptions::parse(&args, call.now())?;
    let length = call.find::<Stream>(0)?.map_or(0, |log| log.len());
    call.afford_part(0, (options.ids.len(), length), ENTRY)?;
    let (mut entries, key) = (call.bounded(Packed::array()), 0);
    if options.last_id.is_some_and(|last| is_behind(call, group, last)) {
        let Some(mut stream) = call.edit::<Stream>(key, Event::XCLAIM)? else { return Ok(entries.into()) };
        let last = options.last_id.unwrap_or_default();
        stream.update(|log| log.edit_group(group, |group| group.last_id = last));
    }
    claim(call, group, |log, claim| {
        let claim = Claim { group, ..options.claim(claim) };
        let mut changed = 0_usize;
        for id in &options.ids {
            match claim.take(log, *id) {
                Claimed::Yes => {
                    claim.push(log, *id, &mut entries);
                    changed += 1;
                }
                Claimed::Deleted => changed += 1,
                Claimed::No => {}
            }
        }
        (entries.into(), changed)
    })
}

/// Whether a group was not given an entry yet.
fn is_behind(call: &Call<'_>, group: usize, id: StreamId) -> bool {
    call.find::<Stream>(0).ok().flatten().is_some_and(|log| log.groups()[group].last_id < id)
}

/// Claims entries for the consumer of the arguments, which is created if it is not there. `take` returns the answer, and how many
/// entries were changed.
fn claim(call: &mut Call<'_>, group: usize, take: impl FnOnce(&mut Log, Claim) -> (Response, usize)) -> Answer {
    let (name, now) = (call.args().bytes(2), call.now());
    create_consumer(call, 0, group, name)?;
    let mut answer = Response::Null;
    let Some(mut stream) = call.edit::<Stream>(0, Event::XCLAIM)? else { return Ok(answer) };
    let Some(consumer) = stream.groups()[group].find_consumer(name) else { return Ok(answer) };
    stream.update(|log| {
        log.edit_group(group, |group| group.consumer_mut(consumer).seen = now);
        let claim =
            Claim { group, consumer, idle: 0, now, delivered: now, deliveries: None, forces: false, just_ids: false };
        let (response, changed) = take(log, claim);
        answer = response;
        changed
    });
    Ok(answer)
}

/// The number of the group of the arguments.
fn find_group(call: &Call<'_>) -> Result<usize, CommandError> {
    let (key, group) = (call.key_name(0), call.args().bytes(1));
    call.find::<Stream>(0)?.and_then(|log| log.find_group(group)).ok_or_else(|| no_such(key, group))
}

/// The arguments of XCLAIM.
struct ClaimOptions {
    idle: u64,
    ids: Vec<StreamId>,
    delivered: u64,
    deliveries: Option<u64>,
    forces: bool,
    just_ids: bool,
    last_id: Option<StreamId>,
}

impl ClaimOptions {
    fn parse(args: &Args<'_>, now: u64) -> Result<Self, CommandError> {
        let idle = integer(args.bytes(3), "Invalid min-idle-time argument for XCLAIM")?;
        let ids: Vec<_> = args.from(4).map_while(|id| parse_strict(id).ok()).collect();
        let mut options = args.options(4 + ids.len());
        let (mut delivered, mut deliveries) = (-1, -1);
        let mut parsed = Self {
            idle: idle.try_into().unwrap_or(0),
            ids,
            delivered: now,
            deliveries: None,
            forces: false,
            just_ids: false,
            last_id: None,
        };
        while let Some(word) = options.peek() {
            let has_value = options.clone().nth(1).is_some();
            if options.keyword("FORCE") {
                parsed.forces = true;
            } else if options.keyword("JUSTID") {
                parsed.just_ids = true;
            } else if has_value && options.keyword("IDLE") {
                let idle = integer(options.value()?, "Invalid IDLE option argument for XCLAIM")?;
                delivered = (now as i64).wrapping_sub(idle);
            } else if has_value && options.keyword("TIME") {
                delivered = integer(options.value()?, "Invalid TIME option argument for XCLAIM")?;
            } else if has_value && options.keyword("RETRYCOUNT") {
                deliveries = integer(options.value()?, "Invalid RETRYCOUNT option argument for XCLAIM")?;
            } else if has_value && options.keyword("LASTID") {
                parsed.last_id = Some(parse_strict(options.value()?)?);
            } else {
                return Err(CommandError::err(format!(
                    "Unrecognized XCLAIM option '{}'",
                    String::from_utf8_lossy(word)
                )));
            }
        }
        parsed.deliveries = deliveries.try_into().ok();
        // A time that is not possible is that of now, as one that is not given.
        parsed.delivered = u64::try_from(delivered).ok().filter(|at| *at <= now).unwrap_or(now);
        Ok(parsed)
    }

    fn claim(&self, claim: Claim) -> Claim {
        let Self { idle, delivered, deliveries, forces, just_ids, .. } = *self;
        Claim { idle, delivered, deliveries, forces, just_ids, ..claim }
    }
}

fn integer(text: &[u8], refusal: &'static str) -> Result<i64, CommandError> {
    parse_integer(text).ok_or(CommandError::new("ERR", refusal))
}

/// `XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]`: hands entries that are pending for long to a consumer.
/// Answers where the next call goes on, the entries, and those that are deleted.
fn xautoclaim(call: &mut Call<'_>) -> Answer {
    let options = AutoClaimOptions::parse(&call.args())?;
    let group = find_group(call)?;
    let pending = call.find::<Stream>(0)?.map_or(0, |log| log.groups()[group].pending_count());
    call.afford_elements(pending.min(options.count.saturating_mul(ATTEMPTS)))?;
    let length = call.find::<Stream>(0)?.map_or(0, |log| log.len());
    call.afford_part(0, (options.count.min(pending), length), ENTRY)?;
    let entries = call.bounded(Packed::array());
    claim(call, group, |log, claim| options.run(log, claim, entries))
}

/// How many pending entries XAUTOCLAIM looks at for each that it is asked for.
const ATTEMPTS: usize = 10;

/// The arguments of XAUTOCLAIM.
struct AutoClaimOptions {
    idle: u64,
    start: StreamId,
    count: usize,
    just_ids: bool,
}

impl AutoClaimOptions {
    fn parse(args: &Args<'_>) -> Result<Self, CommandError> {
        const NOT_POSITIVE: CommandError = CommandError::new("ERR", "COUNT must be > 0");
        const MAX_COUNT: i64 = i64::MAX / 16;
        let idle = integer(args.bytes(3), "Invalid min-idle-time argument for XAUTOCLAIM")?;
        let start = parse_start(args.bytes(4))?;
        let (mut options, mut count, mut just_ids) = (args.options(5), 100, false);
        loop {
            if options.keyword("COUNT") {
                let number = parse_integer(options.value()?).filter(|count| (1..=MAX_COUNT).contains(count));
                count = number.ok_or(NOT_POSITIVE)? as usize;
            } else if options.keyword("JUSTID") {
                just_ids = true;
            } else {
                options.finish()?;
                return Ok(Self { idle: idle.try_into().unwrap_or(0), start, count, just_ids });
            }
        }
    }

    fn run(&self, log: &mut Log, claim: Claim, mut entries: Packed) -> (Response, usize) {
        let claim = Claim { idle: self.idle, just_ids: self.just_ids, ..claim };
        let group = &log.groups()[claim.group];
        let most = self.count.saturating_mul(ATTEMPTS);
        let mut looked_at =
            group.pending_from(self.start).map(|(id, _)| id).take(most.saturating_add(1)).collect::<Vec<_>>();
        let mut next = (looked_at.len() > most).then(|| looked_at.pop()).flatten();
        let (mut deleted, mut left) = (Packed::array(), self.count);
        for id in looked_at {
            if left == 0 {
                next = Some(id);
                break;
            }
            match claim.take(log, id) {
                Claimed::Yes => claim.push(log, id, &mut entries),
                Claimed::Deleted => deleted.push(&id.text()),
                Claimed::No => continue,
            }
            left -= 1;
        }
        let next = id_text(next.unwrap_or_default());
        (Response::Array(vec![next, entries.into(), deleted.into()]), self.count - left)
    }
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    /// A stream `s` of the entries 1-0 to 4-0, of which `c` has the first three pending since 100 milliseconds.
    fn store() -> TestStore {
        let store = TestStore::new();
        for id in 1..=4 {
            store.answer(&format!("XADD s {id} a {id}"));
        }
        store.check([("XGROUP CREATE s g 0", "+OK")]);
        store.answer("XREADGROUP GROUP g c COUNT 3 STREAMS s >");
        store.pass(100);
        store
    }

    #[test]
    fn pending_entries_are_claimed_when_they_are_idle() {
        store().check([
            ("XCLAIM s g d 101 1 2", "[]"),
            ("XCLAIM s g d 100 1 2 4 9", r#"[["1-0", ["a", "1"]], ["2-0", ["a", "2"]]]"#),
            ("XPENDING s g - + 9", r#"[["1-0", "d", :0, :2], ["2-0", "d", :0, :2], ["3-0", "c", :100, :1]]"#),
            ("XCLAIM s g c 0 1 JUSTID IDLE 50 RETRYCOUNT 7", r#"["1-0"]"#),
            ("XCLAIM s g c 0 2 TIME 1700000000000 JUSTID", r#"["2-0"]"#),
            ("XPENDING s g - + 9", r#"[["1-0", "c", :50, :7], ["2-0", "c", :100, :2], ["3-0", "c", :100, :1]]"#),
            ("XCLAIM s g c 0 4 FORCE LASTID 4", r#"[["4-0", ["a", "4"]]]"#),
            ("XREADGROUP GROUP g c STREAMS s >", "(nil)"),
            ("XDEL s 3", ":1"),
            ("XCLAIM s g c 0 3", "[]"),
            ("XPENDING s g", r#"[:3, "1-0", "4-0", [["c", "3"]]]"#),
        ]);
    }

    #[test]
    fn bad_options_are_refused_before_anything_changes() {
        store().check([
            ("XCLAIM s h d 0 1", "-NOGROUP No such key 's' or consumer group 'h'"),
            ("XCLAIM s g d x 1", "-ERR Invalid min-idle-time argument for XCLAIM"),
            ("XCLAIM s g d 0 1 FOO", "-ERR Unrecognized XCLAIM option 'FOO'"),
            ("XCLAIM s g d 0 1 IDLE", "-ERR Unrecognized XCLAIM option 'IDLE'"),
            ("XCLAIM s g d 0 1 IDLE x", "-ERR Invalid IDLE option argument for XCLAIM"),
            ("XCLAIM s g d 0 1 LASTID x", "-ERR Invalid stream ID specified as stream command argument"),
            ("XAUTOCLAIM s g d x 0", "-ERR Invalid min-idle-time argument for XAUTOCLAIM"),
            ("XAUTOCLAIM s g d 0 0 COUNT 0", "-ERR COUNT must be > 0"),
            ("XAUTOCLAIM s g d 0 0 FOO", "-ERR syntax error"),
            ("XAUTOCLAIM s h d 0 0", "-NOGROUP No such key 's' or consumer group 'h'"),
            ("XINFO GROUPS s", r#"[{"name": "g", "consumers": :1, "pending": :3, "last-delivered-id": "3-0", "entries-read": :3, "lag": :1}]"#),
        ]);
    }

    #[test]
    fn entries_that_are_pending_for_long_are_claimed_in_steps() {
        let store = store();
        store.check([
            ("XDEL s 2", ":1"),
            ("XAUTOCLAIM s g d 100 - COUNT 1", r#"["2-0", [["1-0", ["a", "1"]]], []]"#),
            ("XAUTOCLAIM s g d 100 2-0 COUNT 1", r#"["3-0", [], ["2-0"]]"#),
            ("XAUTOCLAIM s g d 100 3-0 COUNT 1 JUSTID", r#"["0-0", ["3-0"], []]"#),
            ("XPENDING s g - + 9", r#"[["1-0", "d", :0, :2], ["3-0", "d", :0, :1]]"#),
            ("XAUTOCLAIM s g e 1 0", r#"["0-0", [], []]"#),
        ]);
    }
}
