//! Commands that delete entries by their identifiers: XDEL, XDELEX, XACKDEL.

use kvstore_protocol::{CommandError, Packed, parse_integer};

use super::{
    ids::{parse_all, parse_strict},
    trim::parse_references,
};
use crate::store::{
    args::Args,
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::{
        Stream, StreamId,
        stream::{Log, References},
    },
};

pub(in super::super) const SPECS: &[Spec] =
    &[Spec::new("XDEL", xdel), Spec::new("XDELEX", xdelex), Spec::new("XACKDEL", xackdel)];

/// What became of an entry: there is none; it is deleted; it is kept for a group that has not acknowledged it.
const MISSING: i64 = -1;
const DELETED: i64 = 1;
const KEPT: i64 = 2;

/// `XDEL key id [id …]`: deletes entries. Answers how many there were.
fn xdel(call: &mut Call<'_>) -> Answer {
    if call.find::<Stream>(0)?.is_none() {
        return Ok(0.into());
    }
    let ids = parse_all(&call.args(), 1)?;
    let Some(mut stream) = call.edit::<Stream>(0, Event::XDEL)? else { return Ok(0.into()) };
    let deleted = stream.update(|log| ids.into_iter().filter(|id| log.remove(*id)).count());
    Ok(deleted.into())
}

/// `XDELEX key [KEEPREF | DELREF | ACKED] IDS numids id [id …]`: deletes entries. Answers for each what became of it.
fn xdelex(call: &mut Call<'_>) -> Answer {
    let (args, is_missing) = (call.args(), call.find::<Stream>(0)?.is_none());
    let options = DeleteOptions::parse(&args, 1)?;
    if is_missing {
        return Ok(all_missing(&options));
    }
    let ids = options.ids(&args)?;
    let mut outcomes = Packed::array();
    delete(call, options.references, |deletion| {
        ids.into_iter().for_each(|id| outcomes.push_integer(deletion.delete(id)));
    })?;
    Ok(outcomes.into())
}

/// `XACKDEL key group [KEEPREF | DELREF | ACKED] IDS numids id [id …]`: acknowledges entries, and deletes them. Answers for each what
/// became of it.
fn xackdel(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let group = call.find::<Stream>(0)?.and_then(|log| log.find_group(args.bytes(1)));
    let options = DeleteOptions::parse(&args, 2)?;
    let Some(group) = group else { return Ok(all_missing(&options)) };
    let ids = options.ids(&args)?;
    let mut are_acknowledged = Vec::with_capacity(ids.len());
    if let Some(mut stream) = call.edit::<Stream>(0, Event::XACK)? {
        stream.update(|log| {
            let acknowledge = |id: &StreamId| log.edit_group(group, |group| group.acknowledge(*id));
            are_acknowledged.extend(ids.iter().map(acknowledge));
            are_acknowledged.iter().filter(|is_acknowledged| **is_acknowledged).count()
        });
    }
    let mut outcomes = Packed::array();
    delete(call, options.references, |deletion| {
        for (id, is_acknowledged) in ids.into_iter().zip(are_acknowledged) {
            outcomes.push_integer(match is_acknowledged.then(|| deletion.delete(id)) {
                None => MISSING,
                Some(KEPT) => KEPT,
                // Also if the entry was gone before: it is acknowledged now.
                Some(_) => DELETED,
            });
        }
    })?;
    Ok(outcomes.into())
}

/// Deletes entries of the stream. It is no `xdel` if there are none, but references of groups to them.
fn delete(
    call: &mut Call<'_>,
    references: References,
    run: impl FnOnce(&mut Deletion<'_>),
) -> Result<(), CommandError> {
    let Some(mut stream) = call.edit::<Stream>(0, Event::XDEL)? else { return Ok(()) };
    let mut has_forgotten = false;
    let deleted = stream.update(|log| {
        let mut deletion = Deletion { log, references, deleted: 0, has_forgotten: false };
        run(&mut deletion);
        has_forgotten = deletion.has_forgotten;
        deletion.deleted
    });
    if has_forgotten && deleted == 0 {
        stream.set_event(Event::XACK);
        stream.update(|_| has_forgotten);
    }
    Ok(())
}

/// What is done to the entries of a stream.
struct Deletion<'l> {
    log: &'l mut Log,
    references: References,
    deleted: usize,
    /// Whether an entry was pending, and is so no more.
    has_forgotten: bool,
}

impl Deletion<'_> {
    /// Deletes an entry, unless a group refers to it that it is kept for. Returns what became of it.
    fn delete(&mut self, id: StreamId) -> i64 {
        match self.references {
            References::Acknowledged if self.log.is_referred_to(id) => return KEPT,
            References::Delete => self.has_forgotten |= self.log.forget(id),
            References::Acknowledged | References::Keep => {}
        }
        let is_deleted = self.log.remove(id);
        self.deleted += usize::from(is_deleted);
        if is_deleted { DELETED } else { MISSING }
    }
}

fn all_missing(options: &DeleteOptions) -> kvstore_protocol::Response {
    let mut outcomes = Packed::array();
    (0..options.count).for_each(|_| outcomes.push_integer(MISSING));
    outcomes.into()
}

/// The options of XDELEX and XACKDEL.
struct DeleteOptions {
    references: References,
    /// The number of the first identifier among the arguments, and how many there are.
    first: usize,
    count: usize,
}

impl DeleteOptions {
    /// Parses the options from an argument on.
    fn parse(args: &Args<'_>, from: usize) -> Result<Self, CommandError> {
        const NOT_A_COUNT: CommandError = CommandError::new("ERR", "Number of IDs must be a positive integer");
        const WRONG_COUNT: CommandError =
            CommandError::new("ERR", "The `numids` parameter must match the number of arguments");
        let (mut references, mut ids, mut at) = (None, None, from);
        while at < args.len() {
            match parse_references(args.bytes(at)) {
                Some(found) if references.is_none() => references = Some(found),
                _ if ids.is_none() && args.is(at, "IDS") && at + 1 < args.len() => {
                    let count = parse_integer(args.bytes(at + 1)).and_then(|count| usize::try_from(count).ok());
                    let count = count.filter(|count| *count > 0).ok_or(NOT_A_COUNT)?;
                    if count > args.len() - at - 2 {
                        return Err(WRONG_COUNT);
                    }
                    ids = Some((at + 2, count));
                    at += 1 + count;
                }
                _ => return Err(CommandError::SYNTAX),
            }
            at += 1;
        }
        let (first, count) = ids.ok_or(CommandError::SYNTAX)?;
        Ok(Self { references: references.unwrap_or_default(), first, count })
    }

    fn ids(&self, args: &Args<'_>) -> Result<Vec<StreamId>, CommandError> {
        args.from(self.first).take(self.count).map(parse_strict).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    /// A stream `s` of the entries 1-0 to 8-0, of which `g` was given 1-0 to 4-0, and `h` nothing.
    fn store() -> TestStore {
        let store = TestStore::new();
        for id in 1..=8 {
            store.answer(&format!("XADD s {id} a {id}"));
        }
        store.check([("XGROUP CREATE s g 0", "+OK"), ("XGROUP CREATE s h 0", "+OK")]);
        store.answer("XREADGROUP GROUP g c COUNT 4 STREAMS s >");
        store
    }

    #[test]
    fn entries_are_deleted_once() {
        store().check([
            ("XDEL s 1-0 1-0 9-0", ":1"),
            ("XDEL s 2-0 x", "-ERR Invalid stream ID specified as stream command argument"),
            ("XDEL none x", ":0"),
            ("XDEL s 2 3 4 5 6 7 8", ":7"),
            ("EXISTS s", ":1"),
            ("XADD s 8-0 a 1", "-ERR The ID specified in XADD is equal or smaller than the target stream top item"),
        ]);
    }

    #[test]
    fn an_entry_is_deleted_with_regard_to_groups() {
        store().check([
            ("XACKDEL s g KEEPREF IDS 2 1-0 8-0", "[:1, :-1]"),
            ("XACKDEL s g ACKED IDS 2 2-0 2-0", "[:2, :-1]"),
            ("XPENDING s g", r#"[:2, "3-0", "4-0", [["c", "2"]]]"#),
            ("XDELEX s ACKED IDS 3 3-0 8-0 9-0", "[:2, :2, :2]"),
            ("XDELEX s DELREF IDS 2 3-0 3-0", "[:1, :-1]"),
            ("XDELEX s IDS 1 4-0 KEEPREF", "[:1]"),
            ("XPENDING s g - + 9", r#"[["4-0", "c", :0, :1]]"#),
            ("XACKDEL s g DELREF IDS 1 4-0", "[:1]"),
            ("XLEN s", ":5"),
        ]);
    }

    #[test]
    fn references_to_an_entry_that_is_gone_are_deleted() {
        let store = store();
        store.check([
            ("XREADGROUP GROUP h c COUNT 2 STREAMS s >", r#"[["s", [["1-0", ["a", "1"]], ["2-0", ["a", "2"]]]]]"#),
            ("XDEL s 1 2 3", ":3"),
            ("XDELEX s DELREF IDS 1 1", "[:-1]"),
            ("XACKDEL s g DELREF IDS 2 2 2", "[:1, :-1]"),
            ("XPENDING s g", r#"[:2, "3-0", "4-0", [["c", "2"]]]"#),
            ("XPENDING s h", "[:0, (nil), (nil), (nil)]"),
            ("XDELEX s KEEPREF IDS 1 3", "[:-1]"),
            ("XDELEX s ACKED IDS 1 3", "[:2]"),
            ("XDELEX s DELREF IDS 2 3 9", "[:-1, :-1]"),
            ("XPENDING s g", r#"[:1, "4-0", "4-0", [["c", "1"]]]"#),
        ]);
    }

    #[test]
    fn bad_arguments_are_refused() {
        const SYNTAX: &str = "-ERR syntax error";
        const COUNT: &str = "-ERR Number of IDs must be a positive integer";
        store().check([
            ("XDELEX none IDS 2 1 x", "[:-1, :-1]"),
            ("XDELEX s IDS 1 x", "-ERR Invalid stream ID specified as stream command argument"),
            ("XDELEX s IDS 3 1 2", "-ERR The `numids` parameter must match the number of arguments"),
            ("XDELEX s IDS x 1", COUNT),
            ("XDELEX s IDS 0 1", COUNT),
            ("XDELEX s KEEPREF DELREF IDS 1 1", SYNTAX),
            ("XDELEX s KEEPREF 1 2", SYNTAX),
            ("XACKDEL s g 1 2 3", SYNTAX),
            ("XACKDEL s none IDS 1 x", "[:-1]"),
            ("SET k v", "+OK"),
            ("XDELEX k IDS x 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ]);
    }

    #[test]
    fn a_trim_may_keep_what_is_not_acknowledged() {
        store().check([
            ("XREADGROUP GROUP h c COUNT 1 STREAMS s >", r#"[["s", [["1-0", ["a", "1"]]]]]"#),
            ("XACK s h 1", ":1"),
            ("XACK s g 1 2", ":2"),
            ("XTRIM s MAXLEN 0 ACKED", ":1"),
            ("XTRIM s MINID = 4 DELREF", ":2"),
            ("XPENDING s g", r#"[:1, "4-0", "4-0", [["c", "1"]]]"#),
            ("XTRIM s MAXLEN 3 KEEPREF", ":2"),
            ("XPENDING s g", r#"[:1, "4-0", "4-0", [["c", "1"]]]"#),
            ("XTRIM s KEEPREF MAXLEN 3 DELREF", "-ERR syntax error"),
            ("XTRIM s KEEPREF ACKED", "-ERR syntax error"),
            ("XTRIM s KEEPREF LIMIT 0", "-ERR syntax error, XTRIM must be called with a trimming strategy"),
        ]);
    }
}
