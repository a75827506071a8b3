//! A return type that is no answer.

use kvstore::routing::Router;

struct Celsius(f64);

async fn temperature() -> Celsius {
    Celsius(21.5)
}

fn main() {
    let _: Router = Router::new().command("TEMPERATURE", temperature);
}
