//! [`SettableParameter`]: the parameters that CONFIG SET can change, for programs that set them at their start.

use super::{
    parameter::{aliases, all_settable, check},
    table::find,
};

/// The parameters that CONFIG SET takes a value for.
///
/// ```
/// use kvstore::store::settable_parameters;
///
/// let timeout = settable_parameters().find(|parameter| parameter.name == "timeout").expect("there is one");
/// assert_eq!(timeout.check(b"soon").unwrap_err(), "argument couldn't be parsed into an integer");
/// ```
pub fn settable_parameters() -> impl Iterator<Item = SettableParameter> {
    all_settable()
}

/// Whether CONFIG knows a parameter with this name, in lower case, also one that cannot be set.
///
/// ```
/// use kvstore::store::is_parameter;
///
/// assert!(is_parameter("daemonize") && !is_parameter("no-such-parameter"));
/// ```
pub fn is_parameter(name: &str) -> bool {
    find(name).is_some()
}

/// A parameter that CONFIG SET takes a value for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettableParameter {
    /// Its name, in lower case.
    pub name: &'static str,
    /// Whether it is a parameter of the server in front of the store. CONFIG SET of a store without a server does not know it.
    pub is_of_server: bool,
    /// Whether something depends on it. If not, a value is kept for CONFIG GET; or there is only one, and another is refused with
    /// the reason.
    pub has_effect: bool,
}

impl SettableParameter {
    /// Its other names, in lower case: those of earlier versions, and of Valkey.
    pub fn aliases(&self) -> impl Iterator<Item = &'static str> {
        aliases(self.name)
    }

    /// Checks a value as CONFIG SET does, and sets nothing.
    ///
    /// # Errors
    /// What is wrong with the value.
    pub fn check(&self, value: &[u8]) -> Result<(), String> {
        check(self.name, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(name: &str) -> SettableParameter {
        settable_parameters().find(|parameter| parameter.name == name).expect("a parameter")
    }

    #[test]
    fn parameters_without_effect_are_told_apart_and_checked_all_the_same() {
        assert!(find("timeout").has_effect && !find("hz").has_effect && !find("maxmemory").has_effect);
        assert_eq!(find("hz").check(b"100"), Ok(()));
        assert_eq!(find("hz").check(b"501").unwrap_err(), "argument must be between 1 and 500 inclusive");
        assert!(find("maxmemory").check(b"0").is_ok());
        assert!(find("maxmemory").check(b"1gb").unwrap_err().contains("not available"));
        assert_eq!(settable_parameters().filter(|parameter| parameter.name == "tcp-backlog").count(), 0);
    }

    #[test]
    fn a_parameter_has_the_names_of_earlier_versions() {
        let aliases: Vec<_> = find("hash-max-listpack-entries").aliases().collect();
        assert_eq!(aliases, ["hash-max-ziplist-entries"]);
        assert_eq!(find("timeout").aliases().count(), 0);
    }
}
