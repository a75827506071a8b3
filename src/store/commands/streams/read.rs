//! XREAD, which reads what is new in streams, and waits for it.

use kvstore_protocol::{ByteString, Command, CommandError, Packed, Response};
use smallvec::SmallVec;

use super::{
    ids::parse_strict,
    range::{ENTRY, behind},
    read_options::{Asked, ReadOptions, Reader},
    reply::{push_entry, streams},
};
use crate::store::{
    args::Args,
    call::Call,
    spec::{Answer, KeyWords, Spec},
    value::{Stream, StreamId, stream::Log},
    waiting::{Awaited, Wait},
};

pub(in super::super) const SPECS: &[Spec] = &[Spec::new("XREAD", xread).with_keys(locate)];

fn locate(args: &Args<'_>, database: usize) -> Result<KeyWords, CommandError> {
    Ok(ReadOptions::locate(args, Reader::Alone, database))
}

/// `XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key …] id [id …]`: the entries behind identifiers. `$` is the last one that
/// a stream has given, `+` asks for its last entry.
fn xread(call: &mut Call<'_>) -> Answer {
    let (args, options) = (call.args(), ReadOptions::parse(&call.args(), Reader::Alone)?);
    let (asked, mut starts) = (options.asked(call), SmallVec::<[StreamId; 4]>::new());
    let mut work = 0_usize;
    for Asked { key, id } in &asked {
        let log = call.find::<Stream>(*key)?;
        let start = start_of(args.bytes(*id), log)?;
        let about = log.zip(behind(start)).map_or(0, |(log, (start, end))| log.entries_between(start, end));
        work = work.saturating_add(about.min(options.count).saturating_mul(ENTRY));
        starts.push(start);
    }
    call.afford_elements(work)?;
    let (mut found, mut is_too_large) = (Vec::new(), false);
    for (Asked { key, .. }, start) in asked.iter().zip(&starts) {
        let entries = call.collect(Packed::array());
        let log = call.get::<Stream>(*key)?.filter(|_| !is_too_large);
        let entries = log.and_then(|log| entries_behind(log, *start, options.count, entries));
        is_too_large |= entries.as_ref().is_some_and(Packed::is_too_large);
        found.extend(entries.map(|entries| (call.key_name(*key), entries)));
    }
    if is_too_large {
        return Err(call.refuse_answer());
    }
    if !found.is_empty() {
        return Ok(streams(call, found));
    }
    let Some(timeout) = options.block else { return Ok(Response::NullArray) };
    const WAIT: Wait = Wait::new(Awaited::Any(Stream::TYPE_NAME), Response::NullArray);
    let instead = with_identifiers(&args, &asked, &starts);
    call.wait(WAIT.for_at_most(timeout).executing(instead), Response::NullArray)
}

/// The identifier behind which a stream is read.
fn start_of(text: &[u8], log: Option<&Log>) -> Result<StreamId, CommandError> {
    const NEW_TO_GROUP: CommandError = CommandError::new(
        "ERR",
        "The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
    );
    match text {
        b"$" => Ok(log.map_or(StreamId::MIN, |log| log.counters().last)),
        b"+" => Ok(log.and_then(Log::last_entry_id).and_then(StreamId::prev).unwrap_or_default()),
        b">" => Err(NEW_TO_GROUP),
        text => parse_strict(text),
    }
}

/// Adds the entries behind an identifier; `None` if there are none.
fn entries_behind(log: &Log, start: StreamId, count: usize, mut entries: Packed) -> Option<Packed> {
    let (start, end) = behind(start)?;
    if log.last_entry_id()? < start {
        return None;
    }
    let mut left = count;
    log.visit(start, end, |entry| {
        push_entry(&mut entries, entry);
        left -= 1;
        left > 0
    });
    Some(entries)
}

/// The command with the identifiers that `$` stands for now; `None` if there is no `$`.
fn with_identifiers(args: &Args<'_>, asked: &[Asked], starts: &[StreamId]) -> Option<Command> {
    let mut words: Vec<ByteString> = args.from(0).map(ByteString::copy_from).collect();
    let open: Vec<_> = asked.iter().zip(starts).filter(|(asked, _)| args.bytes(asked.id) == b"$").collect();
    for (asked, start) in &open {
        words[asked.id] = ByteString::copy_from(&start.text());
    }
    (!open.is_empty()).then(|| Command::new("XREAD").with_args(words))
}

#[cfg(test)]
mod tests {
    use kvstore_protocol::Response;

    use crate::store::testing::TestStore;

    #[test]
    fn streams_are_read_behind_identifiers() {
        let store = TestStore::new();
        store.check([
            ("XREAD STREAMS s 0", "(nil)"),
            ("XADD s 1-1 a 1", "\"1-1\""),
            ("XADD s 2-1 a 2", "\"2-1\""),
            ("XADD t 3-1 b 3 c 4", "\"3-1\""),
            (
                "XREAD STREAMS s t 1 0",
                r#"[["s", [["1-1", ["a", "1"]], ["2-1", ["a", "2"]]]], ["t", [["3-1", ["b", "3", "c", "4"]]]]]"#,
            ),
            ("XREAD COUNT 1 STREAMS s t 1-1 3-1", r#"[["s", [["2-1", ["a", "2"]]]]]"#),
            ("XREAD STREAMS s t $ $", "(nil)"),
            ("XREAD STREAMS s t + +", r#"[["s", [["2-1", ["a", "2"]]]], ["t", [["3-1", ["b", "3", "c", "4"]]]]]"#),
            ("XDEL s 2-1", ":1"),
            ("XREAD STREAMS s +", r#"[["s", [["1-1", ["a", "1"]]]]]"#),
            ("XREAD STREAMS s 1-1", "(nil)"),
        ]);
        assert!(matches!(store.answer("XREAD STREAMS none 0"), Response::NullArray));
    }

    #[test]
    fn bad_arguments_are_refused() {
        const SYNTAX: &str = "-ERR syntax error";
        TestStore::new().check([
            ("SET k v", "+OK"),
            ("XREAD STREAMS k 0", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("XREAD BLOCK 9223372036854775807 STREAMS s", "-ERR timeout is out of range"),
            ("XREAD STREAMS s x", "-ERR Invalid stream ID specified as stream command argument"),
            ("XREAD STREAMS s t 0", "-ERR Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' must be specified."),
            ("XREAD STREAMS s >", "-ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."),
            ("XREAD GROUP g c STREAMS s 0", "-ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead."),
            ("XREAD NOACK STREAMS s 0", "-ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead."),
            ("XREAD BLOCK x STREAMS s 0", "-ERR timeout is not an integer or out of range"),
            ("XREAD BLOCK -1 STREAMS s 0", "-ERR timeout is negative"),
            ("XREAD COUNT x STREAMS s 0", "-ERR value is not an integer or out of range"),
            ("XREAD FOO STREAMS s 0", SYNTAX),
            ("XREAD COUNT 1 BLOCK 1", SYNTAX),
        ]);
    }
}
