//! CLIENT: shows and changes connections.

mod capabilities;
mod filter;
mod line;
mod tracking;

use std::time::Duration;

use kvstore_protocol::{
    ByteString, Command, CommandError, Options, ReplyMode, Response, Session,
    catalog::{KnownCommand, find_subcommand},
    mailbox::Unblock,
    parse_integer,
};

use super::call::{Answered, ConnectionCall};
use crate::{
    catalog::CommandInfo,
    server::{Clients, ConnectedClient, PauseMode},
};
use filter::{Filter, text};
use line::line;

pub use tracking::TrackingStatus;

/// A session extension that CLIENT NO-TOUCH ON sets: reads of this client do not update the access time of keys.
#[derive(Clone, Copy, Debug)]
pub struct NoTouch;

/// A session extension that CLIENT NO-EVICT ON sets: the client is not disconnected to free memory.
#[derive(Clone, Copy, Debug)]
pub struct NoEvict;

/// A sub-command. Its arity and its flags are in the catalog of the protocol.
struct Subcommand {
    name: &'static str,
    /// Is given the arguments behind the name, once their number is checked.
    run: fn(&mut ConnectionCall<'_>, Options<'_>) -> Answered,
}

static SUBCOMMANDS: [Subcommand; 15] = [
    row("ID", id),
    row("INFO", info),
    row("GETNAME", get_name),
    row("SETNAME", set_name),
    row("SETINFO", set_info),
    row("LIST", list),
    row("KILL", kill),
    row("PAUSE", pause),
    row("UNPAUSE", unpause),
    row("UNBLOCK", unblock),
    row("REPLY", reply),
    row("CAPA", capabilities::announce),
    row("NO-EVICT", |call, args| flag(call, args, NoEvict)),
    row("NO-TOUCH", |call, args| flag(call, args, NoTouch)),
    row("HELP", help),
];

const fn row(name: &'static str, run: fn(&mut ConnectionCall<'_>, Options<'_>) -> Answered) -> Subcommand {
    Subcommand { name, run }
}

/// The text of CLIENT HELP, with the sub-commands that the service behind the layer answers: those of tracking.
const HELP: &str = "\
CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
CACHING (YES|NO)
    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.
CAPA <option> [options...]
    The client claims its some capability options.
GETREDIR
    Return the client ID we are redirecting to when tracking is enabled.
GETNAME
    Return the name of the current connection.
ID
    Return the ID of the current connection.
INFO
    Return information about the current client connection.
KILL <ip:port>
    Kill connection made from <ip:port>.
KILL <option> <value> [<option> <value> [...]]
    Kill connections. Options are: ID, TYPE, NAME, USER, DB, ADDR, LADDR, IP, IDLE, MAXAGE,
    FLAGS, CAPA, LIB-NAME, LIB-VER, SKIPME; NOT- in front of one excludes what it selects.
LIST [options ...]
    Return information about client connections. Options: those of KILL.
PAUSE <timeout> [WRITE|ALL]
    Suspend all, or just write, clients for <timeout> milliseconds.
UNPAUSE
    Stop the current client pause, resuming traffic.
UNBLOCK <clientid> [TIMEOUT|ERROR]
    Unblock the specified blocked client.
NO-EVICT (ON|OFF)
    Protect current client connection from eviction.
NO-TOUCH (ON|OFF)
    Will not touch LRU/LFU stats when this mode is on.
REPLY (ON|OFF|SKIP)
    Control the replies sent to the current connection.
SETNAME <name>
    Assign the name <name> to the current connection.
SETINFO <option> <value>
    Set client meta attr. Options: LIB-NAME, LIB-VER.
TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]
         [OPTIN] [OPTOUT] [NOLOOP]
    Control server assisted client side caching.
TRACKINGINFO
    Report tracking status for the current connection.
HELP
    Print this help.";

/// Whether this module answers `command`, a call of CLIENT: its sub-command is in the table, or missing.
pub(super) fn knows(command: &Command) -> bool {
    command.len() == 1 || find_subcommand(command, &SUBCOMMANDS, |sub| sub.name).is_ok()
}

/// Whether `command` is CLIENT REPLY, which changes what is sent for the commands behind it.
pub(in crate::server) fn sets_replies(command: &Command) -> bool {
    command.is("CLIENT") && command.arg_at(0).is_some_and(|sub| sub.eq_ignore_ascii_case(b"REPLY"))
}

/// `CLIENT subcommand …`
pub(super) fn client(call: &mut ConnectionCall<'_>) -> Answered {
    let command = call.command();
    if let Some(tracking) = call.session().extensions().get::<TrackingStatus>() {
        tracking.pass_over(command.number());
    }
    let run = checked(command)?.run;
    run(call, command.options(1))
}

/// Checks the name and the number of arguments of the sub-command.
pub(super) fn check(command: &Command) -> Result<(), CommandError> {
    checked(command).map(|_| ())
}

fn checked(command: &Command) -> Result<&'static Subcommand, CommandError> {
    let sub = find_subcommand(command, &SUBCOMMANDS, |sub| sub.name)?;
    let known = command.known().and_then(|client| client.subcommand(sub.name.as_bytes()));
    match known.is_none_or(|known| known.arity().admits(command.len())) {
        true => Ok(sub),
        false => Err(CommandError::wrong_arity(&format!("client|{}", sub.name))),
    }
}

/// What `COMMAND` tells of the sub-commands.
pub(super) fn subcommands(client: &'static KnownCommand) -> impl Iterator<Item = CommandInfo> {
    SUBCOMMANDS.iter().filter_map(|sub| {
        let known = client.subcommand(sub.name.as_bytes())?;
        Some(CommandInfo::from(known))
    })
}

fn id(call: &mut ConnectionCall<'_>, _: Options<'_>) -> Answered {
    Ok(Response::Integer(call.session().id() as i64).into())
}

fn help(_: &mut ConnectionCall<'_>, _: Options<'_>) -> Answered {
    Ok(Response::array(HELP.lines().map(Response::simple)).into())
}

fn info(call: &mut ConnectionCall<'_>, _: Options<'_>) -> Answered {
    let client = clients(call)?.get(call.session().id());
    let line = client.map_or_else(String::new, |client| line(&client) + "\n");
    Ok(Response::Verbatim(*b"txt", line.into()).into())
}

fn get_name(call: &mut ConnectionCall<'_>, _: Options<'_>) -> Answered {
    let name = call.session().name();
    Ok(if name.is_empty() { Response::Null } else { name.into() }.into())
}

fn set_name(call: &mut ConnectionCall<'_>, mut args: Options<'_>) -> Answered {
    let name = checked_name(args.value()?)?;
    call.update(move |session| session.set_name(name.clone()));
    Ok(Response::ok().into())
}

/// Checks a name: CLIENT LIST shows it on one line, so it has no spaces and no special characters.
pub(super) fn checked_name(name: &[u8]) -> Result<ByteString, CommandError> {
    is_printable(name)
        .then(|| ByteString::from(name))
        .ok_or(CommandError::err("Client names cannot contain spaces, newlines or special characters."))
}

fn is_printable(text: &[u8]) -> bool {
    text.iter().all(|byte| (b'!'..=b'~').contains(byte))
}

fn set_info(call: &mut ConnectionCall<'_>, mut args: Options<'_>) -> Answered {
    let (option, value) = (args.value()?, args.value()?);
    let name = text(option);
    let set: fn(&mut Session, ByteString) = match () {
        () if option.eq_ignore_ascii_case(b"LIB-NAME") => Session::set_library_name,
        () if option.eq_ignore_ascii_case(b"LIB-VER") => Session::set_library_version,
        () => return Err(CommandError::err(format!("Unrecognized option '{name}'"))),
    };
    if !is_printable(value) {
        return Err(CommandError::err(format!("{name} cannot contain spaces, newlines or special characters.")));
    }
    let value = ByteString::from(value);
    call.update(move |session| set(session, value.clone()));
    Ok(Response::ok().into())
}

fn reply(call: &mut ConnectionCall<'_>, mut args: Options<'_>) -> Answered {
    let mode = match () {
        () if args.keyword("ON") => ReplyMode::On,
        () if args.keyword("OFF") => ReplyMode::Off,
        () if args.keyword("SKIP") => ReplyMode::Skip,
        () => return Err(CommandError::SYNTAX),
    };
    call.update(move |session| session.set_reply_mode(mode));
    Ok(Response::ok().into())
}

fn flag<T: Copy + Send + Sync + 'static>(call: &mut ConnectionCall<'_>, mut args: Options<'_>, mark: T) -> Answered {
    match () {
        () if args.keyword("ON") => call.update(move |session| session.extensions_mut().insert(mark)),
        () if args.keyword("OFF") => call.update(|session| session.extensions_mut().remove::<T>()),
        () => return Err(CommandError::SYNTAX),
    }
    Ok(Response::ok().into())
}

fn list(call: &mut ConnectionCall<'_>, args: Options<'_>) -> Answered {
    let filter = Filter::of_list(args)?;
    let me = call.session().id();
    let chosen = clients(call)?.list().into_iter().filter(|client| filter.admits(client, me));
    let text: String = chosen.map(|client| line(&client) + "\n").collect();
    Ok(Response::Verbatim(*b"txt", text.into()).into())
}

fn kill(call: &mut ConnectionCall<'_>, args: Options<'_>) -> Answered {
    let is_old_form = args.len() == 1;
    let filter = Filter::of_kill(args)?;
    let me = call.session().id();
    let mut chosen = clients(call)?.list();
    chosen.retain(|client| filter.admits(client, me));
    let kills_me = chosen.iter().any(|client| client.id() == me);
    chosen.iter().filter(|client| client.id() != me).for_each(ConnectedClient::kill);
    let answer = match (is_old_form, chosen.len()) {
        (true, 0) => return Err(CommandError::err("No such client")),
        (true, _) => Response::ok(),
        (false, count) => count.into(),
    };
    // A client that kills itself still gets the response.
    Ok(if kills_me { Response::Close(answer.into()) } else { answer }.into())
}

/// `CLIENT PAUSE timeout [WRITE | ALL]`
fn pause(call: &mut ConnectionCall<'_>, mut args: Options<'_>) -> Answered {
    let timeout = args.value()?;
    let mode = match () {
        () if args.len() == 0 || args.keyword("ALL") => PauseMode::All,
        () if args.keyword("WRITE") => PauseMode::Writes,
        () => return Err(CommandError::err("CLIENT PAUSE mode must be WRITE or ALL")),
    };
    args.finish()?;
    let timeout = parse_integer(timeout).ok_or(CommandError::err("timeout is not an integer or out of range"))?;
    let timeout = u64::try_from(timeout).map_err(|_| CommandError::err("timeout is negative"))?;
    clients(call)?.pause(Duration::from_millis(timeout), mode);
    Ok(Response::ok().into())
}

fn unpause(call: &mut ConnectionCall<'_>, _: Options<'_>) -> Answered {
    clients(call)?.resume();
    Ok(Response::ok().into())
}

/// `CLIENT UNBLOCK id [TIMEOUT | ERROR]`
fn unblock(call: &mut ConnectionCall<'_>, mut args: Options<'_>) -> Answered {
    let id = args.integer()?;
    let how = match () {
        () if args.len() == 0 || args.keyword("TIMEOUT") => Unblock::Timeout,
        () if args.keyword("ERROR") => Unblock::Error,
        () => return Err(CommandError::err("CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
    };
    args.finish()?;
    let client = u64::try_from(id).ok().zip(Some(clients(call)?)).and_then(|(id, clients)| clients.get(id));
    Ok(client.is_some_and(|client| client.unblock(how)).into())
}

fn clients(call: &ConnectionCall<'_>) -> Result<Clients, CommandError> {
    Ok(call.server()?.clients())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_tells_of_every_sub_command() {
        let of_services = ["CACHING", "GETREDIR", "TRACKING", "TRACKINGINFO"];
        for name in SUBCOMMANDS.iter().map(|sub| sub.name).chain(of_services) {
            assert!(HELP.lines().any(|line| line.split(' ').next() == Some(name)), "{name}");
        }
    }
}
