//! Replication: REPLICAOF, SLAVEOF and ROLE.

use kvstore_protocol::{CommandError, Response};

use crate::store::{
    call::Call,
    spec::{Answer, Spec},
};

pub(super) const SPECS: &[Spec] =
    &[Spec::new("REPLICAOF", replicaof), Spec::new("SLAVEOF", replicaof), Spec::new("ROLE", role)];

const INVALID_PORT: CommandError = CommandError::new("ERR", "Invalid master port");

/// `REPLICAOF <host port | NO ONE>`: makes the store a replica of another server, whose data replaces its own. `NO ONE` ends
/// that; the data stays.
fn replicaof(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let master = match args.is(0, "no") && args.is(1, "one") {
        true => None,
        false => {
            let port = args.integer(1).map_err(|_| INVALID_PORT)?;
            let port = u16::try_from(port).map_err(|_| INVALID_PORT)?;
            Some((String::from_utf8_lossy(args.bytes(0)).into_owned(), port))
        }
    };
    let is_replica = master.is_some();
    let is_changed = call.store().set_master(master);
    Ok(Response::simple(match is_changed || !is_replica {
        true => "OK",
        false => "OK Already connected to specified master",
    }))
}

/// `ROLE`: what the store is, and how far it is as a replica.
fn role(call: &mut Call<'_>) -> Answer {
    let parts: Vec<Response> = match call.store().replication.status() {
        None => vec!["master".into(), 0.into(), Response::Array(Vec::new())],
        Some(status) => vec![
            "slave".into(),
            status.master.host.into(),
            i64::from(status.master.port).into(),
            status.phase.name().into(),
            (status.offset as i64).into(),
        ],
    };
    Ok(Response::array(parts))
}
