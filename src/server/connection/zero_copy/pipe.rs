//! [`send_pages`]: sends pages to a socket through a pipe, which holds references to them.

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

/// The capacity of a pipe in bytes, if the system allows it.
const ROOM: usize = 256 * 1024;

thread_local! {
    /// An empty pipe, for the next value on this thread.
    static PIPE: Cell<Option<Pipe>> = const { Cell::new(None) };
}

/// Sends as many pages as the socket accepts, without copying them if they can be lent. Adds the number of bytes to
/// `written`. `more` tells the kernel that more output follows.
///
/// # Errors
/// `AGAIN` if the socket is full, also after some pages were sent. Other errors of the socket if nothing was sent.
pub(super) fn send_pages(stream: &TcpStream, pages: &[u8], more: bool, written: &mut usize) -> rustix::io::Result<()> {
    let before = *written;
    let lent = PIPE.take().map_or_else(Pipe::open, Ok).and_then(|mut pipe| {
        let passed = pipe.pass(pages, stream, more, written);
        // A pipe that still holds pages is dropped. They are lent again when the socket has room.
        PIPE.set(Some(pipe).filter(|pipe| pipe.held == 0));
        passed
    });
    match lent {
        Ok(()) | Err(Errno::AGAIN) => lent,
        Err(_) if *written > before => Ok(()),
        // If it is an error of the socket, this call returns it.
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
    /// How many bytes are in the pipe.
    held: usize,
}

impl Pipe {
    fn open() -> rustix::io::Result<Self> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // Best effort: a smaller pipe only needs more calls.
        let _ = fcntl_setpipe_size(&writer, ROOM);
        Ok(Self { reader, writer, held: 0 })
    }

    /// Moves pages through the pipe to a socket, and counts the bytes.
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
