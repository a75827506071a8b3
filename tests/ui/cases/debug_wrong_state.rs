//! A type that is not a part of the state.

use kvstore::routing::{FromRef, State};

#[derive(Clone, FromRef)]
struct App {
    name: String,
}

#[kvstore::debug_handler(state = App)]
fn describe(State(name): State<String>, State(limit): State<u64>) -> String {
    format!("{name} takes {limit}")
}

fn main() {
    describe(State(String::new()), State(1));
}
