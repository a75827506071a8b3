//! What the attribute does not take: types, generic functions, words that it does not know.

use kvstore::routing::{Arg, FromArg, IntoResponse};

#[kvstore::debug_handler]
struct Handler;

#[kvstore::debug_handler]
fn generic<T: FromArg + IntoResponse>(Arg(value): Arg<T>) -> T {
    value
}

#[kvstore::debug_handler(states = u64)]
fn nothing() {}

fn main() {}
