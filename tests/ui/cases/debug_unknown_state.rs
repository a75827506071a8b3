//! Of two parts of a state the attribute cannot tell the state.

use kvstore::routing::State;

#[kvstore::debug_handler]
fn describe(State(name): State<String>, State(limit): State<u64>) -> String {
    format!("{name} takes {limit}")
}

fn main() {
    describe(State(String::new()), State(1));
}
