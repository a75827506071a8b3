//! The catalog of the commands of Redis and Valkey: arity, flags, keys, tips, ACL categories and documentation.
//!
//! A row for each command that Redis and Valkey have: how many words it takes, what it does, where its keys are. A
//! [`Command`](crate::Command) looks its name up once, when it is decoded, and carries the number of its row from then on; so a
//! transport, a layer or a store asks [`known`](crate::Command::known) and [`flags`](crate::Command::flags), and never compares names. A command of one's
//! own has no row, and no flags.
//!
//! The catalog describes commands. It does not say which of them a server supports.
//!
//! ```
//! use kvstore_protocol::{Command, catalog::Flags};
//!
//! let command = Command::new("mset").with_args(["a", "1", "b", "2"]);
//! let known = command.known().expect("a command of Redis");
//! assert!(known.flags().has(Flags::WRITE));
//! assert_eq!(known.keys_of(&command).collect::<Vec<_>>(), [b"a", b"b"]);
//! assert!(known.key_words(&command).all(|(_, flags)| flags.is_write()));
//! assert!(Command::new("GREET").known().is_none());
//! ```

mod arity;
mod bit_set;
mod categories;
mod docs;
mod flags;
mod index;
mod key_flags;
mod keys;
mod known;
mod options;
mod range;
mod table;

pub use arity::Arity;
pub use categories::{categories_of_flags, category_of_group};
pub use docs::{Argument, ArgumentType, CommandDocs};
pub use flags::Flags;
pub use key_flags::KeyFlags;
pub use keys::{BeginSearch, FindKeys, KeySpec, KeyWords};
pub use known::{CommandId, KnownCommand, commands, find_subcommand, key_words};
pub use range::KeyRange;
