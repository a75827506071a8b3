//! A queue of messages to a connection, for senders outside of its task: other connections, publishers, the server.
//!
//! A transport creates both ends with [`mailbox`]. It keeps the [`Inbox`], and puts the [`Mailbox`] into the session of
//! each command, where [`Command::push`](crate::Command::push) finds it. Besides messages a mailbox takes changes of the
//! session and the order to close the connection. Nothing is allocated until something is sent.
//!
//! ```
//! use kvstore_protocol::{Response, mailbox::{Message, Position, mailbox}};
//!
//! let (mailbox, mut inbox) = mailbox(16);
//! let message = Response::Push(vec!["message".into(), "channel".into(), "hello".into()]);
//! mailbox.try_send(Message::new(1, Position::AfterAnswer, message.clone()))?;
//!
//! inbox.take();
//! assert_eq!(inbox.next_message(0), None); // the first command is not answered yet
//! assert_eq!(inbox.next_message(1), Some(message));
//! # Ok::<(), kvstore_protocol::SendError>(())
//! ```

mod channel;
mod inbox;
mod message;
mod push;
mod sender;
#[cfg(test)]
mod tests;
mod unblock;

pub use inbox::{Inbox, Mail};
pub use message::{Change, Message, Order, Position, SendError};
pub use push::Push;
pub use sender::Mailbox;
pub use unblock::{Unblock, Unblocked};

use channel::Channel;

/// Creates the two ends of a mailbox for at most `capacity` messages, of any size.
pub fn mailbox(capacity: usize) -> (Mailbox, Inbox) {
    mailbox_within(capacity, usize::MAX)
}

/// Creates the two ends of a mailbox for at most `capacity` messages, of about `bytes` bytes together. One message always
/// has room, however large it is.
pub fn mailbox_within(capacity: usize, bytes: usize) -> (Mailbox, Inbox) {
    let channel = Channel::new(capacity, bytes);
    (Mailbox::new(channel.clone()), Inbox::new(channel))
}
