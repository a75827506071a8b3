//! A pool of buffers for each thread: idle connections return theirs, and connections that wake up take them.
//!
//! An idle connection holds no buffers, and a busy one wakes thousands of times a second. Without the pool, each time costs
//! three allocations. The few buffers also stay in the processor's cache.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
};

use bytes::BytesMut;
use kvstore_protocol::{Command, Output, RequestBatch};

/// How many buffers of each kind a thread keeps.
const MAX_BUFFERS: usize = 16;

/// The largest capacity of an output that is kept.
const MAX_OUTPUT: usize = 16 * 1024;

thread_local! {
    static INPUTS: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
    static OUTPUTS: RefCell<Vec<Output>> = const { RefCell::new(Vec::new()) };
    static REQUESTS: Cell<Option<RequestBatch>> = const { Cell::new(None) };
    static COMMANDS: Cell<Option<VecDeque<Command>>> = const { Cell::new(None) };
}

/// A buffer to read into, with room or without.
pub(super) fn take_input() -> BytesMut {
    INPUTS.with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// Takes back an empty buffer, if it has this much room, not much more, and nobody else uses a part of it.
pub(super) fn put_input(mut buffer: BytesMut, room: usize) {
    INPUTS.with_borrow_mut(|inputs| {
        if inputs.len() < MAX_BUFFERS && buffer.try_reclaim(room) && buffer.capacity() <= 2 * room {
            inputs.push(buffer);
        }
    });
}

/// An output to encode to.
pub(super) fn take_output() -> Output {
    OUTPUTS.with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// Takes back an empty output, if its room is worth keeping and not too much.
pub(super) fn put_output(output: Output) {
    OUTPUTS.with_borrow_mut(|outputs| {
        if outputs.len() < MAX_BUFFERS && (1..=MAX_OUTPUT).contains(&output.room()) {
            outputs.push(output);
        }
    });
}

/// An empty batch with room for requests.
pub(super) fn take_requests() -> RequestBatch {
    REQUESTS.take().unwrap_or_default()
}

/// Takes back the room of a batch.
pub(super) fn put_requests(mut requests: RequestBatch) {
    requests.clear();
    REQUESTS.set(Some(requests));
}

/// An empty queue with room for commands.
pub(super) fn take_commands() -> VecDeque<Command> {
    COMMANDS.take().unwrap_or_default()
}

/// Takes back an empty queue.
pub(super) fn put_commands(commands: VecDeque<Command>) {
    COMMANDS.set(Some(commands));
}
