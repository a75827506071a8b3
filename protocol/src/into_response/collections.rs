//! Arrays, maps and sets.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use super::IntoResponse;
use crate::Response;

/// An array. A `Vec<u8>` is a bulk string.
impl<T: IntoResponse> IntoResponse for Vec<T> {
    #[inline]
    fn into_response(self) -> Response {
        T::vec_into_response(self)
    }
}

/// An array. A `VecDeque<u8>` is a bulk string.
impl<T: IntoResponse> IntoResponse for VecDeque<T> {
    fn into_response(self) -> Response {
        T::vec_into_response(self.into())
    }
}

/// An array. A `Box<[u8]>` is a bulk string.
impl<T: IntoResponse> IntoResponse for Box<[T]> {
    fn into_response(self) -> Response {
        T::vec_into_response(self.into_vec())
    }
}

/// An array. A `[u8; N]` is a bulk string.
impl<T: IntoResponse, const N: usize> IntoResponse for [T; N] {
    fn into_response(self) -> Response {
        T::vec_into_response(self.into())
    }
}

/// An array. A `&[u8]` is a bulk string.
impl<T: IntoResponse + Clone> IntoResponse for &[T] {
    fn into_response(self) -> Response {
        T::vec_into_response(self.to_vec())
    }
}

/// An array. A `&[u8; N]` is a bulk string.
impl<T: IntoResponse + Clone, const N: usize> IntoResponse for &[T; N] {
    fn into_response(self) -> Response {
        self.as_slice().into_response()
    }
}

macro_rules! maps {
    ($($kind:ty where [$($generics:tt)*]),*) => {$(
        /// A map, in the order of the collection.
        impl<K: IntoResponse, V: IntoResponse, $($generics)*> IntoResponse for $kind {
            fn into_response(self) -> Response {
                Response::Map(self.into_iter().map(|(key, value)| (key.into_response(), value.into_response())).collect())
            }
        }
    )*};
}
maps!(HashMap<K, V, S> where [S], BTreeMap<K, V> where []);

macro_rules! sets {
    ($($kind:ty where [$($generics:tt)*]),*) => {$(
        /// A set, in the order of the collection.
        impl<T: IntoResponse, $($generics)*> IntoResponse for $kind {
            fn into_response(self) -> Response {
                Response::Set(self.into_iter().map(T::into_response).collect())
            }
        }
    )*};
}
sets!(HashSet<T, S> where [S], BTreeSet<T> where []);

macro_rules! tuples {
    ($($kind:ident)+) => {
        /// An array of the fields.
        impl<$($kind: IntoResponse),+> IntoResponse for ($($kind,)+) {
            #[allow(non_snake_case, reason = "values are named after their types")]
            fn into_response(self) -> Response {
                let ($($kind,)+) = self;
                Response::Array(vec![$($kind.into_response()),+])
            }
        }
    };
}
tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
tuples!(A B C D E F G H I);
tuples!(A B C D E F G H I J);
tuples!(A B C D E F G H I J K);
tuples!(A B C D E F G H I J K L);

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
    struct Celsius(f64);

    impl IntoResponse for Celsius {
        fn into_response(self) -> Response {
            Response::Double(self.0)
        }
    }

    #[test]
    fn sequences_of_bytes_are_strings() {
        let text = Response::bulk("text");
        assert_eq!(b"text".to_vec().into_response(), text);
        assert_eq!(VecDeque::from(b"text".to_vec()).into_response(), text);
        assert_eq!(Box::<[u8]>::from(*b"text").into_response(), text);
        assert_eq!((*b"text").into_response(), text);
        assert_eq!((&b"text"[..]).into_response(), text);
        assert_eq!(b"text".into_response(), text);
    }

    #[test]
    fn sequences_of_all_else_are_arrays() {
        let numbers = Response::array([1_i64, 2]);
        assert_eq!(vec![1_i64, 2].into_response(), numbers);
        assert_eq!(vec![1_i8, 2].into_response(), numbers);
        assert_eq!(VecDeque::from([1_u16, 2]).into_response(), numbers);
        assert_eq!(Box::<[i64]>::from([1, 2]).into_response(), numbers);
        assert_eq!([1_u128, 2].into_response(), numbers);
        assert_eq!((&[1_i64, 2][..]).into_response(), numbers);
        assert_eq!((&[1_i64, 2]).into_response(), numbers);
        assert_eq!(vec![Some("text"), None].into_response().to_string(), r#"["text", (nil)]"#);
        assert_eq!(vec![vec![1_u8], vec![2, 3]].into_response(), Response::array([&b"\x01"[..], b"\x02\x03"]));
    }

    #[test]
    fn sequences_of_types_of_ones_own_are_arrays() {
        let degrees = Response::array([21.5, 19.0]);
        assert_eq!(vec![Celsius(21.5), Celsius(19.0)].into_response(), degrees);
        assert_eq!([Celsius(21.5), Celsius(19.0)].into_response(), degrees);
        assert_eq!((&[Celsius(21.5), Celsius(19.0)][..]).into_response(), degrees);
    }

    #[test]
    fn maps_and_sets_keep_their_kind() {
        assert_eq!(BTreeMap::from([("a", 1), ("b", 2)]).into_response().to_string(), r#"{"a": :1, "b": :2}"#);
        assert_eq!(HashMap::from([("a", vec![1, 2])]).into_response().to_string(), r#"{"a": [:1, :2]}"#);
        assert_eq!(BTreeSet::from(["a", "b"]).into_response().to_string(), r#"{"a", "b"}"#);
        assert_eq!(HashSet::from(["a"]).into_response().to_string(), r#"{"a"}"#);
    }

    #[test]
    fn tuples_are_arrays_of_their_fields() {
        assert_eq!(("a",).into_response().to_string(), r#"["a"]"#);
        assert_eq!(("a", 1, 2.5, None::<i64>, ()).into_response().to_string(), r#"["a", :1, 2.5, (nil), +OK]"#);
        let twelve = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12).into_response();
        assert_eq!(twelve, Response::array(1..=12));
    }
}
