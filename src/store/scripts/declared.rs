//! [`Declared`]: the keys of a script that keeps to those that it declares.

use std::collections::HashSet;

use kvstore_protocol::CommandError;

use crate::store::{
    args::Args,
    command_table::Row,
    databases::Databases,
    plan::{self, PerKey},
    spec::Scope,
};

/// A few keys are compared one by one.
const FEW: usize = 8;

const UNDECLARED: CommandError = CommandError::new("ERR", "Script attempted to access a key that it did not declare");

/// The keys that a script has declared, in the database in which it began.
#[derive(Debug)]
pub(super) struct Declared<'r> {
    keys: PerKey<&'r [u8]>,
    /// The same, if there are many.
    many: HashSet<&'r [u8]>,
    database: usize,
}

impl<'r> Declared<'r> {
    pub(super) fn new(keys: impl Iterator<Item = &'r [u8]>, database: usize) -> Self {
        let keys: PerKey<_> = keys.collect();
        let many = if keys.len() > FEW { keys.iter().copied().collect() } else { HashSet::new() };
        Self { keys, many, database }
    }

    fn has(&self, key: &[u8]) -> bool {
        if self.many.is_empty() { self.keys.contains(&key) } else { self.many.contains(key) }
    }

    /// Checks that a command touches no other key, and looks at no database as a whole.
    ///
    /// # Errors
    /// If it does, or has no valid keys.
    pub(super) fn check(
        &self,
        row: &'static Row,
        args: Args<'_>,
        (database, databases): (usize, &Databases),
    ) -> Result<(), CommandError> {
        if row.spec.scope(&args) != Scope::Keys {
            return Err(UNDECLARED);
        }
        let mut keys = PerKey::new();
        plan::locate(row, args, database, databases, &mut keys)?;
        let are_declared = keys.iter().all(|key| key.database as usize == self.database && self.has(key.name));
        if are_declared { Ok(()) } else { Err(UNDECLARED) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_keys_are_found() {
        let names: Vec<_> = (0..20).map(|number| number.to_string()).collect();
        for count in [0, 1, FEW, FEW + 1, 20] {
            let declared = Declared::new(names[..count].iter().map(String::as_bytes), 0);
            for (number, name) in names.iter().enumerate() {
                assert_eq!(declared.has(name.as_bytes()), number < count, "{number} of {count}");
            }
        }
    }
}
