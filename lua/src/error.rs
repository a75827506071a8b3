//! How native functions raise errors, and how a run that failed is told.

use std::error::Error;
use std::fmt;

/// An error that a native function raises in the script.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Raise {
    /// The value on the top of the stack is raised: an error table, for one.
    Value,
    /// A string, as it is.
    Text(Vec<u8>),
    /// A string, with the place of the call in front, as `luaL_error` has it.
    Here(Vec<u8>),
    /// What is wrong with an argument, in the words of `luaL_argerror`: its number, and the text in brackets.
    Argument(i32, Vec<u8>),
    /// There is no memory left within the bound.
    Memory,
    /// The run is being stopped.
    Stopped,
}

impl Raise {
    /// A string, as it is.
    #[must_use]
    pub fn new(text: impl Into<Vec<u8>>) -> Self {
        Self::Text(text.into())
    }

    /// A string, with the place of the call in front.
    #[must_use]
    pub fn here(text: impl Into<Vec<u8>>) -> Self {
        Self::Here(text.into())
    }

    /// What is wrong with an argument: `bad argument #1 to 'f' (text)`.
    #[must_use]
    pub fn argument(number: i32, text: impl Into<Vec<u8>>) -> Self {
        Self::Argument(number, text.into())
    }
}

impl fmt::Display for Raise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value => f.write_str("an error value on the stack"),
            Self::Text(text) | Self::Here(text) => f.write_str(&String::from_utf8_lossy(text)),
            Self::Argument(number, text) => write!(f, "bad argument #{number} ({})", String::from_utf8_lossy(text)),
            Self::Memory => f.write_str("not enough memory"),
            Self::Stopped => f.write_str("the script is being stopped"),
        }
    }
}

impl Error for Raise {}

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// An error of the script, whose value is on the top of the stack.
    Error,
    /// The memory within the bound is used up.
    Memory,
    /// The script was stopped, by an [`Interrupt`](crate::Interrupt) or by its [`Host`](crate::Host).
    Stopped,
    /// The script has taken all the steps that it may take.
    Budget,
}

/// A call that failed, or source that does not compile.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// Why it failed.
    pub reason: Reason,
    /// The name of the chunk that raised the error; `=[C]` for a native function that nothing in Lua has called.
    pub source: Option<String>,
    /// The line of the chunk.
    pub line: Option<u32>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.reason {
            Reason::Error => "the script failed",
            Reason::Memory => "not enough memory",
            Reason::Stopped => "the script was stopped",
            Reason::Budget => "the script has taken too many steps",
        })?;
        match (&self.source, self.line) {
            (Some(source), Some(line)) => write!(f, " at {source}:{line}"),
            _ => Ok(()),
        }
    }
}

impl Error for Failure {}
