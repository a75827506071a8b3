//! The attribute points at the argument behind an optional one.

use kvstore::routing::{Arg, State};

#[kvstore::debug_handler]
fn add(State(_): State<u8>, first: Option<Arg<u64>>, Arg(second): Arg<u64>) -> u64 {
    first.map_or(0, |Arg(first)| first) + second
}

fn main() {
    add(State(1), None, Arg(1));
}
