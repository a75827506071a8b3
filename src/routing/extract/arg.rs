use bytes::Bytes;
use kvstore_protocol::{ByteString, Command, CommandError, parse_integer};

use super::{Arguments, FromCommand, Words};

/// One argument, parsed.
///
/// Integers and floats are refused with the texts of Redis, other types as [`FromArg`] says.
///
/// ```
/// use kvstore::{protocol::Command, routing::{Arg, Router}};
/// use tower::ServiceExt;
///
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
/// let router: Router = Router::new().command("SQUARE", |Arg(number): Arg<i32>| i64::from(number).pow(2));
/// let answer = router.clone().oneshot(Command::new("SQUARE").arg(-3)).await;
/// assert_eq!(answer, Ok(9.into()));
/// let Ok(refusal) = router.oneshot(Command::new("SQUARE").arg("three")).await;
/// assert_eq!(refusal.to_string(), "-ERR value is not an integer or out of range");
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arg<T>(pub T);

impl<S, T: FromArg> FromCommand<S> for Arg<T> {
    type Rejection = CommandError;

    const WORDS: Words = Words::exactly(1);
    const ARE_KEYS: bool = T::IS_KEY;

    #[inline]
    fn from_command(arguments: &mut Arguments<'_>, _: &S) -> Result<Self, CommandError> {
        arguments.parse().map(Self)
    }
}

/// One argument of a command, as it came.
#[derive(Clone, Copy, Debug)]
pub struct Argument<'a> {
    command: &'a Command,
    index: usize,
    bytes: &'a [u8],
}

impl<'a> Argument<'a> {
    pub(super) fn new(command: &'a Command, index: usize) -> Option<Self> {
        Some(Self { command, index, bytes: command.arg_at(index)? })
    }

    /// Its bytes.
    pub fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Its bytes, in the buffer that the command came in: as long as they are kept, all of that buffer is. What is small
    /// and kept for long is better copied.
    pub fn to_shared(self) -> Bytes {
        self.command.shared_arg(self.index).unwrap_or_default()
    }

    /// Its bytes as text.
    ///
    /// # Errors
    /// `ERR value is not valid UTF-8`
    pub fn to_text(self) -> Result<&'a str, CommandError> {
        std::str::from_utf8(self.bytes).map_err(|_| CommandError::err("value is not valid UTF-8"))
    }
}

/// A type that one argument can be parsed to.
///
/// ```
/// use kvstore::protocol::CommandError;
/// use kvstore::routing::{Argument, FromArg};
///
/// enum Side {
///     Left,
///     Right,
/// }
///
/// impl FromArg for Side {
///     fn from_arg(argument: Argument<'_>) -> Result<Self, CommandError> {
///         match argument.as_bytes().to_ascii_uppercase().as_slice() {
///             b"LEFT" => Ok(Self::Left),
///             b"RIGHT" => Ok(Self::Right),
///             _ => Err(CommandError::SYNTAX),
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "an argument cannot be parsed to `{Self}`",
    note = "it can be `Bytes`, `ByteString`, `Vec<u8>`, `String`, an integer, `f64`, or any type that implements `FromArg`"
)]
pub trait FromArg: Sized {
    /// Whether it is a key, for `COMMAND` to tell.
    const IS_KEY: bool = false;

    /// Parses the argument.
    ///
    /// # Errors
    /// When it is no such value.
    fn from_arg(argument: Argument<'_>) -> Result<Self, CommandError>;
}

/// In the buffer that the command came in: see [`Argument::to_shared`].
impl FromArg for Bytes {
    #[inline]
    fn from_arg(argument: Argument<'_>) -> Result<Self, CommandError> {
        Ok(argument.to_shared())
    }
}

impl FromArg for ByteString {
    fn from_arg(argument: Argument<'_>) -> Result<Self, CommandError> {
        Ok(Self::copy_from(argument.as_bytes()))
    }
}

impl FromArg for Vec<u8> {
    fn from_arg(argument: Argument<'_>) -> Result<Self, CommandError> {
        Ok(argument.as_bytes().to_vec())
    }
}

/// `ERR value is not valid UTF-8` when it is not.
impl FromArg for String {
    fn from_arg(argument: Argument<'_>) -> Result<Self, CommandError> {
        argument.to_text().map(str::to_owned)
    }
}

macro_rules! integers {
    ($($kind:ty),*) => {$(
        impl FromArg for $kind {
            #[inline]
            fn from_arg(argument: Argument<'_>) -> Result<Self, CommandError> {
                let number = parse_integer(argument.as_bytes()).and_then(|number| number.try_into().ok());
                number.ok_or(CommandError::NOT_AN_INTEGER)
            }
        }
    )*};
}
integers!(i8, i16, i32, i64, isize, u8, u16, u32, usize);

impl FromArg for u64 {
    fn from_arg(argument: Argument<'_>) -> Result<Self, CommandError> {
        let bytes = argument.as_bytes();
        let number = match parse_integer(bytes) {
            Some(number) => number.try_into().ok(),
            // Over the range of signed integers: in the same strict form, no sign, no leading zero.
            None if matches!(bytes.first(), Some(b'1'..=b'9')) => argument.to_text()?.parse().ok(),
            None => None,
        };
        number.ok_or(CommandError::NOT_AN_INTEGER)
    }
}

/// Decimal, with an exponent or without, or `inf`, `+inf`, `-inf`; never NaN, and no finite number that is too large.
impl FromArg for f64 {
    fn from_arg(argument: Argument<'_>) -> Result<Self, CommandError> {
        let number: Option<f64> = argument.to_text().ok().and_then(|text| text.parse().ok());
        let has_digits = argument.as_bytes().iter().any(u8::is_ascii_digit);
        let is_valid = |number: &f64| !(number.is_nan() || number.is_infinite() && has_digits);
        number.filter(is_valid).ok_or(CommandError::NOT_A_FLOAT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<T: FromArg>(text: &str) -> Option<T> {
        let command = Command::new("X").arg(text);
        T::from_arg(Argument::new(&command, 0).unwrap()).ok()
    }

    #[test]
    fn integers_are_strict_and_in_range() {
        assert_eq!(parse("-5"), Some(-5_i64));
        assert_eq!(parse("18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse("255"), Some(255_u8));
        for text in ["", "+1", "01", "1 ", " 1", "1.0", "256", "-1", "1a"] {
            assert_eq!(parse::<u8>(text), None, "{text:?}");
        }
        for text in ["18446744073709551616", "-1", "+1", "00", "1_0", "9999999999999999999x"] {
            assert_eq!(parse::<u64>(text), None, "{text:?}");
        }
    }

    #[test]
    fn floats_are_finite_or_said_to_be_infinite() {
        assert_eq!((parse("1.5e3"), parse("-inf"), parse(".5")), (Some(1500.0), Some(f64::NEG_INFINITY), Some(0.5)));
        for text in ["", "nan", "1e400", "1.5x", " 1", "1 "] {
            assert_eq!(parse::<f64>(text), None, "{text:?}");
        }
    }

    #[test]
    fn text_is_utf8() {
        let command = Command::new("X").arg(&b"\xff"[..]);
        let error = String::from_arg(Argument::new(&command, 0).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "ERR value is not valid UTF-8");
    }
}
