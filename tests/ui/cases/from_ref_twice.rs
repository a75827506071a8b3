//! Two fields of one type: which of them is extracted?

use kvstore::routing::FromRef;

#[derive(Clone, FromRef)]
struct App {
    name: String,
    title: String,
}

fn main() {}
