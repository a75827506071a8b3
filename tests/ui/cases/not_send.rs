//! A future that must stay on its thread.

use kvstore::routing::Router;
use std::rc::Rc;

async fn count() -> usize {
    let counter = Rc::new(1);
    tokio::task::yield_now().await;
    *counter
}

fn main() {
    let _: Router = Router::new().command("COUNT", count);
}
