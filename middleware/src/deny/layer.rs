use std::sync::Arc;

use kvstore_protocol::Command;
use tower_layer::Layer;

use super::{
    Deny,
    rule::{DenyRule, NameList},
};

/// Refuses commands to every user.
///
/// See the [module](super) for the names on a list.
#[derive(Clone, Debug)]
pub struct DenyLayer {
    rule: Arc<DenyRule>,
}

impl DenyLayer {
    /// Refuses the named commands and sub-commands.
    ///
    /// # Panics
    /// If a name has no word, or more than two.
    pub fn names<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Self {
        Self::with_rule(DenyRule::Names(NameList::new(names)))
    }

    /// Refuses all commands but the named ones. Naming a sub-command does not allow the other sub-commands.
    ///
    /// # Panics
    /// If a name has no word, or more than two.
    pub fn all_but<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Self {
        Self::with_rule(DenyRule::AllBut(NameList::new(names)))
    }

    /// Refuses the commands for which a function returns true. It is called for commands inside of a script too, with
    /// the session that the script gives them.
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
