//! The attribute points at the ninth argument.

use kvstore::routing::Arg;

type N = Arg<i64>;

#[kvstore::debug_handler]
fn sum(_: N, _: N, _: N, _: N, _: N, _: N, _: N, _: N, _: N) {}

fn main() {}
