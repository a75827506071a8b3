//! `bit_set!`: the methods that the sets of flags of the catalog share.

/// Implements a set of flags for a type over an integer. The type has a constant `NAMES`: the flags that `COMMAND`
/// shows, with their names in Redis.
macro_rules! bit_set {
    ($set:ident) => {
        impl $set {
            /// Returns the flags of both.
            #[must_use]
            pub const fn and(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// Returns the flags of all.
            #[must_use]
            pub const fn all(flags: &[Self]) -> Self {
                let (mut all, mut index) = (Self(0), 0);
                while index < flags.len() {
                    all = all.and(flags[index]);
                    index += 1;
                }
                all
            }

            /// Whether any of `flags` is set.
            #[inline]
            pub const fn has(self, flags: Self) -> bool {
                self.0 & flags.0 != 0
            }

            /// Returns the names that `COMMAND` shows.
            pub fn names(self) -> impl Iterator<Item = &'static str> {
                Self::NAMES.iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| *name)
            }
        }

        impl std::ops::BitOr for $set {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                self.and(other)
            }
        }

        impl std::fmt::Debug for $set {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_set().entries(self.names()).finish()
            }
        }
    };
}

pub(super) use bit_set;
