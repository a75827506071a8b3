//! The table of connection commands. A new command is a function, a row here, and a row in the catalog of the protocol.

use kvstore_protocol::{Command, CommandError, Response, catalog::Flags, catalog::KnownCommand, parse_integer};

use super::{
    call::{Answered, ConnectionCall, Outcome},
    client, handshake,
};
use crate::{
    catalog::CommandInfo,
    server::{ConnectionEvent, ServerStatus},
};

/// A connection command.
#[derive(Debug)]
pub(crate) struct ConnectionCommand {
    name: &'static str,
    run: fn(&mut ConnectionCall<'_>) -> Answered,
    /// The summary and the first version of Redis, as `COMMAND DOCS` shows them.
    summary: &'static str,
    since: &'static str,
}

static TABLE: [ConnectionCommand; 8] = [
    row("PING", ping, "Answers PONG, or the given text.", "1.0.0"),
    row("ECHO", echo, "Answers the given text.", "1.0.0"),
    row("HELLO", handshake::hello, "Chooses the protocol, and can authenticate.", "6.0.0"),
    row("AUTH", handshake::auth, "Authenticates the connection.", "1.0.0"),
    row("SELECT", select, "Selects the database of the connection.", "1.0.0"),
    row("RESET", reset, "Resets the connection to its initial state.", "6.2.0"),
    row("QUIT", quit, "Closes the connection.", "1.0.0"),
    row("CLIENT", client::client, "Shows and changes connections.", "2.4.0"),
];

const fn row(
    name: &'static str,
    run: fn(&mut ConnectionCall<'_>) -> Answered,
    summary: &'static str,
    since: &'static str,
) -> ConnectionCommand {
    ConnectionCommand { name, run, summary, since }
}

/// Returns the commands that [`ConnectionLayer`](super::ConnectionLayer) answers, to add them to a
/// [catalog](crate::catalog).
pub fn connection_commands() -> impl Iterator<Item = CommandInfo> {
    TABLE.iter().filter_map(|row| {
        let known = Command::new(row.name).known()?;
        let info = CommandInfo::from(known).summary(row.summary).since(row.since);
        Some(if row.name == "CLIENT" { info.subs(client::subcommands(known)) } else { info })
    })
}

/// Whether the layer answers the command with this name. The name of a sub-command has two words.
pub(crate) fn answers(name: &str) -> bool {
    let mut words = name.split(' ');
    find(&Command::new(words.next().unwrap_or_default()).with_args(words)).is_some()
}

/// Returns the row of a command that the layer answers; `None` for all others, and for sub-commands of CLIENT that are
/// not in its table.
#[inline]
pub(crate) fn find(command: &Command) -> Option<&'static ConnectionCommand> {
    if command.flags().has(Flags::CONNECTION) { find_row(command) } else { None }
}

#[inline(never)]
fn find_row(command: &Command) -> Option<&'static ConnectionCommand> {
    let row = TABLE.iter().find(|row| command.is(row.name))?;
    (row.name != "CLIENT" || client::knows(command)).then_some(row)
}

impl ConnectionCommand {
    /// Answers the command, changes the session of its connection, and calls the observer of its server.
    pub(crate) fn answer(&self, command: Command) -> Outcome {
        match self.run(&command) {
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

    fn run(&self, command: &Command) -> Outcome {
        if !command.known().map(KnownCommand::arity).is_some_and(|arity| arity.admits(command.len())) {
            return CommandError::wrong_arity(self.name).into();
        }
        let mut call = ConnectionCall::new(command);
        let outcome = (self.run)(&mut call).unwrap_or_else(Outcome::from);
        call.commit();
        outcome
    }
}

/// Calls the observer of the server that the command came through.
fn notify(command: &Command, answer: &Response) {
    if let Some(server) = command.session().extensions().get::<ServerStatus>() {
        server.state().notify(ConnectionEvent::Answered { command, answer });
    }
}

fn ping(call: &mut ConnectionCall<'_>) -> Answered {
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
    let user = call.server()?.listener().first_user();
    call.update(move |session| {
        session.reset();
        session.set_user(user.clone());
        session.set_reply_mode(kvstore_protocol::ReplyMode::Initial);
    });
    Ok(Response::simple("RESET").into())
}

fn quit(_: &mut ConnectionCall<'_>) -> Answered {
    Ok(Response::Close(Response::ok().into()).into())
}
