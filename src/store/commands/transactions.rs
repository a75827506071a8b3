//! Transactions: MULTI, EXEC, DISCARD, WATCH, UNWATCH.

use kvstore_protocol::{CommandError, Response};

use crate::store::{
    call::Call,
    spec::{Answer, Scope, Spec},
};

pub(super) const SPECS: &[Spec] = &[MULTI, EXEC, DISCARD, WATCH, UNWATCH];

/// `MULTI`: begins a transaction. The commands that follow are queued.
const MULTI: Spec = Spec::new("MULTI", multi);

fn multi(call: &mut Call<'_>) -> Answer {
    call.begin_transaction()?;
    Ok(Response::ok())
}

/// `EXEC`: runs the queued commands, as one. Answers their answers, or null if a watched key was changed.
const EXEC: Spec = Spec::new("EXEC", exec).over(Scope::Queue);

/// Is not called: what EXEC works on is known by its queue alone.
fn exec(_: &mut Call<'_>) -> Answer {
    Err(CommandError::err("EXEC without MULTI"))
}

/// `DISCARD`: forgets the queued commands and the watched keys.
const DISCARD: Spec = Spec::new("DISCARD", discard);

fn discard(call: &mut Call<'_>) -> Answer {
    call.discard_transaction()?;
    Ok(Response::ok())
}

/// `WATCH key [key …]`: the next EXEC runs nothing if one of the keys is changed before it.
const WATCH: Spec = Spec::new("WATCH", watch);

fn watch(call: &mut Call<'_>) -> Answer {
    call.watch_keys()?;
    Ok(Response::ok())
}

/// `UNWATCH`: forgets the watched keys.
const UNWATCH: Spec = Spec::new("UNWATCH", unwatch);

fn unwatch(call: &mut Call<'_>) -> Answer {
    call.unwatch_keys();
    Ok(Response::ok())
}
