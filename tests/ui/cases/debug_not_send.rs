//! The attribute points at what keeps the future on its thread.

use std::rc::Rc;

#[kvstore::debug_handler]
async fn count() -> usize {
    let counter = Rc::new(1);
    tokio::task::yield_now().await;
    *counter
}

fn main() {
    drop(count());
}
