//! A router that still waits for its state.

use kvstore::routing::{Router, State};

fn names(State(names): State<Vec<String>>) -> Vec<String> {
    names
}

fn main() {
    let (_, listener) = kvstore::server::pipe();
    let router: Router<Vec<String>> = Router::new().command("NAMES", names);
    let _ = kvstore::serve(listener, router);
}
