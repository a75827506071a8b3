//! [`Extract`]: the extractors of a function together.

use kvstore_protocol::{IntoResponse, Response};

use super::{ArgCount, ArgCursor, FromCommand};
use crate::{catalog::KeyRange, routing::tuples::for_each_tuple};

/// The extractors of a function, as a tuple.
pub(in crate::routing) trait Extract<S>: Sized {
    /// How many arguments they take. A constant, so that extractors in a wrong order are an error of the compiler.
    const ARGS: ArgCount;

    /// Which of their arguments are keys.
    fn keys() -> KeyRange;

    /// Runs the extractors.
    ///
    /// # Errors
    /// The rejection of the first one that fails.
    fn extract(args: &mut ArgCursor<'_>, state: &S) -> Result<Self, Response>;
}

macro_rules! extract {
    ($($kind:ident),*) => {
        #[allow(unused_variables, clippy::unused_unit, reason = "without extractors")]
        impl<S, $($kind: FromCommand<S>),*> Extract<S> for ($($kind,)*) {
            const ARGS: ArgCount = ArgCount::NONE $(.and($kind::ARGS))*;

            fn keys() -> KeyRange {
                let keys = KeyRange::NONE;
                let args = ArgCount::NONE;
                $(
                    let keys = with_keys_of::<S, $kind>(keys, args);
                    let args = args.and($kind::ARGS);
                )*
                keys
            }

            #[inline]
            fn extract(args: &mut ArgCursor<'_>, state: &S) -> Result<Self, Response> {
                Ok(($($kind::from_command(args, state).map_err(IntoResponse::into_response)?,)*))
            }
        }
    };
}
for_each_tuple!(extract);

/// Adds the keys of an extractor behind others that take `before`.
fn with_keys_of<S, T: FromCommand<S>>(keys: KeyRange, before: ArgCount) -> KeyRange {
    match before.fixed() {
        Some(before) if T::ARE_KEYS => keys.and_at(before + 1, T::ARGS.fixed()),
        _ => keys,
    }
}
