//! [`RdbFormat`]: in whose format values are written, and [`Version`]: which types of values there are.

use std::fmt;

/// In whose format an export and DUMP write what Redis and Valkey write in different ways: hashes whose fields expire. Both formats
/// are read, whatever is chosen.
///
/// | format | hashes whose fields expire are read by |
/// |---|---|
/// | `redis` | Redis 7.4 and later versions |
/// | `valkey` | Valkey 9.0 and later versions |
///
/// Everything else is the same in both. In a file, Redis 7.0 and Valkey 7.2 and their later versions read it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RdbFormat {
    /// That of Redis 7.4.
    #[default]
    Redis,
    /// That of Valkey 9.0.
    Valkey,
}

impl RdbFormat {
    const ALL: [Self; 2] = [Self::Redis, Self::Valkey];

    /// Returns the format with this name, without regard to case.
    ///
    /// ```
    /// use kvstore::store::RdbFormat;
    ///
    /// assert_eq!((RdbFormat::named("Valkey"), RdbFormat::named("json")), (Some(RdbFormat::Valkey), None));
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| name.eq_ignore_ascii_case(format.name()))
    }

    /// Returns the name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Valkey => "valkey",
        }
    }
}

impl fmt::Display for RdbFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The first servers that are to read what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// Which knows no sets as listpacks, and less of consumers of streams.
    Redis7_0,
    Redis7_4,
    Valkey9,
}

impl From<RdbFormat> for Version {
    fn from(format: RdbFormat) -> Self {
        match format {
            RdbFormat::Redis => Self::Redis7_4,
            RdbFormat::Valkey => Self::Valkey9,
        }
    }
}
