//! The table of connection commands. A new command is a function, a row here, and a row in the catalog of the protocol.

use std::sync::Arc;

use kvstore_protocol::{
    Command, CommandError, Protocol, Response, Session,
    catalog::{Flags, KnownCommand},
    parse_integer,
};

use super::{
    call::{Answered, ConnectionCall, Outcome},
    client, handshake,
};
use crate::{
    catalog::CommandInfo,
    server::{ConnectionEvent, ServerStatus, monitors::Monitoring},
};

/// A connection command.
#[derive(Debug)]
pub(crate) struct ConnectionCommand {
    name: &'static str,
    run: fn(&mut ConnectionCall<'_>) -> Answered,
}

static TABLE: [ConnectionCommand; 9] = [
    row("PING", ping),
    row("ECHO", echo),
    row("HELLO", handshake::hello),
    row("AUTH", handshake::auth),
    row("SELECT", select),
    row("RESET", reset),
    row("QUIT", quit),
    row("CLIENT", client::client),
    row("MONITOR", monitor),
];

const fn row(name: &'static str, run: fn(&mut ConnectionCall<'_>) -> Answered) -> ConnectionCommand {
    ConnectionCommand { name, run }
}

/// Returns the commands that [`ConnectionLayer`](super::ConnectionLayer) answers, to add them to a
/// [catalog](crate::catalog).
pub fn connection_commands() -> impl Iterator<Item = CommandInfo> {
    TABLE.iter().filter_map(|row| {
        let known = Command::new(row.name).known()?;
        let info = CommandInfo::from(known);
        Some(if row.name == "CLIENT" { info.subs(client::subcommands(known)) } else { info })
    })
}

/// Whether the layer answers the command with this name. The name of a sub-command has two words.
pub(crate) fn answers(name: &str) -> bool {
    let mut words = name.split(' ');
    find(&Command::new(words.next().unwrap_or_default()).with_args(words)).is_some()
}

/// Returns the row of a command that the layer answers now; `None` for all others, for sub-commands of CLIENT that are
/// not in its table, and for those that a transaction queues.
#[inline]
pub(crate) fn find(command: &Command) -> Option<&'static ConnectionCommand> {
    if command.flags().has(Flags::CONNECTION) { find_unqueued(command) } else { None }
}

#[inline(never)]
fn find_unqueued(command: &Command) -> Option<&'static ConnectionCommand> {
    let row = find_row(command)?;
    match command.session().transaction() {
        Some(transaction) if transaction.is_open() && !row.is_never_queued() => {
            if row.name == "HELLO" || client::sets_replies(command) {
                transaction.set_changes_replies();
            }
            None
        }
        _ => Some(row),
    }
}

/// Returns the row of a command of the layer, whether it is answered now or queued.
pub(super) fn find_row(command: &Command) -> Option<&'static ConnectionCommand> {
    let row = TABLE.iter().find(|row| command.is(row.name))?;
    (row.name != "CLIENT" || client::knows(command)).then_some(row)
}

impl ConnectionCommand {
    /// Whether a transaction does not queue it: it takes effect at once.
    fn is_never_queued(&self) -> bool {
        matches!(self.name, "QUIT" | "RESET")
    }

    /// Checks whether a transaction may queue `command`, a call of this one.
    pub(super) fn check_queued(&self, command: &Command) -> Result<(), CommandError> {
        self.check_arity(command)?;
        match self.name {
            "CLIENT" => client::check(command),
            "HELLO" if !handshake::authenticates(command) => Ok(()),
            "AUTH" | "HELLO" | "QUIT" | "RESET" => Err(CommandError::NOT_IN_TRANSACTION),
            _ => Ok(()),
        }
    }

    fn check_arity(&self, command: &Command) -> Result<(), CommandError> {
        match command.known().map(KnownCommand::arity) {
            Some(arity) if arity.admits(command.len()) => Ok(()),
            _ => Err(CommandError::wrong_arity(self.name)),
        }
    }

    /// Answers the command, changes the session of its connection, and calls the observer of its server.
    pub(crate) fn answer(&self, command: Command) -> Outcome {
        match self.run(&command).0 {
            Outcome::Answered(answer) => {
                notify(&command, &answer);
                Outcome::Answered(answer)
            }
            Outcome::Pending(pending) => Outcome::Pending(Box::pin(async move {
                let answer = pending.await;
                notify(&command, &answer);
                answer
            })),
        }
    }

    /// Runs the command, and changes the session of its connection. Also returns the changed session.
    pub(super) fn run(&self, command: &Command) -> (Outcome, Arc<Session>) {
        let mut call = ConnectionCall::new(command);
        let checked = self.check_arity(command).and_then(|()| check_loading(command));
        let answered = checked.and_then(|()| (self.run)(&mut call));
        (answered.unwrap_or_else(Outcome::from), call.commit())
    }
}

/// Whether a command is allowed while the service of its server loads its data.
fn check_loading(command: &Command) -> Result<(), CommandError> {
    match command.session().extensions().get::<ServerStatus>() {
        Some(server) => server.state().check_loading(command.flags()),
        None => Ok(()),
    }
}

/// Calls the observer of the server that the command came through.
pub(super) fn notify(command: &Command, answer: &Response) {
    if let Some(server) = command.session().extensions().get::<ServerStatus>() {
        server.state().notify(ConnectionEvent::Answered { command, answer });
    }
}

fn ping(call: &mut ConnectionCall<'_>) -> Answered {
    if call.session().is_subscribed() && call.session().protocol() == Protocol::Resp2 {
        let text = call.command().arg_at(0).unwrap_or_default();
        return Ok(Response::array(["pong".as_bytes(), text]).into());
    }
    Ok(call.command().arg_at(0).map_or_else(|| Response::simple("PONG"), Response::from).into())
}

fn echo(call: &mut ConnectionCall<'_>) -> Answered {
    Ok(call.command().shared_arg(0).into())
}

fn select(call: &mut ConnectionCall<'_>) -> Answered {
    let index = call.command().arg_at(0).and_then(parse_integer).ok_or(CommandError::NOT_AN_INTEGER)?;
    if i32::try_from(index).is_err() {
        return Err(CommandError::err("value is out of range, value must between -2147483648 and 2147483647"));
    }
    let databases = call.server()?.state().settings.databases;
    let index = usize::try_from(index).ok().filter(|index| *index < databases);
    let index = index.ok_or(CommandError::err("DB index is out of range"))?;
    call.update(move |session| session.set_database(index));
    Ok(Response::ok().into())
}

fn reset(call: &mut ConnectionCall<'_>) -> Answered {
    let server = call.server()?;
    let user = server.state().first_user(server.listener());
    call.update(move |session| {
        session.reset();
        session.set_user(user.clone());
        session.set_reply_mode(kvstore_protocol::ReplyMode::Initial);
    });
    Ok(Response::simple("RESET").into())
}

/// `MONITOR`: shows the commands of all connections, from now on until RESET.
fn monitor(call: &mut ConnectionCall<'_>) -> Answered {
    if call.session().is_in_transaction() {
        return Err(CommandError::err("MONITOR isn't allowed for DENY BLOCKING client"));
    }
    let registry = &call.server()?.state().registry;
    let is_monitoring = call.session().extensions().get::<Monitoring>().is_some();
    if !is_monitoring && let Some(monitoring) = Monitoring::begin(call.session(), call.command().number(), registry) {
        call.update(move |session| session.extensions_mut().insert(monitoring.clone()));
    }
    Ok(Response::ok().into())
}

fn quit(_: &mut ConnectionCall<'_>) -> Answered {
    Ok(Response::Close(Response::ok().into()).into())
}
