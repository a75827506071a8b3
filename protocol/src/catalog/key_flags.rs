//! [`KeyFlags`]: how a command accesses a key, as bits.

use super::bit_set::bit_set;

/// How a command accesses a key, as bits.
///
/// One of [`RO`](Self::RO), [`RW`](Self::RW), [`OW`](Self::OW) and [`RM`](Self::RM) says what happens to the value as a
/// whole, its metadata included. The others say what happens to the user's data in it.
///
/// ```
/// use kvstore_protocol::{Command, catalog::KeyFlags};
///
/// let command = Command::new("SET").with_args(["k", "v"]);
/// let known = command.known().expect("a command of Redis");
/// let (_, flags) = known.key_words(&command).next().expect("a key");
/// assert_eq!(flags, KeyFlags::OW | KeyFlags::UPDATE);
/// assert!(flags.is_write());
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyFlags(u16);

impl KeyFlags {
    /// No flags: the access is not described.
    pub const NONE: Self = Self(0);
    /// Only reads the value or its metadata.
    pub const RO: Self = Self(1);
    /// Reads and changes the value or its metadata.
    pub const RW: Self = Self(1 << 1);
    /// Overwrites the value.
    pub const OW: Self = Self(1 << 2);
    /// Removes the key.
    pub const RM: Self = Self(1 << 3);
    /// Returns, copies or uses the data of the value.
    pub const ACCESS: Self = Self(1 << 4);
    /// Changes data of the value. What it writes may depend on the data before.
    pub const UPDATE: Self = Self(1 << 5);
    /// Adds data to the value, and changes or removes none.
    pub const INSERT: Self = Self(1 << 6);
    /// Removes data from the value, or the key.
    pub const DELETE: Self = Self(1 << 7);
    /// Not a key, but routed like one in a cluster: the name of a shard channel.
    pub const NOT_KEY: Self = Self(1 << 8);
    /// The specification may miss some of the keys.
    pub const INCOMPLETE: Self = Self(1 << 9);
    /// The flags depend on the arguments.
    pub const VARIABLE_FLAGS: Self = Self(1 << 10);

    const NAMES: [(Self, &'static str); 11] = [
        (Self::RO, "RO"),
        (Self::RW, "RW"),
        (Self::OW, "OW"),
        (Self::RM, "RM"),
        (Self::ACCESS, "access"),
        (Self::UPDATE, "update"),
        (Self::INSERT, "insert"),
        (Self::DELETE, "delete"),
        (Self::NOT_KEY, "not_key"),
        (Self::INCOMPLETE, "incomplete"),
        (Self::VARIABLE_FLAGS, "variable_flags"),
    ];

    /// Whether the command may change the key.
    #[inline]
    pub const fn is_write(self) -> bool {
        self.has(Self::all(&[Self::RW, Self::OW, Self::RM]))
    }
}

bit_set!(KeyFlags);
