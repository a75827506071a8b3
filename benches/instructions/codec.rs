//! Reading a command, and writing a response.

use std::hint::black_box;

use bytes::{Buf, BytesMut};
use kvstore::protocol::{Codec, Command, Output, Protocol, RequestBatch, Response, ServerCodec, resp};

use crate::{Path, gets, sets, value};

pub(crate) const PATHS: &[Path] = &[
    ("decode a GET", |times| decode(&gets(), times)),
    ("decode a SET", |times| decode(&sets(), times)),
    ("encode OK", |times| encode(&Response::ok(), times)),
    ("encode 64 bytes", |times| encode(&Response::from(value()), times)),
];

/// As many as a pipeline that is usual: the buffer that they are read from is made anew for each pipeline.
const DEPTH: usize = 16;

fn decode(commands: &[Command], times: usize) {
    let mut pipeline = Output::default();
    commands[..DEPTH].iter().for_each(|command| resp::encode_command(command, &mut pipeline));
    let pipeline: BytesMut = pipeline.bytes().split();
    let (mut codec, mut run) = (ServerCodec::default(), RequestBatch::default());
    // The first command decides between the protocols.
    let _ = codec.decode(&mut pipeline.clone());
    for _ in 0..times / DEPTH {
        let mut input = pipeline.clone();
        codec.decode_batch(&input, &mut run, |_, _, _| true);
        let frame = input.split_to(run.bytes()).freeze();
        run.drain(frame, Default::default(), 1).for_each(|command| drop(black_box(command)));
    }
}

fn encode(response: &Response, times: usize) {
    let mut output = Output::default();
    for _ in 0..times {
        resp::encode_response(black_box(response), Protocol::Resp2, &mut output);
        let written = output.remaining();
        output.advance(written);
    }
}
