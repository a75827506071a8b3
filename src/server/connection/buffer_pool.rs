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

/// The maximum number of buffers of each kind in a pool.
const MAX_BUFFERS: usize = 16;

/// The largest capacity of an output that is kept.
const MAX_OUTPUT: usize = 16 * 1024;

thread_local! {
    static INPUTS: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
    static OUTPUTS: RefCell<Vec<Output>> = const { RefCell::new(Vec::new()) };
    static REQUESTS: Cell<Option<RequestBatch>> = const { Cell::new(None) };
    static COMMANDS: Cell<Option<VecDeque<Command>>> = const { Cell::new(None) };
}

/// Takes a buffer for input; without capacity if the pool is empty.
pub(super) fn take_input() -> BytesMut {
    INPUTS.with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// Returns an empty input buffer to the pool, if it has about this capacity and no part of it is shared.
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

/// Returns an empty output to the pool, if its capacity is neither zero nor too large.
pub(super) fn put_output(output: Output) {
    OUTPUTS.with_borrow_mut(|outputs| {
        if outputs.len() < MAX_BUFFERS && (1..=MAX_OUTPUT).contains(&output.room()) {
            outputs.push(output);
        }
    });
}

/// Takes an empty batch of requests.
pub(super) fn take_requests() -> RequestBatch {
    REQUESTS.take().unwrap_or_default()
}

/// Returns a batch to the pool.
pub(super) fn put_requests(mut requests: RequestBatch) {
    requests.clear();
    REQUESTS.set(Some(requests));
}

/// Takes an empty queue of commands.
pub(super) fn take_commands() -> VecDeque<Command> {
    COMMANDS.take().unwrap_or_default()
}

/// Returns an empty queue to the pool.
pub(super) fn put_commands(commands: VecDeque<Command>) {
    COMMANDS.set(Some(commands));
}
