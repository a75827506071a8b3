//! Which commands may go over a connection that many callers share, and how they are answered.

use kvstore_protocol::{Command, CommandError, catalog::Flags};

/// Why a command cannot be sent like any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Restriction {
    /// It changes what the commands of other callers mean.
    ChangesConnection,
    /// It begins or ends a sequence that other callers' commands must not get into.
    Transaction,
    /// It is confirmed by pushes of this kind, one for each channel.
    Subscription(&'static str),
    /// It is answered with no reply, or with many.
    NoSingleReply,
    /// It is about the connection that it is sent over.
    AboutConnection,
}

/// How a command will be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Reply,
    /// So many pushes of a kind, or an error reply.
    Pushes(&'static str, usize),
}

/// How `command` is answered when it is sent by itself.
///
/// # Errors
/// When it cannot be sent over a shared connection.
pub(super) fn single(command: &Command, is_resp3: bool) -> Result<Expected, CommandError> {
    match restriction(command) {
        None => Ok(Expected::Reply),
        Some(Restriction::Subscription(name)) => subscription(name, command, is_resp3),
        Some(Restriction::Transaction) => Err(refused(
            command,
            "would take in the commands of others over a shared connection: send the transaction as one pipeline",
        )),
        Some(restriction) => refused_always(restriction, command),
    }
}

/// Checks a command for a service in this process. No connection is shared with it, so it may be told about the one that
/// the command came over.
///
/// # Errors
/// When the command is for a connection of its own.
pub(super) fn local(command: &Command) -> Result<(), CommandError> {
    match restriction(command) {
        None | Some(Restriction::AboutConnection) => Ok(()),
        Some(_) => single(command, false).map(|_| ()),
    }
}

/// Checks the commands of a pipeline, which may be transactions.
///
/// # Errors
/// When one of them cannot be sent, or a transaction is not whole.
pub(super) fn pipeline(commands: &[Command]) -> Result<(), CommandError> {
    let mut is_open = false;
    for command in commands {
        match restriction(command) {
            _ if command.streamed_len().is_some() => {
                return Err(refused(command, "has a value that comes in pieces, and is sent by itself"));
            }
            None => {}
            Some(Restriction::Transaction) if command.is("MULTI") && !is_open => is_open = true,
            Some(Restriction::Transaction) if is_open && (command.is("EXEC") || command.is("DISCARD")) => {
                is_open = false;
            }
            Some(Restriction::Transaction) => return Err(refused(command, "is not in its place in the pipeline")),
            Some(Restriction::Subscription(_)) => return Err(refused(command, "cannot be in a pipeline")),
            Some(restriction) => drop(refused_always(restriction, command)?),
        }
    }
    if is_open { Err(CommandError::err("the transaction does not end within the pipeline")) } else { Ok(()) }
}

/// Why `command` is not sent like any other, by its flags in the catalog.
fn restriction(command: &Command) -> Option<Restriction> {
    let known = command.known().filter(|known| known.flags().has(Flags::EXCLUSIVE | Flags::NO_SINGLE_REPLY))?;
    let is = |flags| known.flags().has(flags);
    let sets_replies = || command.arg_at(0).is_some_and(|name| name.eq_ignore_ascii_case(b"REPLY"));
    Some(match () {
        () if is(Flags::NO_SINGLE_REPLY) => Restriction::NoSingleReply,
        () if is(Flags::TRANSACTION) => Restriction::Transaction,
        () if is(Flags::SUBSCRIPTION) => Restriction::Subscription(known.name()),
        () if !is(Flags::CONNECTION) || known.subcommands().is_empty() => Restriction::ChangesConnection,
        () if sets_replies() => Restriction::NoSingleReply,
        () => Restriction::AboutConnection,
    })
}

fn subscription(name: &'static str, command: &Command, is_resp3: bool) -> Result<Expected, CommandError> {
    if !is_resp3 {
        return Err(refused(command, "needs a client that speaks RESP3: its messages are pushes"));
    }
    if is_passed_on(command) {
        return Err(refused(command, "cannot be passed on: the messages would not come to the connection that asked"));
    }
    if command.streamed_len().is_some() {
        return Err(refused(command, "must name its channels in one piece"));
    }
    match command.args().len() {
        // Only the server knows how many confirmations come then.
        0 => Err(refused(command, "must name its channels")),
        channels => Ok(Expected::Pushes(name, channels)),
    }
}

/// Whether the command came over a connection of a server in front of this client.
fn is_passed_on(command: &Command) -> bool {
    command.session().id() != 0
}

/// The commands that are refused by themselves and in a pipeline alike.
#[cold]
fn refused_always(restriction: Restriction, command: &Command) -> Result<Expected, CommandError> {
    match restriction {
        Restriction::AboutConnection if !is_passed_on(command) => Ok(Expected::Reply),
        Restriction::AboutConnection => {
            Err(refused(command, "cannot be passed on: it would be about the connection that is shared"))
        }
        Restriction::ChangesConnection => {
            Err(refused(command, "would change the connection for all who share it: set it in the client"))
        }
        _ => Err(CommandError::err("the client sends only commands that are answered with one reply")),
    }
}

#[cold]
fn refused(command: &Command, reason: &str) -> CommandError {
    CommandError::err(format!("{} {reason}", command.name().to_ascii_uppercase().escape_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(line: &str) -> Command {
        let mut words = line.split(' ');
        Command::new(words.next().unwrap()).with_args(words)
    }

    fn commands(lines: &[&str]) -> Vec<Command> {
        lines.iter().map(|line| command(line)).collect()
    }

    #[test]
    fn what_changes_the_connection_or_has_no_single_reply_is_refused() {
        for line in
            ["select 1", "AUTH x", "HELLO 3", "RESET", "quit", "MULTI", "EXEC", "WATCH k", "MONITOR", "PSYNC ? 0"]
        {
            assert!(single(&command(line), true).is_err(), "{line}");
        }
        assert!(single(&command("client reply off"), true).is_err());
        assert_eq!(single(&command("CLIENT ID"), false), Ok(Expected::Reply));
        assert_eq!(single(&command("GET k"), false), Ok(Expected::Reply));
    }

    #[test]
    fn subscriptions_need_resp3_and_channels() {
        assert!(single(&command("SUBSCRIBE a"), false).is_err());
        assert_eq!(single(&command("SUBSCRIBE a b"), true), Ok(Expected::Pushes("SUBSCRIBE", 2)));
        assert!(single(&Command::new("UNSUBSCRIBE"), true).is_err());
    }

    #[test]
    fn a_pipeline_takes_whole_transactions_only() {
        assert_eq!(pipeline(&commands(&["GET a", "MULTI", "INCR a", "exec", "multi", "DISCARD"])), Ok(()));
        for lines in
            [&["MULTI"][..], &["EXEC"], &["MULTI", "MULTI", "EXEC"], &["WATCH a"], &["SELECT 1"], &["SUBSCRIBE a"]]
        {
            assert!(pipeline(&commands(lines)).is_err(), "{lines:?}");
        }
    }
}
