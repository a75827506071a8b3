//! What is called instead of being given: a handler is the function and not its result.

use kvstore::routing::Router;

fn answer() -> i64 {
    42
}

fn main() {
    let _: Router = Router::new().command("ANSWER", answer());
}
