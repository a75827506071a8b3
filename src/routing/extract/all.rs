//! [`Extract`]: the extractors of a function together.

use kvstore_protocol::{IntoResponse, Response};

use super::{ArgCount, ArgCursor, FromCommand};
use crate::{
    catalog::{KeyFlags, KeySpec},
    routing::tuples::for_each_tuple,
};

/// The extractors of a function, as a tuple.
pub(in crate::routing) trait Extract<S>: Sized {
    /// How many arguments they take. A constant, so that extractors in a wrong order are an error of the compiler.
    const ARGS: ArgCount;

    /// Which of their arguments are keys.
    fn keys() -> Vec<KeySpec>;

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

            fn keys() -> Vec<KeySpec> {
                let args = ArgCount::NONE;
                let keys = [];
                $(
                    let keys = keys.into_iter().chain(keys_of::<S, $kind>(args));
                    let args = args.and($kind::ARGS);
                )*
                keys.into_iter().collect()
            }

            #[inline]
            fn extract(args: &mut ArgCursor<'_>, state: &S) -> Result<Self, Response> {
                Ok(($($kind::from_command(args, state).map_err(IntoResponse::into_response)?,)*))
            }
        }
    };
}
for_each_tuple!(extract);

/// The keys of an extractor behind others that take `before`. How the function accesses them is not known.
fn keys_of<S, T: FromCommand<S>>(before: ArgCount) -> Option<KeySpec> {
    let first = KeySpec::new(before.fixed().filter(|_| T::ARE_KEYS)? + 1, KeyFlags::NONE);
    Some(first.to(T::ARGS.fixed().map_or(-1, |args| args as isize - 1)))
}
