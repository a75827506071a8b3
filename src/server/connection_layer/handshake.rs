//! HELLO and AUTH: select the protocol and authenticate the client.

use std::sync::Arc;

use kvstore_protocol::{ByteString, Command, CommandError, Protocol, Response, Session, parse_integer};

use super::{
    call::{Answered, ConnectionCall, Outcome},
    client::checked_name,
};
use crate::server::{AuthError, Credentials, Identity, ServerStatus};

/// `AUTH [username] password`
pub(super) fn auth(call: &mut ConnectionCall<'_>) -> Answered {
    let words: Vec<&[u8]> = call.command().args().collect();
    let credentials = match words[..] {
        [user, password] => Credentials::new(user, password),
        [password] if call.server()?.auth().is_some() => Credentials::new(b"default", password),
        [_] => {
            return Err(CommandError::err(
                "AUTH <password> called without any password configured for the default user. \
                 Are you sure your configuration is correct?",
            ));
        }
        _ => return Err(CommandError::SYNTAX),
    };
    authenticate(call, credentials, |_| {}, |_| Response::ok())
}

/// Calls the authenticator. On success it sets the user, applies `change` to the session, and calls `answer` with it
/// for the response.
fn authenticate(
    call: &ConnectionCall<'_>,
    credentials: Credentials,
    change: impl Fn(&mut Session) + Send + 'static,
    answer: impl FnOnce(&Session) -> Response + Send + 'static,
) -> Answered {
    let server = call.server()?.clone();
    let (mut session, handle) = (call.shared_session(), call.command().session_handle());
    // All code of the authenticator runs in this future, where a panic becomes an error response.
    Ok(Outcome::Pending(Box::pin(async move {
        let identity = match identify(&server, credentials, session.clone()).await {
            Ok(identity) => identity,
            Err(refusal) => return refusal.answer(&session).into(),
        };
        let log_in = move |session: &mut Session| {
            identity.clone().apply(session);
            change(session);
        };
        log_in(Arc::make_mut(&mut session));
        if let Some(handle) = handle {
            handle.update(log_in);
        }
        answer(&session)
    })))
}

async fn identify(
    server: &ServerStatus,
    credentials: Credentials,
    session: Arc<Session>,
) -> Result<Identity, AuthError> {
    match server.auth() {
        Some(auth) => auth.authenticate(credentials, session).await,
        // Without an authenticator there is only the user `default`, with any password.
        None if &*credentials.user == b"default" => Ok(Identity::new("default")),
        None => Err(AuthError::Denied),
    }
}

/// `HELLO [protover [AUTH username password] [SETNAME clientname]]`
pub(super) fn hello(call: &mut ConnectionCall<'_>) -> Answered {
    let Hello { protocol, auth, name } = Hello::parse(call.command())?;
    let server = call.server()?.clone();
    let change = move |session: &mut Session| {
        session.set_protocol(protocol.unwrap_or(session.protocol()));
        if let Some(name) = &name {
            session.set_name(name.clone());
        }
    };
    if let Some(credentials) = auth {
        return authenticate(call, credentials, change, move |session| greeting(&server, session));
    }
    if call.session().user().is_none() {
        return Err(CommandError::new(
            "NOAUTH",
            "HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> \
             option can be used to authenticate the client and select the RESP protocol version at the same time",
        ));
    }
    call.update(change);
    Ok(greeting(&server, call.session()).into())
}

/// Whether `command`, a HELLO, has valid arguments with AUTH.
pub(super) fn authenticates(command: &Command) -> bool {
    Hello::parse(command).is_ok_and(|hello| hello.auth.is_some())
}

#[derive(Default)]
struct Hello {
    protocol: Option<Protocol>,
    auth: Option<Credentials>,
    name: Option<ByteString>,
}

impl Hello {
    fn parse(command: &Command) -> Result<Self, CommandError> {
        let mut hello = Self::default();
        let mut options = command.options(0);
        if let Some(version) = options.next() {
            hello.protocol = Some(protocol(version)?);
        }
        loop {
            if options.len() > 2 && options.keyword("AUTH") {
                hello.auth = Some(Credentials::new(options.value()?, options.value()?));
            } else if options.len() > 1 && options.keyword("SETNAME") {
                hello.name = Some(checked_name(options.value()?)?);
            } else {
                break;
            }
        }
        match options.next() {
            None => Ok(hello),
            Some(option) => {
                let option = String::from_utf8_lossy(option);
                Err(CommandError::err(format!("Syntax error in HELLO option '{option}'")))
            }
        }
    }
}

fn protocol(version: &[u8]) -> Result<Protocol, CommandError> {
    match parse_integer(version) {
        Some(2) => Ok(Protocol::Resp2),
        Some(3) => Ok(Protocol::Resp3),
        Some(_) => Err(CommandError::new("NOPROTO", "unsupported protocol version")),
        None => Err(CommandError::err("Protocol version is not an integer or out of range")),
    }
}

fn greeting(server: &ServerStatus, session: &Session) -> Response {
    let version = if session.protocol() == Protocol::Resp3 { 3 } else { 2 };
    let (name, server_version) = &server.state().settings.name;
    Response::Map(vec![
        ("server".into(), (&**name).into()),
        ("version".into(), (&**server_version).into()),
        ("proto".into(), version.into()),
        ("id".into(), Response::Integer(session.id() as i64)),
        ("mode".into(), "standalone".into()),
        ("role".into(), "master".into()),
        ("modules".into(), Response::Array(Vec::new())),
    ])
}
