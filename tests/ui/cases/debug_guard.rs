//! The attribute points at the guard that is held across an `.await`.

use kvstore::routing::State;
use std::sync::{Arc, Mutex};

#[kvstore::debug_handler]
async fn count(State(counter): State<Arc<Mutex<u64>>>) -> u64 {
    let mut counter = counter.lock().unwrap();
    tokio::task::yield_now().await;
    *counter += 1;
    *counter
}

fn main() {
    drop(count(State(Arc::default())));
}
