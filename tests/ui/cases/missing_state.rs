//! A state that the router was never given.

use kvstore::routing::{Router, State};

fn names(State(names): State<Vec<String>>) -> Vec<String> {
    names
}

fn main() {
    let _: Router = Router::new().command("NAMES", names);
}
