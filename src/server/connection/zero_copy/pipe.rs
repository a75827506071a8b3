//! [`send_pages`]: from memory into a socket through a pipe, which holds pages and not copies.

use std::{
    cell::Cell,
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    io::Errno,
    net::SendFlags,
    pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice},
};
use tokio::net::TcpStream;

use super::kernel;

/// How many bytes of whole pages a pipe holds, where the system allows it.
const ROOM: usize = 256 * 1024;

thread_local! {
    /// An empty pipe, kept for the next value on this thread.
    static PIPE: Cell<Option<Pipe>> = const { Cell::new(None) };
}

/// Sends pages without a copy, as many as the socket takes; with one, where they cannot be lent. `more` says that more
/// follows at once.
///
/// # Errors
/// `AGAIN` when the socket is full, also when it took some of them, which are counted; what else the socket says when it
/// took none.
pub(super) fn send_pages(stream: &TcpStream, pages: &[u8], more: bool, written: &mut usize) -> rustix::io::Result<()> {
    let before = *written;
    let lent = PIPE.take().map_or_else(Pipe::open, Ok).and_then(|mut pipe| {
        let passed = pipe.pass(pages, stream, more, written);
        // What the socket did not take is given up with its pipe: it is lent again when there is room.
        PIPE.set(Some(pipe).filter(|pipe| pipe.held == 0));
        passed
    });
    match lent {
        Ok(()) | Err(Errno::AGAIN) => lent,
        Err(_) if *written > before => Ok(()),
        // If it concerns the socket, this call meets it again.
        Err(error) => {
            if matches!(error, Errno::NOSYS | Errno::PERM) {
                kernel::stop_lending(error);
            }
            *written += rustix::net::send(stream, pages, SendFlags::NOSIGNAL)?;
            Ok(())
        }
    }
}

struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
    /// How many bytes are in it.
    held: usize,
}

impl Pipe {
    fn open() -> rustix::io::Result<Self> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // With the room that it has it takes more calls, and no more.
        let _ = fcntl_setpipe_size(&writer, ROOM);
        Ok(Self { reader, writer, held: 0 })
    }

    /// Passes pages on to a socket, and counts them.
    fn pass(
        &mut self,
        mut pages: &[u8],
        stream: &TcpStream,
        more: bool,
        written: &mut usize,
    ) -> rustix::io::Result<()> {
        while !pages.is_empty() {
            self.held = kernel::fill(self.writer.as_fd(), pages)?;
            pages = &pages[self.held..];
            let mut flags = SpliceFlags::NONBLOCK;
            flags.set(SpliceFlags::MORE, more || !pages.is_empty());
            while self.held > 0 {
                let taken = splice(&self.reader, None, stream, None, self.held, flags)?;
                if taken == 0 {
                    return Err(Errno::INVAL);
                }
                self.held -= taken;
                *written += taken;
            }
        }
        Ok(())
    }
}
