//! A layer's function with extractors behind the command, or with a state that nobody gave.

use kvstore::protocol::{Command, Response};
use kvstore::routing::{Key, Next, State, from_fn};

async fn behind(command: Command, _: Key, next: Next) -> Response {
    next.run(command).await
}

async fn no_state(State(_): State<u64>, command: Command, next: Next) -> Response {
    next.run(command).await
}

fn main() {
    let _ = from_fn(behind);
    let _ = from_fn(no_state);
}
