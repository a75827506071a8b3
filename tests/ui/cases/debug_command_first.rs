//! The attribute points at the argument behind the whole command.

use kvstore::{protocol::Command, routing::Key};

#[kvstore::debug_handler]
fn name(command: Command, Key(key): Key) -> usize {
    command.len() + key.len()
}

fn main() {
    name(Command::new("PING"), Key("k".into()));
}
