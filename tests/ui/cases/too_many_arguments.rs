//! Nine arguments: `Rest` takes any number.

use kvstore::routing::{Arg, Router};

type N = Arg<i64>;

fn sum(_: N, _: N, _: N, _: N, _: N, _: N, _: N, _: N, _: N) {}

fn main() {
    let _: Router = Router::new().command("SUM", sum);
}
