//! A service whose answers are no responses.

use kvstore::protocol::Command;
use std::convert::Infallible;

fn main() {
    let (_, listener) = kvstore::server::pipe();
    let service = tower::service_fn(|_: Command| async { Ok::<_, Infallible>("hello") });
    let _ = kvstore::serve(listener, service);
}
