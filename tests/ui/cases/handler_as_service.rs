//! A handler is not a service: a router is.

use kvstore::{CommandService, routing::Arg};

fn run(_: impl CommandService) {}

async fn greet(Arg(name): Arg<String>) -> String {
    format!("hello, {name}")
}

fn main() {
    run(greet);
}
