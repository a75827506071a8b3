//! The fallback without zero-copy: everything is copied.

use std::{
    io,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use kvstore_protocol::Output;

use crate::server::io::ServerIo;

pub(super) fn lendable(bytes: BytesMut) -> Bytes {
    bytes.freeze()
}

pub(super) fn poll_write(_: &mut ServerIo, _: &mut Output, _: &mut Context<'_>) -> Option<Poll<io::Result<usize>>> {
    None
}
