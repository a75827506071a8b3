//! What it costs to read a command and to write a response.

use bytes::{Buf, BytesMut};
use divan::{Bencher, black_box, counter::ItemsCount};
use kvstore::protocol::{Codec, Command, Output, Protocol, RequestBatch, Response, ServerCodec, resp};

fn main() {
    divan::main();
}

/// A pipeline of so many commands, as a client sends it.
fn pipeline(command: &Command, depth: usize) -> BytesMut {
    let mut output = Output::default();
    (0..depth).for_each(|_| resp::encode_command(command, &mut output));
    output.bytes().split()
}

#[divan::bench(args = [1, 16, 128])]
fn decode_get(bencher: Bencher<'_, '_>, depth: usize) {
    let input = pipeline(&Command::new("GET").arg("a:000000000001"), depth);
    bencher.counter(ItemsCount::new(depth)).with_inputs(|| input.clone()).bench_local_values(|mut input| {
        let mut codec = ServerCodec::default();
        while let Ok(Some(command)) = codec.decode(&mut input) {
            black_box(command);
        }
    });
}

/// All commands of a pipeline at once, as the transport decodes them.
#[divan::bench(args = [1, 16, 128])]
fn decode_gets_together(bencher: Bencher<'_, '_>, depth: usize) {
    let input = pipeline(&Command::new("GET").arg("a:000000000001"), depth);
    let (mut codec, mut run) = (ServerCodec::default(), RequestBatch::default());
    // The first command decides between the protocols.
    let _ = codec.decode(&mut input.clone());
    bencher.counter(ItemsCount::new(depth)).with_inputs(|| input.clone()).bench_local_values(|mut input| {
        codec.decode_batch(&input, &mut run, |_, _, _| true);
        let frame = input.split_to(run.bytes()).freeze();
        run.drain(frame, Default::default(), 1).for_each(|command| drop(black_box(command)));
    });
}

#[divan::bench(args = [16, 1024, 65_536])]
fn decode_set(bencher: Bencher<'_, '_>, length: usize) {
    let input = pipeline(&Command::new("SET").arg("a:000000000001").arg(vec![b'x'; length]), 1);
    bencher
        .counter(ItemsCount::new(1_usize))
        .with_inputs(|| input.clone())
        .bench_local_values(|mut input| ServerCodec::default().decode(&mut input).map(black_box));
}

#[divan::bench(args = [16, 64, 1024, 65_536])]
fn encode_bulk(bencher: Bencher<'_, '_>, length: usize) {
    let response = Response::from(vec![b'x'; length]);
    let mut output = Output::default();
    bencher.bench_local(|| {
        resp::encode_response(black_box(&response), Protocol::Resp2, &mut output);
        let written = output.remaining();
        output.advance(written);
    });
}

#[divan::bench]
fn encode_ok(bencher: Bencher<'_, '_>) {
    let mut output = Output::default();
    bencher.bench_local(|| {
        resp::encode_response(black_box(&Response::ok()), Protocol::Resp2, &mut output);
        output.bytes().clear();
    });
}

#[divan::bench]
fn encode_array_of_100(bencher: Bencher<'_, '_>) {
    let response = Response::array((0..100).map(|number| Response::from(format!("value-{number}"))));
    let mut output = Output::default();
    bencher.bench_local(|| {
        resp::encode_response(black_box(&response), Protocol::Resp3, &mut output);
        output.bytes().clear();
    });
}
