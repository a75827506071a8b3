//! Bounds on work and memory: nothing is looked at over and over, nothing is allocated because it was announced.

#![expect(unsafe_code, reason = "an allocator is unsafe to implement; this one counts and passes on")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use bytes::{Buf, BytesMut};
use kvstore_protocol::{
    Codec, Output, Packed, Pattern, Protocol, ProtocolError, Response, ServerCodec,
    resp::{ReplyDecoder, encode_response},
};

/// The system's allocator; it knows the largest allocation that each thread asked for.
struct Counting;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is passed on as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.set(LARGEST.get().max(layout.size()));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LARGEST.set(LARGEST.get().max(size));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn largest_allocation(act: impl FnOnce()) -> usize {
    LARGEST.set(0);
    act();
    LARGEST.get()
}

#[test]
fn an_announced_request_allocates_nothing() {
    for announced in [
        &b"*1048576\r\n"[..],
        b"*2\r\n$3\r\nGET\r\n$536870912\r\nx",
        b"\0\0\0\x1f\xff\xff\xffx",
        b"\0\0\x01\0\0\0\x01k\x1f\xff\xff\xffx",
    ] {
        let (mut codec, mut input) = (ServerCodec::default(), BytesMut::from(announced));
        let largest = largest_allocation(|| assert!(matches!(codec.decode(&mut input), Ok(None))));
        assert!(largest < 1024, "{largest} bytes for {}", announced.escape_ascii());
    }
}

#[test]
fn an_announced_reply_allocates_nothing() {
    for announced in
        ["*16777216\r\n", "%8000000\r\n:1\r\n", "~16777216\r\n", ">16777216\r\n", "|8000000\r\n", "$536870912\r\nx"]
    {
        let (mut decoder, mut input) = (ReplyDecoder::default(), BytesMut::from(announced));
        let largest = largest_allocation(|| assert_eq!(decoder.decode(&mut input), Ok(None)));
        assert!(largest < 1024, "{largest} bytes for {announced:?}");
    }
    let refused = ReplyDecoder::default().decode(&mut BytesMut::from("*1000000000\r\n"));
    assert_eq!(refused, Err(ProtocolError::InvalidReply("too many elements")));
}

#[test]
fn a_packed_answer_grows_without_a_large_allocation() {
    let mut packed = Packed::array();
    let packing = largest_allocation(|| (0..2_000_000).for_each(|_| packed.push(b"0123456789")));
    let (response, mut output) = (Response::from(packed), Output::default());
    let sending = largest_allocation(|| encode_response(&response, Protocol::Resp3, &mut output));
    assert_eq!(output.remaining(), "*2000000\r\n".len() + 2_000_000 * "$10\r\n0123456789\r\n".len());
    assert!(packing <= 512 * 1024 && sending <= 512 * 1024, "{packing} bytes to pack, {sending} to send");
}

#[test]
fn a_pattern_takes_no_memory_but_its_own() {
    let key = vec![b'a'; 100_000];
    for pattern in ["?*".repeat(100_000), "*[ab]".repeat(100_000), "a*".repeat(50_000) + &"?".repeat(1000) + "*a"] {
        let largest = largest_allocation(|| assert!(Pattern::new(pattern.as_bytes()).matches(&key)));
        assert_eq!(largest, 0, "for {}", &pattern[..10]);
    }
}

/// Looked at anew with every byte, these would take hours.
#[test]
fn a_large_message_in_single_bytes_is_looked_at_once() {
    const MEBIBYTE: usize = 1024 * 1024;
    let bulk = format!("$1048576\r\n{}\r\n", "x".repeat(MEBIBYTE));
    let words = "$1\r\nx\r\n".repeat(MEBIBYTE / 8);
    for request in [format!("*1\r\n{bulk}"), format!("*131072\r\n{words}")] {
        let (mut codec, mut input, mut count) = (ServerCodec::default(), BytesMut::new(), 0);
        for byte in request.bytes() {
            input.extend_from_slice(&[byte]);
            count += codec.decode(&mut input).expect("well formed").iter().count();
        }
        assert_eq!((count, input.len()), (1, 0));
    }
    let line = format!("+{}\r\n", "x".repeat(MEBIBYTE));
    for reply in [bulk, line, format!("*131072\r\n{words}"), format!("%65536\r\n{words}")] {
        let (mut decoder, mut input, mut count) = (ReplyDecoder::default(), BytesMut::new(), 0);
        for byte in reply.bytes() {
            input.extend_from_slice(&[byte]);
            count += decoder.decode(&mut input).expect("well formed").iter().count();
        }
        assert_eq!((count, input.len()), (1, 0));
    }
}

#[test]
fn what_was_taken_of_an_unfinished_reply_leaves_the_input() {
    let (mut decoder, mut input) = (ReplyDecoder::default(), BytesMut::from("*3\r\n:1\r\n+OK\r\n$5\r\nhe"));
    assert_eq!(decoder.decode(&mut input), Ok(None));
    assert_eq!((&input[..], decoder.missing(), decoder.is_idle()), (&b"$5\r\nhe"[..], 5, false));
    input.extend_from_slice(b"llo\r\n");
    let reply = Response::Array(vec![1.into(), Response::ok(), "hello".into()]);
    assert_eq!((decoder.decode(&mut input), decoder.is_idle()), (Ok(Some(reply)), true));
}
