//! What of a command may be shown: in a log, in an audit trail.
//!
//! Not a layer, but the rules that the layers which show commands share: [`log`](crate::log) for its arguments,
//! [`audit`](crate::audit) for its records. Nothing is hidden from the services that answer commands.
//!
//! Out of the box the arguments of AUTH, HELLO, ACL, CONFIG and MIGRATE are hidden, since they carry passwords, and all
//! others are shown. [`Redact::hide`] adds rules; [`Redact::hide_values`] turns it round, and shows little more than
//! keys. Whatever is shown is escaped and cut: the first eight arguments, 64 bytes of each.
//!
//! ```
//! use kvstore_middleware::{Hide, Redact};
//! use kvstore_protocol::Command;
//!
//! let redact = Redact::new().hide("LOGIN", Hide::From(1)).hide("SET", Hide::Values);
//! let shown = |command: &Command| redact.show(command).to_string();
//!
//! assert_eq!(shown(&Command::new("login").with_args(["alice", "secret"])), r#"LOGIN "alice" (redacted)"#);
//! assert_eq!(shown(&Command::set("key", "value")), r#"SET "key" (redacted)"#);
//! assert_eq!(shown(&Command::new("AUTH").arg("secret")), "AUTH (redacted)");
//! assert_eq!(shown(&Command::get("k\r\n")), r#"GET "k\r\n""#);
//! ```
//!
//! Cost: one look-up of a name for each command that is shown, and none for any other.

mod rules;
mod text;
mod well_known;

pub(crate) use self::text::{EscapedName, EscapedText};
pub use self::{
    rules::{Hide, Redact},
    text::Redacted,
};
