//! The attribute points at the argument that is borrowed.

use kvstore::protocol::Command;

#[kvstore::debug_handler]
fn name(command: &Command) -> Vec<u8> {
    command.name().to_vec()
}

fn main() {
    name(&Command::new("PING"));
}
