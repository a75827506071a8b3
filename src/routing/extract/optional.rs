use super::{Arguments, FromCommand, Words};

/// `None` when the words for it are not there. Words are taken from left to right: what is optional comes last.
impl<S, T: FromCommand<S>> FromCommand<S> for Option<T> {
    type Rejection = T::Rejection;

    const WORDS: Words = Words { least: 0, most: T::WORDS.most };
    const ARE_KEYS: bool = T::ARE_KEYS;

    fn from_command(arguments: &mut Arguments<'_>, state: &S) -> Result<Self, T::Rejection> {
        T::optional(arguments, state)
    }
}
