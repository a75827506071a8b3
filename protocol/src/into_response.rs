//! [`IntoResponse`]: what a handler, and a function that is a layer, may return.

use bytes::Bytes;

use crate::{Body, ByteString, CommandError, Response};

/// A type that makes a [`Response`].
///
/// What handlers return. `()` answers `OK`; an `Option` answers null for `None`; a `Result` answers either side, so that
/// errors are whatever a program has, once it says how they read.
///
/// ```
/// use kvstore_protocol::{IntoResponse, Response};
///
/// struct Celsius(f64);
///
/// impl IntoResponse for Celsius {
///     fn into_response(self) -> Response {
///         Response::Double(self.0)
///     }
/// }
///
/// enum Trouble {
///     NoSensor,
/// }
///
/// impl IntoResponse for Trouble {
///     fn into_response(self) -> Response {
///         Response::error("NOSENSOR", "nothing measures there")
///     }
/// }
///
/// let measured: Result<Celsius, Trouble> = Ok(Celsius(21.5));
/// assert_eq!(measured.into_response(), Response::Double(21.5));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be converted into a response",
    label = "does not implement `IntoResponse`",
    note = "texts, bytes, numbers, `bool`, `()`, collections, tuples, `Option` and `Result` of them, and `Response` can",
    note = "`AnyError` of `kvstore::routing` converts an error of any type; a type of your own implements `IntoResponse`"
)]
pub trait IntoResponse {
    /// Makes the response.
    fn into_response(self) -> Response;
}

impl IntoResponse for Response {
    #[inline]
    fn into_response(self) -> Response {
        self
    }
}

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
from!(&str, String, &[u8], Vec<u8>, Bytes, ByteString, Body, i64, i32, u64, u32, usize, f64, bool, CommandError);

macro_rules! integers {
    ($($kind:ty),*) => {$(
        impl IntoResponse for $kind {
            #[inline]
            fn into_response(self) -> Response {
                Response::Integer(self.into())
            }
        }
    )*};
}
integers!(i8, i16, u8, u16);

/// `OK`.
impl IntoResponse for () {
    fn into_response(self) -> Response {
        Response::ok()
    }
}

/// What cannot be: a function that never returns an error has it as its error.
impl IntoResponse for std::convert::Infallible {
    fn into_response(self) -> Response {
        match self {}
    }
}

/// Null for `None`.
impl<T: IntoResponse> IntoResponse for Option<T> {
    fn into_response(self) -> Response {
        self.map_or(Response::Null, T::into_response)
    }
}

impl<T: IntoResponse, E: IntoResponse> IntoResponse for Result<T, E> {
    fn into_response(self) -> Response {
        self.map_or_else(E::into_response, T::into_response)
    }
}

/// An array of the items. Bytes are a bulk: this is for everything else.
macro_rules! arrays {
    ($($kind:ty),*) => {$(
        impl IntoResponse for Vec<$kind> {
            fn into_response(self) -> Response {
                Response::Array(self.into_iter().map(IntoResponse::into_response).collect())
            }
        }
    )*};
}
arrays!(Response, &str, String, &[u8], Vec<u8>, Bytes, ByteString, i64, i32, u32, u64, usize, f64, bool);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_handlers_return_is_what_clients_expect() {
        assert_eq!(().into_response(), Response::ok());
        assert_eq!(None::<i64>.into_response(), Response::Null);
        assert_eq!(Some("text").into_response(), Response::bulk("text"));
        assert_eq!(vec![1_i64, 2].into_response(), Response::array([1_i64, 2]));
        assert_eq!(vec![1_u8, 2].into_response(), Response::bulk(&[1_u8, 2][..]));
        assert_eq!(u64::MAX.into_response(), Response::BigNumber("18446744073709551615".into()));
        assert_eq!(Err::<(), _>(CommandError::SYNTAX).into_response(), Response::error("ERR", "syntax error"));
    }
}
