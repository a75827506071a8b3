//! Text, bytes and numbers.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    sync::Arc,
};

use bytes::Bytes;

use super::IntoResponse;
use crate::{ByteString, Response};

macro_rules! from {
    ($($kind:ty),*) => {$(
        impl IntoResponse for $kind {
            #[inline]
            fn into_response(self) -> Response {
                self.into()
            }
        }
    )*};
}
from!(&str, String, Bytes, ByteString, i64, i32, u64, u32, usize, f64, bool);

macro_rules! short_integers {
    ($($kind:ty),*) => {$(
        impl IntoResponse for $kind {
            #[inline]
            fn into_response(self) -> Response {
                Response::Integer(self.into())
            }
        }
    )*};
}
short_integers!(i8, i16, u16);

/// An integer. A `Vec<u8>` is a bulk string.
impl IntoResponse for u8 {
    #[inline]
    fn into_response(self) -> Response {
        Response::Integer(self.into())
    }

    #[inline]
    fn vec_into_response(bytes: Vec<Self>) -> Response {
        Response::bulk(bytes)
    }
}

macro_rules! long_integers {
    ($($kind:ty),*) => {$(
        /// A big number beyond the range of `i64`.
        impl IntoResponse for $kind {
            fn into_response(self) -> Response {
                i64::try_from(self).map_or_else(|_| Response::BigNumber(self.to_string().into()), Response::Integer)
            }
        }
    )*};
}
long_integers!(isize, i128, u128);

/// The double with the same shortest decimal form: 0.1 is sent as `0.1`.
impl IntoResponse for f32 {
    fn into_response(self) -> Response {
        Response::Double(self.to_string().parse().unwrap_or(self.into()))
    }
}

macro_rules! texts {
    ($($kind:ty),*) => {$(
        impl IntoResponse for $kind {
            fn into_response(self) -> Response {
                Response::bulk(&*self)
            }
        }
    )*};
}
texts!(Box<str>, Arc<str>, Cow<'_, [u8]>, Arc<[u8]>);

impl IntoResponse for Cow<'_, str> {
    fn into_response(self) -> Response {
        match self {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

macro_rules! displayed {
    ($($kind:ty),*) => {$(
        impl IntoResponse for $kind {
            fn into_response(self) -> Response {
                Response::bulk(self.to_string())
            }
        }
    )*};
}
displayed!(char, IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6);

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(value: impl IntoResponse, text: &str) {
        assert_eq!(value.into_response(), Response::bulk(text));
    }

    #[test]
    fn text_and_bytes_are_bulk_strings() {
        bulk("text", "text");
        bulk(String::from("text"), "text");
        bulk(Bytes::from("text"), "text");
        bulk(ByteString::from("text"), "text");
        bulk(Box::<str>::from("text"), "text");
        bulk(Arc::<str>::from("text"), "text");
        bulk(Arc::<[u8]>::from(*b"text"), "text");
        bulk(Cow::Borrowed("text"), "text");
        bulk(Cow::<str>::Owned("text".to_owned()), "text");
        bulk(Cow::Borrowed(&b"text"[..]), "text");
        bulk('é', "é");
    }

    #[test]
    fn addresses_are_bulk_strings() {
        bulk(IpAddr::from([127, 0, 0, 1]), "127.0.0.1");
        bulk(Ipv4Addr::LOCALHOST, "127.0.0.1");
        bulk(Ipv6Addr::LOCALHOST, "::1");
        bulk(SocketAddr::from(([127, 0, 0, 1], 6379)), "127.0.0.1:6379");
    }

    #[test]
    fn integers_are_integers_while_64_bits_are_enough() {
        for response in [
            5_u8.into_response(),
            5_i8.into_response(),
            5_u16.into_response(),
            5_i16.into_response(),
            5_u32.into_response(),
            5_i32.into_response(),
            5_u64.into_response(),
            5_i64.into_response(),
            5_usize.into_response(),
            5_isize.into_response(),
            5_u128.into_response(),
            5_i128.into_response(),
        ] {
            assert_eq!(response, Response::Integer(5));
        }
        let big = |digits: &str| Response::BigNumber(digits.into());
        assert_eq!(u64::MAX.into_response(), big("18446744073709551615"));
        assert_eq!(u128::MAX.into_response(), big("340282366920938463463374607431768211455"));
        assert_eq!(i128::MIN.into_response(), big("-170141183460469231731687303715884105728"));
        assert_eq!(true.into_response(), Response::Integer(1));
    }

    #[test]
    fn floats_are_doubles_and_keep_their_digits() {
        assert_eq!(0.1_f64.into_response(), Response::Double(0.1));
        assert_eq!(0.1_f32.into_response(), Response::Double(0.1));
        assert_eq!(f32::INFINITY.into_response(), Response::Double(f64::INFINITY));
        assert_eq!(f32::NAN.into_response().to_string(), "nan");
    }
}
