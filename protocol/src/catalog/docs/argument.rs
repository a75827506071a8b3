//! [`Argument`]: an argument of a command, as `COMMAND DOCS` describes it.

use std::{borrow::Cow, fmt};

use super::names;

/// An argument of a command, or a group of arguments.
///
/// It is displayed as in the manual of Redis: `[LIMIT offset count]`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Argument {
    /// The name.
    pub name: Cow<'static, str>,
    /// The type.
    pub kind: ArgumentType,
    /// The word in front of the argument, or the argument itself if it is a [token](ArgumentType::Token): `EX`.
    pub token: Option<&'static str>,
    /// Whether the argument may be missing.
    pub is_optional: bool,
    /// Whether the argument may be repeated.
    pub is_multiple: bool,
    /// Whether the token is repeated with the argument.
    pub repeats_token: bool,
    /// The index of the [key specification](super::super::KnownCommand::key_specs) that finds the key.
    pub key_spec: Option<usize>,
    /// The arguments of a [block](ArgumentType::Block), or the alternatives of [one of](ArgumentType::OneOf).
    pub arguments: Vec<Argument>,
}

/// The type of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArgumentType {
    // Not `String` and `Key`: the compiler shows types by their whole paths if something else has their names.
    /// Any bytes.
    Text,
    /// A whole number.
    Integer,
    /// A decimal number.
    Double,
    /// The name of a key.
    KeyName,
    /// A glob pattern.
    Pattern,
    /// A time since the Unix epoch.
    UnixTime,
    /// A fixed word, which is the [token](Argument::token).
    Token,
    /// One of several arguments.
    OneOf,
    /// Arguments that belong together.
    Block,
}

impl Argument {
    pub(super) fn new(name: impl Into<Cow<'static, str>>, kind: ArgumentType) -> Self {
        Self {
            name: name.into(),
            kind,
            token: None,
            is_optional: false,
            is_multiple: false,
            repeats_token: false,
            key_spec: None,
            arguments: Vec::new(),
        }
    }

    /// Returns the text that is shown for the value of the argument: mostly its name.
    pub fn display_text(&self) -> &str {
        names::display_text(&self.name).unwrap_or(&self.name)
    }

    /// Returns the argument without its brackets and repetitions.
    fn body(&self) -> String {
        let shown: Vec<_> = self.arguments.iter().map(Self::to_string).collect();
        match self.kind {
            ArgumentType::Token => String::new(),
            ArgumentType::Block => shown.join(" "),
            ArgumentType::OneOf if self.is_optional && self.token.is_none() => shown.join(" | "),
            ArgumentType::OneOf => format!("<{}>", shown.join(" | ")),
            _ => self.display_text().to_owned(),
        }
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.map_or("", |token| if token.is_empty() { "\"\"" } else { token });
        let body = self.body();
        let space = if token.is_empty() || body.is_empty() { "" } else { " " };
        let once = format!("{token}{space}{body}");
        let shown = match (self.is_multiple, self.repeats_token) {
            (false, _) => once,
            (true, false) => format!("{once} [{body} ...]"),
            (true, true) => format!("{once} [{once} ...]"),
        };
        if self.is_optional { write!(f, "[{shown}]") } else { f.write_str(&shown) }
    }
}

impl fmt::Display for ArgumentType {
    /// Writes the name that `COMMAND DOCS` has for the type.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "string",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::KeyName => "key",
            Self::Pattern => "pattern",
            Self::UnixTime => "unix-time",
            Self::Token => "pure-token",
            Self::OneOf => "oneof",
            Self::Block => "block",
        })
    }
}
