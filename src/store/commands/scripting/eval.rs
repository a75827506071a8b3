//! EVAL and its kin, which the store runs itself: see [`StoreState::execute_script`].
//!
//! [`StoreState::execute_script`]: crate::store::state::StoreState::execute_script

use kvstore_protocol::CommandError;

use crate::store::{
    call::Call,
    spec::{Answer, Scope, Spec},
};

pub(in super::super) const SPECS: &[Spec] =
    &[script("EVAL"), script("EVAL_RO"), script("EVALSHA"), script("EVALSHA_RO"), script("FCALL"), script("FCALL_RO")];

const fn script(name: &'static str) -> Spec {
    Spec::new(name, elsewhere).over(Scope::Script)
}

/// Among the commands that another server has sent: it sends what its scripts have written.
fn elsewhere(_: &mut Call<'_>) -> Answer {
    Err(CommandError::new("ERR", "a script cannot run here"))
}
