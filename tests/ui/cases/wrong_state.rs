//! Another state than the handlers wait for.

use kvstore::routing::{Router, State};

fn names(State(names): State<Vec<String>>) -> Vec<String> {
    names
}

fn main() {
    let _: Router = Router::new().command("NAMES", names).with_state(5_u64);
}
