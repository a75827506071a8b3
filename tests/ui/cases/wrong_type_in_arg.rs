//! An argument that cannot be parsed to the type that is asked for.

use kvstore::routing::{Arg, Router};
use std::time::Duration;

fn nap(_: Arg<Duration>) {}

fn main() {
    let _: Router = Router::new().command("NAP", nap);
}
