//! The attribute points at the argument behind one that takes all.

use kvstore::routing::{Arg, Rest};

#[kvstore::debug_handler]
fn add(Rest(names): Rest<String>, Arg(count): Arg<usize>) -> usize {
    names.len() + count
}

fn main() {
    add(Rest(Vec::new()), Arg(1));
}
