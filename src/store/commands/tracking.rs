//! The sub-commands of CLIENT for tracking: TRACKING, CACHING, TRACKINGINFO, GETREDIR. The others are those of the connection.

use kvstore_protocol::{CommandError, Response};

use crate::store::{
    call::Call,
    spec::{Answer, Spec},
    tracking::Options,
};

pub(super) const SPECS: &[Spec] = &[CLIENT];

/// `CLIENT TRACKING | CACHING | TRACKINGINFO | GETREDIR`
const CLIENT: Spec = Spec::family(
    "CLIENT",
    &[
        Spec::new("TRACKING", tracking),
        Spec::new("CACHING", caching),
        Spec::new("TRACKINGINFO", trackinginfo),
        Spec::new("GETREDIR", getredir),
    ],
);

/// `CLIENT TRACKING ON | OFF [REDIRECT id] [PREFIX prefix …] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]`: tells the client when keys
/// change that it has read.
fn tracking(call: &mut Call<'_>) -> Answer {
    let options = Options::parse(call.args().options(2), call.session())?;
    match () {
        () if call.args().is(1, "ON") => call.track(options)?,
        () if call.args().is(1, "OFF") => call.untrack(),
        () => return Err(CommandError::SYNTAX),
    }
    call.pass_caching_on();
    Ok(Response::ok())
}

/// `CLIENT CACHING YES | NO`: whether the keys of the next command are tracked, in the modes OPTIN and OPTOUT.
fn caching(call: &mut Call<'_>) -> Answer {
    let is_cached = match () {
        () if call.args().is(1, "YES") => Some(true),
        () if call.args().is(1, "NO") => Some(false),
        () => None,
    };
    call.cache_next(is_cached)?;
    Ok(Response::ok())
}

/// `CLIENT TRACKINGINFO`: the settings.
fn trackinginfo(call: &mut Call<'_>) -> Answer {
    call.pass_caching_on();
    let flags = call.tracking_flags().into_iter().map(Response::from).collect();
    Ok(Response::Map(vec![
        ("flags".into(), Response::Set(flags)),
        ("redirect".into(), Response::Integer(call.tracking_redirect())),
        ("prefixes".into(), Response::Array(call.tracking_prefixes())),
    ]))
}

/// `CLIENT GETREDIR`: the connection that is told in place of this one; 0 if there is none, -1 without tracking.
fn getredir(call: &mut Call<'_>) -> Answer {
    call.pass_caching_on();
    Ok(Response::Integer(call.tracking_redirect()))
}
