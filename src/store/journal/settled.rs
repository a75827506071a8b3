//! [`Settled`]: a command that is executed, and whose answer waits until what it saw is on disk.

use std::{
    sync::Arc,
    task::{Poll, Wake, Waker},
    thread::{self, Thread},
};

use kvstore_protocol::{CommandError, Response};

use super::{
    Journal,
    shared::{Lost, NOWHERE},
};

/// A command whose answer waits for a commit.
#[derive(Debug)]
pub(in super::super) struct Settled {
    answer: Response,
    /// The commit that the answer waits for.
    number: u64,
    /// Whether that is the commit of the command itself.
    is_write: bool,
    place: u64,
}

impl Settled {
    pub(in super::super) const fn new(answer: Response, number: u64, is_write: bool) -> Self {
        Self { answer, number, is_write, place: NOWHERE }
    }

    /// Waits until the answer may leave.
    pub(in super::super) fn poll(&mut self, journal: &Journal, waker: &Waker) -> Poll<Response> {
        journal.shared.poll_synced(self.number, &mut self.place, waker).map(|synced| match synced {
            // What is read after a failure is not durable.
            Err(lost) if self.is_write => unknown(&lost),
            Ok(()) | Err(_) => std::mem::replace(&mut self.answer, Response::Null),
        })
    }
}

fn unknown(Lost(reason): &Lost) -> Response {
    let text = format!("The outcome of the command is unknown: Errors writing to the AOF file: {reason}");
    CommandError::with_code("MISCONF", text).into()
}

/// Blocks the thread until `poll` is ready.
pub(in super::super) fn block_on<T>(mut poll: impl FnMut(&Waker) -> Poll<T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match poll(&waker) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
