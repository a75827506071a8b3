//! The attribute points at the argument that is not an extractor.

use kvstore::routing::{Arg, Router};

#[kvstore::debug_handler]
async fn repeat(text: String, Arg(times): Arg<usize>) -> String {
    text.repeat(times)
}

fn main() {
    let _: Router = Router::new().command("REPEAT", repeat);
}
