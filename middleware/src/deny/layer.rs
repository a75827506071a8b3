use std::sync::Arc;

use kvstore_protocol::Command;
use tower_layer::Layer;

use super::{
    Deny,
    rule::{DenyRule, NameList},
};

/// Refuses some commands to everybody.
///
/// See the [module](super) for what a name on a list is.
#[derive(Clone, Debug)]
pub struct DenyLayer {
    rule: Arc<DenyRule>,
}

impl DenyLayer {
    /// Refuses the commands and sub-commands that are named, and no others.
    ///
    /// # Panics
    /// When a name has no word, or more than two.
    pub fn names<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Self {
        Self::with_rule(DenyRule::Names(NameList::new(names)))
    }

    /// Refuses all commands but those that are named. A sub-command that is named lets no other one through.
    ///
    /// # Panics
    /// When a name has no word, or more than two.
    pub fn all_but<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Self {
        Self::with_rule(DenyRule::AllBut(NameList::new(names)))
    }

    /// Refuses the commands for which a function says so. It is asked for those inside of a script too, in the session
    /// that whoever runs the script gives them.
    ///
    /// ```
    /// use kvstore_middleware::DenyLayer;
    ///
    /// let local_only = DenyLayer::if_fn(|command| command.is("DEBUG") && !command.session().peer().is_local());
    /// ```
    pub fn if_fn(denies: impl Fn(&Command) -> bool + Send + Sync + 'static) -> Self {
        Self::with_rule(DenyRule::If(Box::new(denies)))
    }

    fn with_rule(rule: DenyRule) -> Self {
        Self { rule: Arc::new(rule) }
    }
}

impl<S> Layer<S> for DenyLayer {
    type Service = Deny<S>;

    fn layer(&self, inner: S) -> Deny<S> {
        Deny::new(inner, self.rule.clone())
    }
}
