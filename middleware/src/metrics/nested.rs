use std::sync::Arc;

use kvstore_protocol::{Command, CommandError, nested::Inspect};

use super::registry::Registry;

/// Counts the commands that scripts run.
#[derive(Debug)]
pub(super) struct Nested(pub(super) Arc<Registry>);

impl Inspect for Nested {
    fn inspect(&self, nested: &Command) -> Result<(), CommandError> {
        let table = self.0.table();
        table.known(nested.name()).unwrap_or(table.other()).count_nested();
        Ok(())
    }
}
