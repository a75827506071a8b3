//! A service is not a handler: `Route::service` makes a route of it.

use kvstore::{routing::Router, store::Store};

fn main() {
    let _: Router = Router::new().command("GET", Store::new());
}
