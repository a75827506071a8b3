//! [`IntoResponse`]: the return types of handlers, and of functions that are layers.

mod collections;
mod scalars;

use crate::{Body, CommandError, Packed, Response};

/// Types that can be converted into a [`Response`]: the return types of handlers.
///
/// | type | response |
/// |---|---|
/// | `()` | `OK` |
/// | text and bytes: `&str`, `String`, `Bytes`, `Vec<u8>`, `Cow`, `Box<str>`, `Arc<str>`, `char` … | bulk string |
/// | IP and socket addresses | bulk string |
/// | integers | integer; big number, where 64 bits with a sign are not enough |
/// | `bool` | integer, 1 or 0 |
/// | `f32`, `f64` | double |
/// | `Option<T>` | that of `T`, or null |
/// | `Result<T, E>` | that of `T` or of `E` |
/// | [`CommandError`] | error |
/// | `Vec<T>`, `VecDeque<T>`, slices, arrays, tuples | array |
/// | `HashMap<K, V>`, `BTreeMap<K, V>` | map |
/// | `HashSet<T>`, `BTreeSet<T>` | set |
/// | [`Packed`] | array, map or set of many elements |
/// | [`Body`] | bulk string that is sent in pieces |
/// | [`Response`] | itself |
///
/// # Examples
/// A type and an error of your own:
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
/// enum SensorError {
///     NotFound,
/// }
///
/// impl IntoResponse for SensorError {
///     fn into_response(self) -> Response {
///         Response::error("NOTFOUND", "no such sensor")
///     }
/// }
///
/// let measured: Result<Vec<Celsius>, SensorError> = Ok(vec![Celsius(21.5), Celsius(19.0)]);
/// assert_eq!(measured.into_response(), Response::array([21.5, 19.0]));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be converted into a response",
    label = "does not implement `IntoResponse`",
    note = "texts, bytes, numbers, `bool`, `()`, collections, tuples, `Option` and `Result` of them, and `Response` can",
    note = "`AnyError` of `kvstore::routing` converts an error of any type; a type of your own implements `IntoResponse`"
)]
pub trait IntoResponse {
    /// Converts the value into a response.
    fn into_response(self) -> Response;

    /// Converts a vector of values. An array, except for bytes: `Vec<u8>` is a string.
    #[doc(hidden)]
    fn vec_into_response(values: Vec<Self>) -> Response
    where
        Self: Sized,
    {
        Response::Array(values.into_iter().map(Self::into_response).collect())
    }
}

impl IntoResponse for Response {
    #[inline]
    fn into_response(self) -> Response {
        self
    }
}

impl IntoResponse for Packed {
    fn into_response(self) -> Response {
        self.into()
    }
}

impl IntoResponse for CommandError {
    fn into_response(self) -> Response {
        self.into()
    }
}

impl IntoResponse for Body {
    fn into_response(self) -> Response {
        self.into()
    }
}

/// `OK`.
impl IntoResponse for () {
    fn into_response(self) -> Response {
        Response::ok()
    }
}

/// The error of functions that never fail.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_options_and_results_are_responses() {
        assert_eq!(().into_response(), Response::ok());
        assert_eq!(None::<i64>.into_response(), Response::Null);
        assert_eq!(Some("text").into_response(), Response::bulk("text"));
        assert_eq!(Ok::<_, CommandError>(5).into_response(), Response::Integer(5));
        assert_eq!(Err::<(), _>(CommandError::SYNTAX).into_response(), Response::error("ERR", "syntax error"));
    }
}
