//! Hides secrets in commands that are logged or recorded.
//!
//! This is not a layer. It holds the rules that [`log`](crate::log) and [`audit`](crate::audit) share. Services that
//! answer commands see all arguments.
//!
//! By default the arguments of the commands that the [catalog](kvstore_protocol::catalog) calls sensitive are hidden, since
//! they carry passwords: AUTH, HELLO, ACL, CONFIG and MIGRATE. All others are shown. [`Redact::hide`] adds rules for single commands. [`Redact::hide_values`] shows keys and hides
//! everything else. Arguments that are shown are escaped and truncated: the first eight, 64 bytes of each.
//!
//! ```
//! use kvstore_middleware::{Hide, Redact};
//! use kvstore_protocol::Command;
//!
//! let redact = Redact::new().hide("LOGIN", Hide::From(1)).hide("SET", Hide::Values);
//! let shown = |command: &Command| redact.show(command).to_string();
//!
//! assert_eq!(shown(&Command::new("login").with_args(["alice", "secret"])), r#"LOGIN "alice" (redacted)"#);
//! assert_eq!(shown(&Command::new("SET").arg("key").arg("value")), r#"SET "key" (redacted)"#);
//! assert_eq!(shown(&Command::new("AUTH").arg("secret")), "AUTH (redacted)");
//! assert_eq!(shown(&Command::new("GET").arg("k\r\n")), r#"GET "k\r\n""#);
//! ```
//!
//! Cost: one look-up of the name for each command that is shown.

mod rules;
mod text;

pub(crate) use self::text::{EscapedName, EscapedText};
pub use self::{
    rules::{Hide, Redact},
    text::Redacted,
};
