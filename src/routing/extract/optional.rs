use super::{ArgCount, ArgCursor, FromCommand};

/// `None` when no argument is left for the extractor. Optional extractors stand behind the required ones.
impl<S, T: FromCommand<S>> FromCommand<S> for Option<T> {
    type Rejection = T::Rejection;

    const ARGS: ArgCount = T::ARGS.or_none();
    const ARE_KEYS: bool = T::ARE_KEYS;

    fn from_command(args: &mut ArgCursor<'_>, state: &S) -> Result<Self, T::Rejection> {
        T::optional(args, state)
    }
}
