//! The commands of a connection: PING, ECHO, HELLO, AUTH, SELECT, RESET, QUIT, CLIENT.
//!
//! They are about the connection and not about data, so the transport answers them itself, in their turn and in front of
//! any service: a server of one's own shakes hands with every Redis client without asking, and can be asked for a PONG
//! however busy its service is. A new one is a row of [`TABLE`] and a function.

mod client;
mod handshake;

use std::{future::Future, ops::RangeInclusive, pin::Pin, sync::Arc};

use kvstore_protocol::{Command, CommandError, NameMap, Response, Session, parse_integer};

use super::{Shared, registry::Registration};
use crate::catalog::{Arity, CommandInfo, Flags};
pub use client::{NoEvict, NoTouch};

/// The answer to nearly every command of a client that has not shown who it is.
pub(super) const NOT_AUTHENTICATED: CommandError = CommandError::new("NOAUTH", "Authentication required.");

/// What a command is to the loop of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Class {
    /// Any command of the service.
    Ordinary,
    /// A command of the service that changes what later ones mean.
    Barrier,
    /// A command of the connection itself.
    Connection(&'static ConnectionCommand),
}

impl Class {
    #[inline]
    pub(super) fn is_barrier(self) -> bool {
        match self {
            Self::Ordinary => false,
            Self::Barrier => true,
            Self::Connection(command) => command.is_barrier,
        }
    }
}

/// The names of services' commands that are barriers without being asked: transactions and subscriptions.
const BARRIERS: [&str; 12] = [
    "MULTI",
    "EXEC",
    "DISCARD",
    "WATCH",
    "UNWATCH",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "PSUBSCRIBE",
    "PUNSUBSCRIBE",
    "SSUBSCRIBE",
    "SUNSUBSCRIBE",
    "MONITOR",
];

/// The class of every name that is not ordinary.
pub(super) fn classes(barriers: &[String]) -> NameMap<Class> {
    let asked = barriers.iter().map(String::as_str);
    let barriers = BARRIERS.into_iter().chain(asked).map(|name| (name, Class::Barrier));
    barriers.chain(TABLE.iter().map(|command| (command.name, Class::Connection(command)))).collect()
}

/// A command of the connection.
#[derive(Debug)]
pub(super) struct ConnectionCommand {
    name: &'static str,
    /// How many arguments it takes, the name not counted.
    args: RangeInclusive<usize>,
    is_barrier: bool,
    /// Whether it is answered before the client has shown who it is.
    is_open: bool,
    run: fn(&Shared, &mut Standing, &Command) -> Answered,
    /// What it is for, and since which version of Redis there is such a command.
    about: (&'static str, &'static str),
}

type Answered = Result<Answer, CommandError>;

/// The commands, a row each.
static TABLE: [ConnectionCommand; 8] = [
    row("PING", 0..=1, ORDINARY, ping, ("Answers PONG, or the text that it was sent.", "1.0.0")),
    row("ECHO", 1..=1, ORDINARY, echo, ("Answers the text that it was sent.", "1.0.0")),
    row("HELLO", 0..=MANY, BARRIER_FOR_ALL, handshake::hello, ("Chooses the protocol, and can authenticate.", "6.0.0")),
    row("AUTH", 1..=MANY, BARRIER_FOR_ALL, handshake::auth, ("Authenticates the connection.", "1.0.0")),
    row("SELECT", 1..=1, BARRIER, select, ("Chooses the database of the connection.", "1.0.0")),
    row("RESET", 0..=0, BARRIER_FOR_ALL, reset, ("Makes the connection as it was when it was opened.", "6.2.0")),
    row("QUIT", 0..=MANY, BARRIER_FOR_ALL, quit, ("Closes the connection.", "1.0.0")),
    row(
        "CLIENT",
        1..=MANY,
        BARRIER,
        client::client,
        ("Tells of connections, and what clients say of theirs.", "2.4.0"),
    ),
];

const MANY: usize = usize::MAX;

const ORDINARY: (bool, bool) = (false, false);
const BARRIER: (bool, bool) = (true, false);
const BARRIER_FOR_ALL: (bool, bool) = (true, true);

const fn row(
    name: &'static str,
    args: RangeInclusive<usize>,
    (is_barrier, is_open): (bool, bool),
    run: fn(&Shared, &mut Standing, &Command) -> Answered,
    about: (&'static str, &'static str),
) -> ConnectionCommand {
    ConnectionCommand { name, args, is_barrier, is_open, run, about }
}

/// The commands that a server answers itself, in front of any service, for a [catalog](crate::catalog) of all that its
/// clients can send.
pub fn connection_commands() -> impl Iterator<Item = CommandInfo> {
    TABLE.iter().map(|command| {
        let (least, most) = (command.args.start() + 1, command.args.end().saturating_add(1));
        let flags = if command.name == "CLIENT" { Flags::PLAIN } else { Flags::FAST };
        let info = CommandInfo::new(command.name, Arity::between(least, most)).flags(flags).group("connection");
        info.summary(command.about.0).since(command.about.1)
    })
}

impl ConnectionCommand {
    pub(super) fn run(&self, shared: &Shared, standing: &mut Standing, command: &Command) -> Answer {
        if !self.is_open && !standing.is_authenticated() {
            return NOT_AUTHENTICATED.into();
        }
        if !self.args.contains(&command.args().len()) {
            return CommandError::wrong_arity(self.name).into();
        }
        (self.run)(shared, standing, command).unwrap_or_else(Answer::from)
    }
}

/// What a connection command comes to.
pub(super) enum Answer {
    Now(Response),
    /// It waits for something, an authenticator say.
    Later(Later),
}

/// What is waited for, and what follows once it has come.
pub(super) type Later = Pin<Box<dyn Future<Output = Conclusion> + Send>>;
pub(super) type Conclusion = Box<dyn FnOnce(&Shared, &mut Standing) -> Response + Send>;

impl<R: Into<Response>> From<R> for Answer {
    fn from(response: R) -> Self {
        Self::Now(response.into())
    }
}

/// What the commands of a connection act on.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) session: Arc<Session>,
    pub(super) replies: Replies,
    pub(super) registration: Registration,
}

impl Standing {
    /// Whether the client has shown who it is, or need not.
    #[inline]
    pub(super) fn is_authenticated(&self) -> bool {
        self.session.user().is_some()
    }

    /// The session, for a change. Commands that carry the old one keep it.
    fn session_mut(&mut self) -> &mut Session {
        Arc::make_mut(&mut self.session)
    }
}

/// Which answers the client wants to see: CLIENT REPLY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replies {
    On,
    Off,
    /// So many answers are not sent.
    Skip(u8),
}

impl Replies {
    /// Whether the next answer is sent.
    #[inline]
    pub(super) fn pass(&mut self) -> bool {
        match *self {
            Self::On => true,
            Self::Off => false,
            Self::Skip(left) => {
                *self = if left > 1 { Self::Skip(left - 1) } else { Self::On };
                false
            }
        }
    }
}

fn ping(_: &Shared, _: &mut Standing, command: &Command) -> Answered {
    Ok(command.arg_at(0).map_or_else(|| Response::simple("PONG"), Response::from).into())
}

fn echo(_: &Shared, _: &mut Standing, command: &Command) -> Answered {
    Ok(command.shared_arg(0).into())
}

fn select(shared: &Shared, standing: &mut Standing, command: &Command) -> Answered {
    let index = command
        .arg_at(0)
        .and_then(parse_integer)
        .ok_or(CommandError::err("value is not an integer or out of range"))?;
    if i32::try_from(index).is_err() {
        return Err(CommandError::err("value is out of range, value must between -2147483648 and 2147483647"));
    }
    match usize::try_from(index) {
        Ok(index) if index < shared.settings.databases => standing.session_mut().set_database(index),
        _ => return Err(CommandError::err("DB index is out of range")),
    }
    Ok(Response::ok().into())
}

fn reset(shared: &Shared, standing: &mut Standing, _: &Command) -> Answered {
    standing.session_mut().reset();
    standing.session_mut().set_user(shared.first_user());
    standing.session_mut().extensions_mut().insert(shared.status());
    standing.replies = Replies::On;
    Ok(Response::simple("RESET").into())
}

fn quit(_: &Shared, _: &mut Standing, _: &Command) -> Answered {
    Ok(Response::Close(Response::ok().into()).into())
}
