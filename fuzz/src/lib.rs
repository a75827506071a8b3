//! What is fuzzed: each target is a function of bytes that panics when a property does not hold.
//!
//! `fuzz_targets/` hands them to libFuzzer, `tests/smoke.rs` runs them on any compiler. See `README.md`.

mod collections;
mod hyperloglog;
mod libraries;
mod restore;
mod scripts;
mod structured;

use std::{collections::VecDeque, sync::Arc};

use arbitrary::Unstructured;
use bytes::{Buf, BytesMut};
use kvstore_protocol::{
    Codec, Command, Limits, Output, Protocol, ProtocolError, RequestBatch, Response, ServerCodec, native,
    resp::{self, RequestDecoder},
};

pub use collections::collections;
pub use hyperloglog::hyperloglog;
pub use libraries::libraries;
pub use restore::restore;
pub use scripts::scripts;

/// A function of the bytes of one input.
pub type Target = fn(&[u8]);

/// The targets, by name.
pub const TARGETS: [(&str, Target); 9] = [
    ("request_decode", request_decode),
    ("reply_decode", reply_decode),
    ("round_trip", round_trip),
    ("native", native),
    ("restore", restore),
    ("collections", collections),
    ("hyperloglog", hyperloglog),
    ("scripts", scripts),
    ("libraries", libraries),
];

/// Longer inputs find nothing that shorter ones do not.
const LONGEST: usize = 16 * 1024;

/// Requests of any kind: cut anywhere they give the same commands and the same error; and what came out, sent again,
/// comes out again.
pub fn request_decode(data: &[u8]) {
    let Some((settings, bytes)) = settings(data) else { return };
    let decode = |cuts: &[usize]| {
        let mut codec = ServerCodec::new(settings.limits);
        in_pieces(bytes, cuts, |input| codec.decode(input).map(|item| item.map(|(command, _)| command)))
    };
    let (commands, error) = decode(WHOLE);
    let whole = (commands.clone(), error);
    assert_eq!(whole, decode(&settings.cuts));
    assert_eq!(whole, decode_in_runs(bytes, &settings));
    for command in commands {
        let mut output = Output::default();
        resp::encode_command(&command, &mut output);
        let again = RequestDecoder::default().decode(&mut contents(output));
        assert_eq!(again, Ok(Some(command)));
    }
}

/// As many commands at once as there are, and what is left by itself.
fn decode_in_runs(bytes: &[u8], settings: &CodecSettings) -> (Vec<Command>, Option<ProtocolError>) {
    let (mut codec, mut batch, mut waiting) =
        (ServerCodec::new(settings.limits), RequestBatch::default(), VecDeque::new());
    in_pieces(bytes, &settings.cuts, |input| {
        if waiting.is_empty() {
            batch.clear();
            codec.decode_batch(input, &mut batch, |_, _, _| true);
            let frame = input.split_to(batch.bytes()).freeze();
            waiting.extend(batch.drain(frame, Arc::default(), 1));
        }
        match waiting.pop_front() {
            Some(command) => Ok(Some(command)),
            None => codec.decode(input).map(|item| item.map(|(command, _)| command)),
        }
    })
}

/// Replies of RESP: cut anywhere they give the same responses and the same error; and what came out, sent again, comes
/// out again.
pub fn reply_decode(data: &[u8]) {
    let Some((settings, bytes)) = settings(data) else { return };
    let decode = |cuts: &[usize]| {
        let mut decoder = resp::ReplyDecoder::default();
        decoder.set_limits(settings.limits);
        let (responses, error) = in_pieces(bytes, cuts, |input| decoder.decode(input));
        assert!(decoder.is_idle() || !bytes.is_empty());
        (responses, error)
    };
    let (responses, error) = decode(WHOLE);
    let (cut_responses, cut_error) = decode(&settings.cuts);
    // As text: a double that is not a number is not equal to itself.
    assert_eq!((format!("{responses:?}"), &error), (format!("{cut_responses:?}"), &cut_error));
    for response in responses {
        for protocol in [Protocol::Resp2, Protocol::Resp3] {
            let read = is_one_reply(&response, protocol, &settings.cuts);
            let text = format!("{response:?}");
            // Null has one form in RESP3, and an error one line.
            if protocol == Protocol::Resp3 && !text.contains("NullArray") && !text.contains("Error(") {
                assert_eq!(format!("{read:?}"), text);
            }
        }
    }
}

/// Commands and responses of any kind: a command comes back as it was, a response as one reply, and a reply that was
/// read and written again stays what it is.
pub fn round_trip(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let Ok((settings, command, response)) = structured::exchange(&mut data) else { return };
    let mut output = Output::default();
    resp::encode_command(&command, &mut output);
    let mut decoder = RequestDecoder::default();
    let decoded = in_pieces(&contents(output), &settings.cuts, |input| decoder.decode(input));
    assert_eq!(decoded, (vec![command.clone()], None));
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        is_one_reply(&Response::Array(vec![response.clone()]), protocol, &settings.cuts);
    }
    native_round_trip(&command, &settings.cuts);
    native_reply(&response, &settings.cuts);
}

/// The native protocol: requests and responses cut anywhere give the same results, and what came out can be sent again.
pub fn native(data: &[u8]) {
    let Some((settings, bytes)) = settings(data) else { return };
    let requests = |cuts: &[usize]| {
        let mut decoder = native::RequestDecoder::default();
        decoder.set_limits(settings.limits);
        in_pieces(bytes, cuts, |input| decoder.decode(input))
    };
    let (decoded, error) = requests(WHOLE);
    assert_eq!((decoded.clone(), error), requests(&settings.cuts));
    for (command, tag) in decoded {
        assert_eq!(native_round_trip(&command, &settings.cuts), Some(tag));
    }
    let replies = |cuts: &[usize]| {
        let mut decoder = native::ReplyDecoder::default();
        decoder.set_limits(settings.limits);
        in_pieces(bytes, cuts, |input| decoder.decode(input))
    };
    let (decoded, error) = replies(WHOLE);
    assert_eq!((decoded.clone(), error), replies(&settings.cuts));
    decoded.iter().for_each(|response| native_reply(response, &settings.cuts));
}

/// How an input is decoded.
struct CodecSettings {
    limits: Limits,
    cuts: Vec<usize>,
}

/// All at once.
const WHOLE: &[usize] = &[usize::MAX];

/// The first three bytes say how the others are cut, and whether little is allowed.
fn settings(data: &[u8]) -> Option<(CodecSettings, &[u8])> {
    let ([first, second, flags], bytes) = data.split_first_chunk()?;
    let limits = match flags {
        1 => Limits::unauthenticated(),
        2 => Limits::default().max_args(3).max_bulk(8).max_inline(16).max_request(64),
        _ => Limits::default(),
    };
    let cuts = vec![usize::from(*first) + 1, usize::from(*second) + 1];
    Some((CodecSettings { limits, cuts }, &bytes[..bytes.len().min(LONGEST)]))
}

/// Feeds `bytes` in pieces of the lengths `cuts`, over and over, until there is no more or an error.
fn in_pieces<T>(
    bytes: &[u8],
    cuts: &[usize],
    mut decode: impl FnMut(&mut BytesMut) -> Result<Option<T>, ProtocolError>,
) -> (Vec<T>, Option<ProtocolError>) {
    let (mut input, mut decoded, mut rest) = (BytesMut::new(), Vec::new(), bytes);
    for cut in cuts.iter().cycle() {
        let (piece, later) = rest.split_at((*cut).min(rest.len()));
        input.extend_from_slice(piece);
        rest = later;
        loop {
            match decode(&mut input) {
                Ok(Some(item)) => decoded.push(item),
                Ok(None) if rest.is_empty() => return (decoded, None),
                Ok(None) => break,
                Err(error) => return (decoded, Some(error)),
            }
        }
    }
    unreachable!("the cuts are repeated")
}

fn contents(mut output: Output) -> BytesMut {
    BytesMut::from(&output.copy_to_bytes(output.remaining())[..])
}

/// Whatever a response is made of, it is read as one, and that one is written as it was read.
fn is_one_reply(response: &Response, protocol: Protocol, cuts: &[usize]) -> Response {
    let written = |response: &Response| {
        let mut output = Output::default();
        resp::encode_response(response, protocol, &mut output);
        contents(output)
    };
    let bytes = written(response);
    let mut decoder = resp::ReplyDecoder::default();
    let (decoded, error) = in_pieces(&bytes, cuts, |input| decoder.decode(input));
    let [read] = &decoded[..] else { panic!("{response:?} was read as {decoded:?}, {error:?}") };
    assert!(error.is_none() && decoder.is_idle());
    assert_eq!(written(read), bytes);
    read.clone()
}

/// A command that has a native form comes back as it was, but for an empty text of `PING`.
fn native_round_trip(command: &Command, cuts: &[usize]) -> Option<native::Tag> {
    let mut output = Output::default();
    let tag = native::encode_command(command, &mut output).ok()?;
    let mut decoder = native::RequestDecoder::default();
    let (decoded, error) = in_pieces(&contents(output), cuts, |input| decoder.decode(input));
    let [(read, read_tag)] = &decoded[..] else { panic!("{command:?} was read as {decoded:?}, {error:?}") };
    assert_eq!((read_tag, error), (&tag, None));
    let without_empty = |command: &Command| {
        command.args().filter(|arg| tag != native::Tag::Ping || !arg.is_empty()).map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    assert_eq!(without_empty(read), without_empty(command));
    Some(tag)
}

/// Any response that is not silent is one native reply.
fn native_reply(response: &Response, cuts: &[usize]) {
    let mut output = Output::default();
    native::encode_response(response, &native::Tag::Get, &mut output);
    let mut decoder = native::ReplyDecoder::default();
    let (decoded, error) = in_pieces(&contents(output), cuts, |input| decoder.decode(input));
    assert_eq!((decoded.len(), error), (usize::from(!is_silent(response)), None));
}

fn is_silent(response: &Response) -> bool {
    match response {
        Response::Close(last) => is_silent(last),
        response => *response == Response::Silent,
    }
}
