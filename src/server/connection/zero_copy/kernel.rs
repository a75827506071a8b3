//! The system calls that lend pages to a pipe and drop them from memory.
//!
//! `unsafe` is allowed here because a GET of a megabyte takes a quarter of the time without its copy (see `benches/`).

#![expect(unsafe_code, reason = "the kernel reads memory after the call that lends it, and takes pages out of memory")]

use std::{
    ops::Range,
    os::fd::BorrowedFd,
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
    },
};

use rustix::{
    io::Errno,
    mm::{Advice, madvise},
    pipe::{IoSliceRaw, SpliceFlags, vmsplice},
};

use super::MIN_REQUEST;

/// Whether pages are lent: if pages of the heap can be dropped, and until the kernel or a sandbox refuses a call.
static LENDS: LazyLock<AtomicBool> = LazyLock::new(|| {
    let lends = can_drop_pages();
    if !lends {
        tracing::info!("long values are copied to their sockets, since pages of the heap cannot be lent");
    }
    AtomicBool::new(lends)
});

pub(super) fn lends() -> bool {
    LENDS.load(Ordering::Relaxed)
}

/// Stops lending, after an error.
pub(super) fn stop_lending(error: Errno) {
    if LENDS.swap(false, Ordering::Relaxed) {
        tracing::info!(%error, "long values are copied to their sockets, since pages cannot be lent");
    }
}

/// Returns the range of the whole pages in `bytes`.
pub(super) fn whole_pages(bytes: &[u8]) -> Range<usize> {
    let (page, start) = (rustix::param::page_size(), bytes.as_ptr().addr());
    let end = (start + bytes.len()) / page * page;
    let first = start.next_multiple_of(page).min(end);
    first.saturating_sub(start)..end.saturating_sub(start)
}

/// Puts as many pages into a pipe as there is room for, at least one.
///
/// The content of the pipe changes when the bytes change, also after this call.
pub(super) fn fill(pipe: BorrowedFd<'_>, pages: &[u8]) -> rustix::io::Result<usize> {
    let pages = IoSliceRaw::from_slice(pages);
    // SAFETY: the bytes are valid during the call, and the kernel only reads them. It keeps references to the pages,
    // not their addresses: if the memory is freed or written later, no other memory is accessed.
    let filled = unsafe { vmsplice(pipe, &[pages], SpliceFlags::NONBLOCK) };
    match filled {
        // A full pipe. AGAIN would mean a full socket to the caller.
        Ok(0) | Err(Errno::AGAIN) => Err(Errno::NOMEM),
        Ok(filled) => Ok(filled),
        Err(error) => {
            if !matches!(error, Errno::NOMEM | Errno::INTR) {
                stop_lending(error);
            }
            Err(error)
        }
    }
}

/// Drops the whole pages of `bytes`, which are zeros afterwards. A pipe or socket that references the pages keeps their
/// content.
///
/// # Errors
/// If the memory is locked, or in reserved huge pages.
pub(super) fn drop_pages(bytes: &mut [u8]) -> rustix::io::Result<()> {
    let pages = whole_pages(bytes);
    let pages = &mut bytes[pages];
    // SAFETY: the caller has exclusive access to the pages, they are within `bytes`, and stay mapped. Afterwards they
    // are zeros, or, if the memory is not anonymous, other initialised bytes.
    unsafe { madvise(pages.as_mut_ptr().cast(), pages.len(), Advice::LinuxDontNeed) }
}

/// Whether pages of the heap can be dropped. Not if it is locked, shared with other processes, or in reserved huge
/// pages.
fn can_drop_pages() -> bool {
    let mut memory = vec![1; MIN_REQUEST.max(2 * rustix::param::page_size())];
    let pages = whole_pages(&memory);
    drop_pages(&mut memory).is_ok() && memory[pages].iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_pages_count() {
        let page = rustix::param::page_size();
        let memory = vec![1; 4 * page];
        let start = memory.as_ptr().align_offset(page);
        let aligned = &memory[start..start + 3 * page];
        assert_eq!(whole_pages(aligned), 0..3 * page);
        assert_eq!(whole_pages(&aligned[1..]), page - 1..3 * page - 1);
        assert_eq!(whole_pages(&aligned[..2 * page - 1]), 0..page);
        assert!(whole_pages(&aligned[1..page]).is_empty() && whole_pages(&aligned[1..2 * page - 1]).is_empty());
    }

    #[test]
    fn pages_that_were_taken_out_stay_in_the_pipe_as_they_were() {
        let page = rustix::param::page_size();
        let (reader, writer) = rustix::pipe::pipe().expect("a pipe");
        let mut memory = vec![7; 4 * page];
        let pages = whole_pages(&memory);
        assert_eq!(
            fill(std::os::fd::AsFd::as_fd(&writer), &memory[pages.clone()][..2 * page]).expect("room"),
            2 * page
        );
        drop_pages(&mut memory).expect("memory of its own");
        assert!(memory[pages.clone()].iter().all(|byte| *byte == 0));
        memory[pages].fill(9);
        let mut read = vec![0; 2 * page];
        assert_eq!(rustix::io::read(&reader, &mut read).expect("bytes"), 2 * page);
        assert!(read.iter().all(|byte| *byte == 7));
    }
}
