//! [`SettableParameter`]: the parameters that CONFIG SET can change, for programs that set them at their start.

use super::parameter::{all_settable, check};

/// The parameters that CONFIG SET can change.
///
/// ```
/// use kvstore::store::settable_parameters;
///
/// let timeout = settable_parameters().find(|parameter| parameter.name == "timeout").expect("there is one");
/// assert_eq!(timeout.check(b"soon").unwrap_err(), "argument couldn't be parsed into an integer");
/// ```
pub fn settable_parameters() -> impl Iterator<Item = SettableParameter> {
    all_settable().map(|(name, is_of_server)| SettableParameter { name, is_of_server })
}

/// A parameter that CONFIG SET can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettableParameter {
    /// Its name, in lower case.
    pub name: &'static str,
    /// Whether it is a parameter of the server in front of the store. CONFIG SET of a store without a server does not know it.
    pub is_of_server: bool,
}

impl SettableParameter {
    /// Checks a value as CONFIG SET does, and sets nothing.
    ///
    /// # Errors
    /// What is wrong with the value.
    pub fn check(&self, value: &[u8]) -> Result<(), String> {
        check(self.name, value)
    }
}
