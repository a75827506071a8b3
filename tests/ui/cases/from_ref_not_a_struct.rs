//! What has no fields by name or place, or has them of any type.

use kvstore::routing::FromRef;

#[derive(FromRef)]
enum Mode {
    On,
}

#[derive(FromRef)]
struct App<T> {
    part: T,
}

#[derive(FromRef)]
struct Skipped {
    #[from_ref(skipped)]
    name: String,
}

fn main() {}
