//! Commands, responses and bytes as properties need them.

use bytes::{Buf, BytesMut};
use kvstore_protocol::{ByteString, Command, Output, PackedPush, Response};
use proptest::{collection::vec, prelude::*};

/// A word of any bytes, most often short, sometimes shared, sometimes queued by reference.
pub(crate) fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => vec(any::<u8>(), 0..20),
        2 => vec(prop::sample::select(&b"\r\n$*:+- \"'\\x0"[..]), 0..20),
        1 => vec(any::<u8>(), 60..200),
        1 => (any::<u8>(), 8_000..9_000_usize).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

pub(crate) fn command() -> impl Strategy<Value = Command> {
    vec(word(), 1..8).prop_map(|words| Command::new(&words[0]).with_args(&words[1..]))
}

/// A response of one message, nothing in it that speaks of messages; of the kinds that come back from RESP3 as they are.
pub(crate) fn response() -> impl Strategy<Value = Response> {
    leaf().prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Response::Array),
            vec(inner.clone(), 0..6).prop_map(Response::Set),
            vec((inner.clone(), inner), 0..4).prop_map(Response::Map),
        ]
    })
}

/// Any response that is one message: with kinds that are written as others, and nested control responses.
pub(crate) fn unruly_response() -> impl Strategy<Value = Response> {
    let leaf = prop_oneof![
        4 => leaf(),
        1 => Just(Response::NullArray),
        1 => Just(Response::Silent),
        1 => vec(word(), 0..4).prop_map(packed_push),
        1 => word().prop_map(|text| Response::Simple(text.into())),
        1 => word().prop_map(|text| Response::Error(text.into())),
    ];
    let tree = leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Response::Array),
            vec(inner.clone(), 0..6).prop_map(Response::Push),
            vec(inner.clone(), 0..6).prop_map(Response::Messages),
            inner.clone().prop_map(|last| Response::Close(Box::new(last))),
            vec((inner.clone(), inner), 0..4).prop_map(Response::Map),
        ]
    });
    vec(tree, 0..4).prop_map(Response::Array)
}

fn packed_push(strings: Vec<Vec<u8>>) -> Response {
    let strings: Vec<_> = strings.iter().map(Vec::as_slice).collect();
    PackedPush::new(&strings).into()
}

fn leaf() -> impl Strategy<Value = Response> {
    let line = || "[^\r\n]{0,90}".prop_map(ByteString::from);
    prop_oneof![
        word().prop_map(|bytes| Response::Bulk(bytes.into())),
        line().prop_map(Response::Simple),
        line().prop_map(Response::Error),
        any::<i64>().prop_map(Response::Integer),
        Just(Response::Null),
        any::<f64>().prop_filter("equal to itself", |number| !number.is_nan()).prop_map(Response::Double),
        any::<bool>().prop_map(Response::Boolean),
        "-?[0-9]{1,100}".prop_map(|digits| Response::BigNumber(digits.into())),
        (any::<[u8; 3]>(), word()).prop_map(|(format, text)| Response::Verbatim(format, text.into())),
    ]
}

const PIECES: &[&[u8]] = &[
    b"\r\n",
    b"\r",
    b"\n",
    b" ",
    b"9",
    b"*",
    b"$",
    b"PING",
    b"\"a\\x41\"",
    b"'",
    b"*1\r\n",
    b"*2\r\n",
    b"*0\r\n",
    b"*-1\r\n",
    b"*-9223372036854775809\r\n",
    b"*99999999999999999999999999\r\n",
    b"*-0\r\n",
    b"*+1\r\n",
    b"*01\r\n",
    b"$-9223372036854775809\r\n",
    b"$99999999999999999999999999\r\n",
    b"$00\r\n",
    b"$ 1\r\n",
    b"PING\n",
    b"PING \xff\n",
    b"\x80\xfe\r\n",
    b"POST / HTTP/1.1\n",
    b"EHLO a\r\n",
    b"\x16\x03",
    b"\x16",
    b"\0\r\nQUIT\n",
    b"$0\r\n\r\n",
    b"$4\r\nPING\r\n",
    b"$3\r\n",
    b"$-1\r\n",
    b"+OK\r\n",
    b"-ERR a\r\n",
    b":1\r\n",
    b"%1\r\n",
    b"~2\r\n",
    b">1\r\n",
    b"|1\r\n",
    b"=5\r\ntxt:a\r\n",
    b"!1\r\na\r\n",
    b"#t\r\n",
    b",1.5\r\n",
    b"(12\r\n",
    b"_\r\n",
    b"\0",
    b"\0\0\0\0\0\0\x01k",
    b"\0\0\x01\0\0\0\x01k\0\0\0\x01v",
    b"\0\0\x03\0\0\0\0",
    b"\0\x01\0\0\0\x01e",
];

/// Bytes that are much like a protocol, so that they come past the first one.
pub(crate) fn noise() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(PIECES).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..10),
    ];
    vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

/// Where to cut: the lengths of the pieces, used over and over.
pub(crate) fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![Just(vec![1]), vec(1..40_usize, 1..8)]
}

/// Feeds `bytes` in pieces of the lengths `cuts` to `decode`, until there is no more or an error.
pub(crate) fn decode_in_pieces<T, E>(
    bytes: &[u8],
    cuts: &[usize],
    mut decode: impl FnMut(&mut BytesMut) -> Result<Option<T>, E>,
) -> (Vec<T>, Option<E>) {
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

/// All of `bytes` at once.
pub(crate) const WHOLE: &[usize] = &[usize::MAX];

/// What `encode` appends.
pub(crate) fn encoded(encode: impl FnOnce(&mut Output)) -> Vec<u8> {
    let mut output = Output::default();
    encode(&mut output);
    output.copy_to_bytes(output.remaining()).to_vec()
}
