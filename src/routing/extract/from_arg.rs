//! [`FromArg`]: parses one argument.

use bytes::Bytes;
use kvstore_protocol::{ByteString, Command, CommandError, parse_integer};

/// One argument as it was received, before it is parsed.
#[derive(Clone, Copy, Debug)]
pub struct RawArg<'a> {
    command: &'a Command,
    index: usize,
    bytes: &'a [u8],
}

impl<'a> RawArg<'a> {
    pub(super) fn new(command: &'a Command, index: usize) -> Option<Self> {
        Some(Self { command, index, bytes: command.arg_at(index)? })
    }

    /// The bytes of the argument.
    pub fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes as a slice of the buffer that the command was received in.
    ///
    /// The whole buffer is kept in memory as long as the slice is. Copy what is small and kept for long.
    pub fn to_shared(self) -> Bytes {
        self.command.shared_arg(self.index).unwrap_or_default()
    }

    /// The argument as text.
    ///
    /// # Errors
    /// `ERR value is not valid UTF-8`
    pub fn to_text(self) -> Result<&'a str, CommandError> {
        std::str::from_utf8(self.bytes).map_err(|_| CommandError::err("value is not valid UTF-8"))
    }
}

/// Types that can be parsed from one argument, with [`Arg`](super::Arg) or [`Rest`](super::Rest).
///
/// # Examples
/// ```
/// use kvstore::protocol::CommandError;
/// use kvstore::routing::{FromArg, RawArg};
///
/// enum Side {
///     Left,
///     Right,
/// }
///
/// impl FromArg for Side {
///     fn from_arg(arg: RawArg<'_>) -> Result<Self, CommandError> {
///         match arg.as_bytes().to_ascii_uppercase().as_slice() {
///             b"LEFT" => Ok(Self::Left),
///             b"RIGHT" => Ok(Self::Right),
///             _ => Err(CommandError::SYNTAX),
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "an argument cannot be parsed as `{Self}`",
    label = "not parsed from an argument",
    note = "`Arg` and `Rest` parse text, bytes, numbers, `bool`, and other types that implement `FromArg`",
    note = "`Parse<T>` parses any type that implements `FromStr`"
)]
pub trait FromArg: Sized {
    /// Whether the argument is a key, which `COMMAND` reports.
    const IS_KEY: bool = false;

    /// Parses the argument.
    ///
    /// # Errors
    /// If the argument is not a valid value. The client gets the error.
    fn from_arg(arg: RawArg<'_>) -> Result<Self, CommandError>;
}

/// Shares the buffer that the command was received in: see [`RawArg::to_shared`].
impl FromArg for Bytes {
    #[inline]
    fn from_arg(arg: RawArg<'_>) -> Result<Self, CommandError> {
        Ok(arg.to_shared())
    }
}

impl FromArg for ByteString {
    fn from_arg(arg: RawArg<'_>) -> Result<Self, CommandError> {
        Ok(Self::copy_from(arg.as_bytes()))
    }
}

impl FromArg for Vec<u8> {
    fn from_arg(arg: RawArg<'_>) -> Result<Self, CommandError> {
        Ok(arg.as_bytes().to_vec())
    }
}

/// UTF-8, or `ERR value is not valid UTF-8`.
impl FromArg for String {
    fn from_arg(arg: RawArg<'_>) -> Result<Self, CommandError> {
        arg.to_text().map(str::to_owned)
    }
}

macro_rules! integers {
    ($($kind:ty),*) => {$(
        impl FromArg for $kind {
            #[inline]
            fn from_arg(arg: RawArg<'_>) -> Result<Self, CommandError> {
                let number = parse_integer(arg.as_bytes()).and_then(|number| number.try_into().ok());
                number.ok_or(CommandError::NOT_AN_INTEGER)
            }
        }
    )*};
}
integers!(i8, i16, i32, i64, isize, u8, u16, u32, usize);

impl FromArg for u64 {
    fn from_arg(arg: RawArg<'_>) -> Result<Self, CommandError> {
        let bytes = arg.as_bytes();
        let number = match parse_integer(bytes) {
            Some(number) => number.try_into().ok(),
            // Beyond the signed integers, in the same strict form: no sign, no leading zero.
            None if matches!(bytes.first(), Some(b'1'..=b'9')) => arg.to_text()?.parse().ok(),
            None => None,
        };
        number.ok_or(CommandError::NOT_AN_INTEGER)
    }
}

/// Decimal, with an exponent or without, or `inf`, `+inf`, `-inf`; never NaN, and no finite number that is too large.
impl FromArg for f64 {
    fn from_arg(arg: RawArg<'_>) -> Result<Self, CommandError> {
        let number: Option<f64> = arg.to_text().ok().and_then(|text| text.parse().ok());
        let has_digits = arg.as_bytes().iter().any(u8::is_ascii_digit);
        let is_valid = |number: &f64| !(number.is_nan() || number.is_infinite() && has_digits);
        number.filter(is_valid).ok_or(CommandError::NOT_A_FLOAT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<T: FromArg>(text: &str) -> Option<T> {
        let command = Command::new("X").arg(text);
        T::from_arg(RawArg::new(&command, 0).unwrap()).ok()
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
        let error = String::from_arg(RawArg::new(&command, 0).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "ERR value is not valid UTF-8");
    }
}
