//! [`FromArg`]: parses one argument.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

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
/// These are text (`String`, `Box<str>`, `Arc<str>`, `char`), bytes (`Bytes`, `Vec<u8>`), integers, floats, `bool`, and IP
/// and socket addresses. A type that implements `FromStr` is parsed with [`Parse`](super::Parse).
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

macro_rules! texts {
    ($($kind:ty),*) => {$(
        /// UTF-8, or `ERR value is not valid UTF-8`.
        impl FromArg for $kind {
            fn from_arg(arg: RawArg<'_>) -> Result<Self, CommandError> {
                arg.to_text().map(Self::from)
            }
        }
    )*};
}
texts!(String, Box<str>, Arc<str>);

/// `1`, `true`, `yes`, `on` or `0`, `false`, `no`, `off`, case-insensitive, or `ERR value is not a boolean`.
impl FromArg for bool {
    fn from_arg(arg: RawArg<'_>) -> Result<Self, CommandError> {
        let is_one_of = |words: [&str; 4]| words.iter().any(|word| arg.bytes.eq_ignore_ascii_case(word.as_bytes()));
        match () {
            () if is_one_of(["1", "true", "yes", "on"]) => Ok(true),
            () if is_one_of(["0", "false", "no", "off"]) => Ok(false),
            () => Err(CommandError::err("value is not a boolean")),
        }
    }
}

macro_rules! short_integers {
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
short_integers!(i8, i16, i32, i64, isize, u8, u16, u32, usize);

macro_rules! long_integers {
    ($($kind:ty),*) => {$(
        impl FromArg for $kind {
            fn from_arg(arg: RawArg<'_>) -> Result<Self, CommandError> {
                let number = match parse_integer(arg.as_bytes()) {
                    Some(number) => number.try_into().ok(),
                    None if is_integer(arg.as_bytes()) => arg.to_text()?.parse().ok(),
                    None => None,
                };
                number.ok_or(CommandError::NOT_AN_INTEGER)
            }
        }
    )*};
}
long_integers!(u64, u128, i128);

/// Whether a number beyond 64 bits has the strict form of the others: no `+`, no leading zero.
fn is_integer(bytes: &[u8]) -> bool {
    matches!(bytes.strip_prefix(b"-").unwrap_or(bytes).first(), Some(b'1'..=b'9'))
}

macro_rules! floats {
    ($($kind:ty),*) => {$(
        /// Decimal, with or without an exponent, or `inf`, `+inf`, `-inf`; no NaN, and no finite number that is too large.
        impl FromArg for $kind {
            fn from_arg(arg: RawArg<'_>) -> Result<Self, CommandError> {
                let number: Option<$kind> = arg.to_text().ok().and_then(|text| text.parse().ok());
                let has_digits = arg.as_bytes().iter().any(u8::is_ascii_digit);
                let is_valid = |number: &$kind| !(number.is_nan() || number.is_infinite() && has_digits);
                number.filter(is_valid).ok_or(CommandError::NOT_A_FLOAT)
            }
        }
    )*};
}
floats!(f32, f64);

macro_rules! parsed {
    ($($kind:ty: $error:literal),*) => {$(
        #[doc = concat!("As Rust writes it, or `ERR ", $error, "`.")]
        impl FromArg for $kind {
            fn from_arg(arg: RawArg<'_>) -> Result<Self, CommandError> {
                arg.to_text()?.parse().map_err(|_| CommandError::new("ERR", $error))
            }
        }
    )*};
}
parsed! {
    char: "value is not a single character",
    IpAddr: "value is not an IP address",
    Ipv4Addr: "value is not an IPv4 address",
    Ipv6Addr: "value is not an IPv6 address",
    SocketAddr: "value is not a socket address"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<T: FromArg>(text: &str) -> Option<T> {
        let command = Command::new("X").arg(text);
        T::from_arg(RawArg::new(&command, 0).unwrap()).ok()
    }

    fn error<T: FromArg>(bytes: &[u8]) -> String {
        let command = Command::new("X").arg(bytes);
        T::from_arg(RawArg::new(&command, 0).unwrap()).err().unwrap().to_string()
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
    fn integers_of_128_bits_are_as_strict() {
        assert_eq!(parse("340282366920938463463374607431768211455"), Some(u128::MAX));
        assert_eq!(parse("-170141183460469231731687303715884105728"), Some(i128::MIN));
        assert_eq!((parse("-5"), parse("0")), (Some(-5_i128), Some(0_u128)));
        for text in ["", "+1", "-0", "00", "-", "--1", "340282366920938463463374607431768211456"] {
            assert_eq!((parse::<u128>(text), parse::<i128>(text)), (None, None), "{text:?}");
        }
        assert_eq!(parse::<u128>("-1"), None);
    }

    #[test]
    fn floats_of_32_bits_have_a_range_of_their_own() {
        assert_eq!((parse("0.1"), parse("inf")), (Some(0.1_f32), Some(f32::INFINITY)));
        assert_eq!((parse::<f32>("1e39"), parse::<f64>("1e39")), (None, Some(1e39)));
    }

    #[test]
    fn booleans_are_said_in_four_ways() {
        for (yes, no) in [("1", "0"), ("true", "FALSE"), ("Yes", "no"), ("ON", "off")] {
            assert_eq!((parse(yes), parse(no)), (Some(true), Some(false)));
        }
        assert_eq!(error::<bool>(b"2"), "ERR value is not a boolean");
        assert_eq!(error::<bool>(b""), "ERR value is not a boolean");
    }

    #[test]
    fn addresses_and_characters_say_what_is_wrong() {
        assert_eq!(parse("::1"), Some(IpAddr::V6(Ipv6Addr::LOCALHOST)));
        assert_eq!(parse("127.0.0.1"), Some(Ipv4Addr::LOCALHOST));
        assert_eq!(parse("127.0.0.1:6379"), Some(SocketAddr::from(([127, 0, 0, 1], 6379))));
        assert_eq!(parse("é"), Some('é'));
        assert_eq!(error::<IpAddr>(b"localhost"), "ERR value is not an IP address");
        assert_eq!(error::<Ipv4Addr>(b"::1"), "ERR value is not an IPv4 address");
        assert_eq!(error::<Ipv6Addr>(b"127.0.0.1"), "ERR value is not an IPv6 address");
        assert_eq!(error::<SocketAddr>(b"127.0.0.1"), "ERR value is not a socket address");
        assert_eq!(error::<char>(b"ab"), "ERR value is not a single character");
    }

    #[test]
    fn text_is_utf8() {
        assert_eq!(parse("text"), Some(Box::<str>::from("text")));
        assert_eq!(parse("text"), Some(Arc::<str>::from("text")));
        assert_eq!(error::<String>(b"\xff"), "ERR value is not valid UTF-8");
        assert_eq!(error::<char>(b"\xff"), "ERR value is not valid UTF-8");
    }
}
