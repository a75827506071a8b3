//! The attribute points at the argument that cannot be parsed.

use kvstore::routing::{Arg, Key};
use std::time::Duration;

#[kvstore::debug_handler]
fn nap(_: Key, _: Arg<Duration>) {}

fn main() {
    nap(Key("k".into()), Arg(Duration::ZERO));
}
