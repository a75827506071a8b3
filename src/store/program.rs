//! [`ProgramParameters`]: what CONFIG has of the program around the store.

use std::fmt;

/// Parameters of the program around a store, which CONFIG reads and sets: see [`Builder::parameters`](super::Builder::parameters).
pub trait ProgramParameters: fmt::Debug + Send + Sync + 'static {
    /// Returns the parameters with their values. The names are in lower case, and always the same.
    fn get(&self) -> Vec<(&'static str, String)>;

    /// Checks the values that one CONFIG SET gives to some of the parameters. The change that it returns sets them.
    ///
    /// # Errors
    /// What is wrong with the values. Nothing is set then, neither these nor other parameters of the command.
    fn set(&self, values: &[(&str, &str)]) -> Result<ParameterChange, String>;
}

/// Sets parameters whose values have been checked.
pub type ParameterChange = Box<dyn FnOnce()>;

/// What CONFIG has of the program around the store.
#[derive(Debug, Default)]
pub(super) struct ProgramConfig {
    /// Those that stay as they are, by names in lower case.
    fixed: Vec<(String, String)>,
    settable: Vec<Box<dyn ProgramParameters>>,
    allocator: Option<&'static str>,
}

impl ProgramConfig {
    /// Sets the value of a parameter that stays as it is.
    pub(super) fn fix(&mut self, name: String, value: String) {
        self.fixed.retain(|(known, _)| *known != name);
        self.fixed.push((name, value));
    }

    pub(super) fn set_allocator(&mut self, name: &'static str) {
        self.allocator = Some(name);
    }

    /// The name of the allocator of the program.
    pub(super) fn allocator(&self) -> Option<&'static str> {
        self.allocator
    }

    pub(super) fn add_parameters(&mut self, parameters: impl ProgramParameters) {
        self.settable.push(Box::new(parameters));
    }

    /// The parameters with their values. Those that can be set hide others of the same name.
    pub(super) fn parameters(&self) -> Vec<(&str, String)> {
        let mut parameters: Vec<(&str, String)> = self.settable.iter().flat_map(|settable| settable.get()).collect();
        for (name, value) in &self.fixed {
            if !parameters.iter().any(|(known, _)| known == name) {
                parameters.push((name, value.clone()));
            }
        }
        parameters
    }

    /// Whether CONFIG SET can set a parameter.
    pub(super) fn is_settable(&self, name: &str) -> bool {
        self.settable.iter().any(|settable| has(&**settable, name))
    }

    /// Checks values for some of the parameters, and returns the change that sets them.
    pub(super) fn set(&self, values: &[(&str, &str)]) -> Result<ParameterChange, String> {
        let mut changes = Vec::new();
        for settable in &self.settable {
            let own: Vec<_> = values.iter().copied().filter(|(name, _)| has(&**settable, name)).collect();
            if !own.is_empty() {
                changes.push(settable.set(&own)?);
            }
        }
        Ok(Box::new(|| changes.into_iter().for_each(|change| change())))
    }

    /// Whether a parameter is one that stays as it is.
    pub(super) fn is_fixed(&self, name: &str) -> bool {
        !self.is_settable(name) && self.fixed.iter().any(|(known, _)| known == name)
    }
}

fn has(parameters: &dyn ProgramParameters, name: &str) -> bool {
    parameters.get().iter().any(|(known, _)| *known == name)
}
