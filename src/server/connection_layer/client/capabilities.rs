//! [`Capabilities`]: what a client has announced with CLIENT CAPA.

use kvstore_protocol::{Options, Response, Session};

use super::super::call::{Answered, ConnectionCall};

/// A session extension: what the client can do. This server makes no use of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Capabilities {
    /// It follows a redirection to another server.
    redirect: bool,
}

impl Capabilities {
    pub(super) fn of(session: &Session) -> Self {
        session.extensions().get::<Self>().copied().unwrap_or_default()
    }

    /// A letter for each, as CLIENT LIST shows them.
    pub(super) fn letters(self) -> &'static str {
        if self.redirect { "r" } else { "" }
    }
}

/// `CLIENT CAPA capability …`: unknown ones are ignored.
pub(super) fn announce(call: &mut ConnectionCall<'_>, mut args: Options<'_>) -> Answered {
    if args.any(|capability| capability.eq_ignore_ascii_case(b"redirect")) {
        call.update(|session| session.extensions_mut().insert(Capabilities { redirect: true }));
    }
    Ok(Response::ok().into())
}
