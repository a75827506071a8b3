//! Entries that are pending: XACK, XPENDING.

use kvstore_protocol::{CommandError, Packed, Response, parse_integer};

use super::{
    ids::{parse_all, parse_end, parse_start},
    no_group::no_such,
    range::ENTRY,
    reply::id_text,
};
use crate::store::{
    args::Args,
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::{
        Stream, StreamId,
        stream::{Group, Pending},
    },
};

pub(in super::super) const SPECS: &[Spec] = &[Spec::new("XACK", xack), Spec::new("XPENDING", xpending)];

/// `XACK key group id [id …]`: acknowledges entries. Answers how many were pending.
fn xack(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let group = call.find::<Stream>(0)?.and_then(|log| log.find_group(args.bytes(1)));
    let Some(group) = group else { return Ok(0.into()) };
    let ids = parse_all(&args, 2)?;
    let Some(mut stream) = call.edit::<Stream>(0, Event::XACK)? else { return Ok(0.into()) };
    let acknowledged =
        stream.update(|log| log.edit_group(group, |group| ids.into_iter().filter(|id| group.acknowledge(*id)).count()));
    Ok(acknowledged.into())
}

/// `XPENDING key group [[IDLE min-idle-time] start end count [consumer]]`: which entries are pending, or for whom how many are.
fn xpending(call: &mut Call<'_>) -> Answer {
    let (args, now) = (call.args(), call.now());
    let range = if args.len() == 2 { None } else { Some(PendingRange::parse(&args)?) };
    let log = call.find::<Stream>(0)?;
    let group = log.and_then(|log| log.find_group(args.bytes(1)));
    let pending = log.zip(group).map_or(0, |(log, group)| log.groups()[group].pending_count());
    // With an idle time, all may be looked at.
    let visited = range.as_ref().map_or(0, |range| if range.idle > 0 { pending } else { pending.min(range.count) });
    call.afford_elements(visited.saturating_mul(ENTRY))?;
    let mut found = call.collect(Packed::array());
    let log = call.get::<Stream>(0)?;
    let group = log.zip(group).ok_or_else(|| no_such(args.bytes(0), args.bytes(1)));
    let group = group.map(|(log, group)| &log.groups()[group])?;
    let Some(range) = range else { return Ok(summary(group)) };
    range.visit(group, now, &mut found);
    call.collected(found)
}

/// How many entries are pending, the first and the last of them, and for whom they are.
fn summary(group: &Group) -> Response {
    let Some((first, last)) = group.pending_ends() else {
        return Response::Array(vec![0.into(), Response::Null, Response::Null, Response::NullArray]);
    };
    let mut consumers = Packed::array();
    for (_, consumer) in group.consumers().filter(|(_, consumer)| consumer.pending_count() > 0) {
        consumers.push_array(2, |parts| {
            parts.push(consumer.name());
            parts.push(consumer.pending_count().to_string().as_bytes());
        });
    }
    Response::Array(vec![group.pending_count().into(), id_text(first), id_text(last), consumers.into()])
}

/// The entries that XPENDING asks for.
struct PendingRange<'a> {
    /// The least time since the delivery, in milliseconds.
    idle: u64,
    start: StreamId,
    end: StreamId,
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> PendingRange<'a> {
    fn parse(args: &Args<'a>) -> Result<Self, CommandError> {
        if !(5..=8).contains(&args.len()) {
            return Err(CommandError::SYNTAX);
        }
        let (mut at, mut idle) = (2, 0);
        if args.is(2, "IDLE") {
            idle = args.integer(3)?;
            if args.len() < 7 {
                return Err(CommandError::SYNTAX);
            }
            at = 4;
        }
        let count = parse_integer(args.bytes(at + 2)).ok_or(CommandError::NOT_AN_INTEGER)?;
        Ok(Self {
            idle: idle.try_into().unwrap_or(0),
            start: parse_start(args.bytes(at))?,
            end: parse_end(args.bytes(at + 1))?,
            count: count.try_into().unwrap_or(0),
            consumer: (at + 3 < args.len()).then(|| args.bytes(at + 3)),
        })
    }

    fn visit(&self, group: &Group, now: u64, found: &mut Packed) {
        let push = |(id, pending): (StreamId, &Pending)| {
            found.push_array(4, |parts| {
                parts.push(&id.text());
                parts.push(group.consumer(pending.consumer()).name());
                parts.push_integer(pending.idle(now) as i64);
                parts.push_integer(pending.deliveries as i64);
            });
        };
        let is_wanted = |pending: &Pending| self.idle == 0 || pending.idle(now) >= self.idle;
        match self.consumer.map(|name| group.find_consumer(name)) {
            None => group
                .pending_from(self.start)
                .take_while(|(id, _)| *id <= self.end)
                .filter(|(_, pending)| is_wanted(pending))
                .take(self.count)
                .for_each(push),
            Some(consumer) => consumer
                .into_iter()
                .flat_map(|consumer| group.consumer(consumer).pending_from(self.start))
                .take_while(|id| *id <= self.end)
                .filter_map(|id| Some((id, group.pending(id)?)))
                .filter(|(_, pending)| is_wanted(pending))
                .take(self.count)
                .for_each(push),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn pending_entries_are_shown_by_range_consumer_and_idle_time() {
        let store = TestStore::new();
        for id in 1..=3 {
            store.answer(&format!("XADD s {id} a {id}"));
        }
        store.check([
            ("XPENDING s g", "-NOGROUP No such key 's' or consumer group 'g'"),
            ("XGROUP CREATE s g 0", "+OK"),
            ("XPENDING s g", "[:0, (nil), (nil), (nil)]"),
            ("XREADGROUP GROUP g c COUNT 2 STREAMS s >", r#"[["s", [["1-0", ["a", "1"]], ["2-0", ["a", "2"]]]]]"#),
        ]);
        store.pass(10);
        store.check([
            ("XREADGROUP GROUP g d STREAMS s >", r#"[["s", [["3-0", ["a", "3"]]]]]"#),
            ("XPENDING s g", r#"[:3, "1-0", "3-0", [["c", "2"], ["d", "1"]]]"#),
            ("XPENDING s g - + 10", r#"[["1-0", "c", :10, :1], ["2-0", "c", :10, :1], ["3-0", "d", :0, :1]]"#),
            ("XPENDING s g (1 + 1", r#"[["2-0", "c", :10, :1]]"#),
            ("XPENDING s g - + 10 d", r#"[["3-0", "d", :0, :1]]"#),
            ("XPENDING s g - + 10 e", "[]"),
            ("XPENDING s g IDLE 10 - + 10", r#"[["1-0", "c", :10, :1], ["2-0", "c", :10, :1]]"#),
            ("XPENDING s g IDLE 10 - + 10 d", "[]"),
            ("XPENDING s g - + -1", "[]"),
            ("XPENDING s g - +", "-ERR syntax error"),
            ("XPENDING s g - + x", "-ERR value is not an integer or out of range"),
            ("XPENDING s g IDLE 5 - 1", "-ERR syntax error"),
            ("XACK s g 1-0 x", "-ERR Invalid stream ID specified as stream command argument"),
            ("XACK s h 1-0", ":0"),
            ("XACK none g 1-0", ":0"),
            ("XACK s g 1-0 1-0 3-0", ":2"),
            ("XPENDING s g", r#"[:1, "2-0", "2-0", [["c", "1"]]]"#),
        ]);
    }
}
