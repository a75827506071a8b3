//! An argument that is no extractor: it should be `Arg<u64>`.

use kvstore::routing::Router;

fn double(number: u64) -> u64 {
    number * 2
}

fn main() {
    let _: Router = Router::new().command("DOUBLE", double);
}
