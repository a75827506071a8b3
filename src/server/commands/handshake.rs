//! HELLO and AUTH: which protocol a client speaks, and who it is.

use std::sync::Arc;

use kvstore_protocol::{ByteString, Command, CommandError, Protocol, Response, parse_integer};

use super::{Answer, Answered, Conclusion, Shared, Standing};
use crate::server::Credentials;

const WRONG_PASSWORD: CommandError =
    CommandError::new("WRONGPASS", "invalid username-password pair or user is disabled.");

/// `AUTH [username] password`
pub(super) fn auth(shared: &Shared, _: &mut Standing, command: &Command) -> Answered {
    let words: Vec<&[u8]> = command.args().collect();
    let credentials = match words[..] {
        [user, password] => Credentials::new(user, password),
        [password] if shared.auth.is_some() => Credentials::new(b"default", password),
        [_, _, ..] => return Err(CommandError::err("syntax error")),
        _ => {
            return Err(CommandError::err(
                "AUTH <password> called without any password configured for the default user. \
                 Are you sure your configuration is correct?",
            ));
        }
    };
    Ok(authenticate(shared, credentials, |_, _| Response::ok()))
}

/// Asks the authenticator, and goes on with `then` once the client has shown who it is.
fn authenticate(
    shared: &Shared,
    credentials: Credentials,
    then: impl FnOnce(&Shared, &mut Standing) -> Response + Send + 'static,
) -> Answer {
    let conclude = move |user: Option<Arc<str>>| -> Conclusion {
        Box::new(move |shared, standing| {
            let Some(user) = user else {
                tracing::warn!(peer = %standing.session.peer(), "authentication failed");
                return WRONG_PASSWORD.into();
            };
            standing.session_mut().set_user(Some(user));
            then(shared, standing)
        })
    };
    let auth = shared.auth.clone();
    // All of the authenticator's code runs in this future, where a panic is an answer.
    Answer::Later(Box::pin(async move {
        conclude(match auth {
            Some(auth) => auth.authenticate(credentials).await,
            // Without an authenticator there is one user, who needs no password.
            None => (&*credentials.user == b"default").then(|| Arc::from("default")),
        })
    }))
}

/// `HELLO [protover [AUTH username password] [SETNAME clientname]]`
pub(super) fn hello(shared: &Shared, standing: &mut Standing, command: &Command) -> Answered {
    let asked = Hello::parse(command)?;
    if let Some(credentials) = asked.auth {
        return Ok(authenticate(shared, credentials, move |shared, standing| {
            greet(shared, standing, asked.protocol, asked.name)
        }));
    }
    if !standing.is_authenticated() {
        return Err(CommandError::new(
            "NOAUTH",
            "HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> \
             option can be used to authenticate the client and select the RESP protocol version at the same time",
        ));
    }
    Ok(greet(shared, standing, asked.protocol, asked.name).into())
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
        let mut words = command.args();
        if let Some(version) = words.next() {
            let version = parse_integer(version)
                .ok_or(CommandError::err("Protocol version is not an integer or out of range"))?;
            hello.protocol = Some(match version {
                2 => Protocol::Resp2,
                3 => Protocol::Resp3,
                _ => return Err(CommandError::new("NOPROTO", "unsupported protocol version")),
            });
        }
        while let Some(option) = words.next() {
            let is = |name: &str| option.eq_ignore_ascii_case(name.as_bytes());
            if is("AUTH") && words.len() >= 2 {
                hello.auth = words.next().zip(words.next()).map(|(user, password)| Credentials::new(user, password));
            } else if is("SETNAME") && words.len() >= 1 {
                hello.name = words.next().map(super::client::checked_name).transpose()?;
            } else {
                let option = String::from_utf8_lossy(option);
                return Err(CommandError::err(format!("Syntax error in HELLO option '{option}'")));
            }
        }
        Ok(hello)
    }
}

fn greet(shared: &Shared, standing: &mut Standing, protocol: Option<Protocol>, name: Option<ByteString>) -> Response {
    let session = standing.session_mut();
    if let Some(protocol) = protocol {
        session.set_protocol(protocol);
    }
    if let Some(name) = name {
        session.set_name(name);
    }
    let version = if session.protocol() == Protocol::Resp3 { 3 } else { 2 };
    let (server, server_version) = &shared.identity;
    Response::Map(vec![
        ("server".into(), (&**server).into()),
        ("version".into(), (&**server_version).into()),
        ("proto".into(), version.into()),
        ("id".into(), Response::Integer(session.id() as i64)),
        ("mode".into(), "standalone".into()),
        ("role".into(), "master".into()),
        ("modules".into(), Response::Array(Vec::new())),
    ])
}
