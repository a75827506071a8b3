//! An argument that is borrowed: handlers own what they get.

use kvstore::protocol::Command;
use kvstore::routing::Router;

fn name(command: &Command) -> Vec<u8> {
    command.name().to_vec()
}

fn main() {
    let _: Router = Router::new().command("NAME", name);
}
