//! [`ToArg`]: converts values to arguments.

use bytes::Bytes;

/// Values that can be an argument of a command: bytes, text, numbers.
pub trait ToArg {
    /// Calls `f` with the value as bytes.
    fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R;
}

macro_rules! bytes_to_arg {
    ($($kind:ty),*) => {$(
        impl ToArg for $kind {
            fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
                f(self.as_ref())
            }
        }
    )*};
}
bytes_to_arg!(str, String, [u8], Vec<u8>, Bytes, crate::ByteString);

macro_rules! integer_to_arg {
    ($($kind:ty),*) => {$(
        impl ToArg for $kind {
            fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
                f(itoa::Buffer::new().format(*self).as_bytes())
            }
        }
    )*};
}
integer_to_arg!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

impl<const N: usize> ToArg for [u8; N] {
    fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(self)
    }
}

impl ToArg for f64 {
    fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(crate::double::format_double(*self).as_bytes())
    }
}

impl<A: ToArg + ?Sized> ToArg for &A {
    fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        (**self).with_bytes(f)
    }
}
