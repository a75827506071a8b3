//! CLIENT: what a client says about its connection, and what it asks about all of them.

use std::sync::{Arc, atomic::Ordering};

use kvstore_protocol::{ByteString, Command, CommandError, Protocol, Response, Session, mailbox::Order, parse_integer};

use super::{Answered, Replies, Shared, Standing};
use crate::server::registry::Entry;

/// In the session of a client that asked for CLIENT NO-TOUCH ON: its reads do not count as use of a key.
#[derive(Clone, Copy, Debug)]
pub struct NoTouch;

/// In the session of a client that asked for CLIENT NO-EVICT ON: it is not disconnected to free memory.
#[derive(Clone, Copy, Debug)]
pub struct NoEvict;

/// A sub-command: its name, how many arguments it takes, and what it does.
struct Sub(&'static str, std::ops::RangeInclusive<usize>, fn(&Shared, &mut Standing, &[&[u8]]) -> Answered);

static SUBS: [Sub; 11] = [
    Sub("ID", 0..=0, |_, standing, _| Ok(Response::Integer(standing.session.id() as i64).into())),
    Sub("INFO", 0..=0, |shared, standing, _| {
        let line = line(&standing.registration.entry, shared.registry.uptime());
        Ok(Response::Verbatim(*b"txt", (line + "\n").into()).into())
    }),
    Sub("GETNAME", 0..=0, get_name),
    Sub("SETNAME", 1..=1, set_name),
    Sub("SETINFO", 2..=2, set_info),
    Sub("LIST", 0..=usize::MAX, list),
    Sub("KILL", 1..=usize::MAX, kill),
    Sub("REPLY", 1..=1, reply),
    Sub("NO-EVICT", 1..=1, |_, standing, args| flag(standing, args, NoEvict)),
    Sub("NO-TOUCH", 1..=1, |_, standing, args| flag(standing, args, NoTouch)),
    Sub("HELP", 0..=0, |_, _, _| Ok(Response::array(HELP.lines().map(Response::simple)).into())),
];

const HELP: &str = "\
CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
GETNAME
    Return the name of the current connection.
ID
    Return the ID of the current connection.
INFO
    Return information about the current client connection.
KILL <ip:port>
    Kill connection made from <ip:port>.
KILL <option> <value> [<option> <value> [...]]
    Kill connections. Options are: ADDR, LADDR, TYPE, USER, SKIPME, ID.
LIST [options ...]
    Return information about client connections. Options: TYPE, ID.
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
HELP
    Print this help.";

/// `CLIENT subcommand …`
pub(super) fn client(shared: &Shared, standing: &mut Standing, command: &Command) -> Answered {
    let words: Vec<&[u8]> = command.args().collect();
    let known = SUBS.iter().find(|sub| words[0].eq_ignore_ascii_case(sub.0.as_bytes()));
    let Some(Sub(name, args, run)) = known else {
        let name = String::from_utf8_lossy(&words[0][..words[0].len().min(128)]);
        return Err(CommandError::err(format!("unknown subcommand '{name}'. Try CLIENT HELP.")));
    };
    if !args.contains(&(words.len() - 1)) {
        return Err(CommandError::wrong_arity(&format!("client|{name}")));
    }
    run(shared, standing, &words[1..])
}

fn get_name(_: &Shared, standing: &mut Standing, _: &[&[u8]]) -> Answered {
    let name = standing.session.name();
    Ok((!name.is_empty()).then(|| Response::from(name)).map_or(Response::Null, |name| name).into())
}

fn set_name(_: &Shared, standing: &mut Standing, args: &[&[u8]]) -> Answered {
    let name = checked_name(args[0])?;
    standing.session_mut().set_name(name);
    Ok(Response::ok().into())
}

/// A name that CLIENT LIST can show on one line.
pub(super) fn checked_name(name: &[u8]) -> Result<ByteString, CommandError> {
    is_printable(name)
        .then(|| ByteString::from(name))
        .ok_or(CommandError::err("Client names cannot contain spaces, newlines or special characters."))
}

fn is_printable(text: &[u8]) -> bool {
    text.iter().all(|byte| (b'!'..=b'~').contains(byte))
}

fn set_info(_: &Shared, standing: &mut Standing, args: &[&[u8]]) -> Answered {
    let (option, value) = (args[0], args[1]);
    let name = String::from_utf8_lossy(option).into_owned();
    let set: fn(&mut Session, ByteString) = match () {
        () if option.eq_ignore_ascii_case(b"LIB-NAME") => Session::set_library_name,
        () if option.eq_ignore_ascii_case(b"LIB-VER") => Session::set_library_version,
        () => return Err(CommandError::err(format!("Unrecognized option '{name}'"))),
    };
    if !is_printable(value) {
        return Err(CommandError::err(format!("{name} cannot contain spaces, newlines or special characters.")));
    }
    set(standing.session_mut(), value.into());
    Ok(Response::ok().into())
}

fn reply(_: &Shared, standing: &mut Standing, args: &[&[u8]]) -> Answered {
    standing.replies = match () {
        () if args[0].eq_ignore_ascii_case(b"ON") => Replies::On,
        () if args[0].eq_ignore_ascii_case(b"OFF") => Replies::Off,
        // While replies are off altogether there is none to skip. Else this answer and the next are not sent.
        () if args[0].eq_ignore_ascii_case(b"SKIP") && standing.replies == Replies::Off => Replies::Off,
        () if args[0].eq_ignore_ascii_case(b"SKIP") => Replies::Skip(2),
        () => return Err(syntax_error()),
    };
    Ok(Response::ok().into())
}

fn flag<T: Send + Sync + 'static>(standing: &mut Standing, args: &[&[u8]], mark: T) -> Answered {
    match () {
        () if args[0].eq_ignore_ascii_case(b"ON") => standing.session_mut().extensions_mut().insert(mark),
        () if args[0].eq_ignore_ascii_case(b"OFF") => standing.session_mut().extensions_mut().remove::<T>(),
        () => return Err(syntax_error()),
    }
    Ok(Response::ok().into())
}

fn list(shared: &Shared, _: &mut Standing, args: &[&[u8]]) -> Answered {
    let filter = match args {
        [] => Filter::default(),
        [option, kind] if option.eq_ignore_ascii_case(b"TYPE") => {
            Filter { kind: Some(Kind::parse(kind)?), ..Filter::default() }
        }
        [option, ids @ ..] if option.eq_ignore_ascii_case(b"ID") && !ids.is_empty() => Filter {
            ids: ids.iter().map(|id| parse_id(id, "Invalid client ID")).collect::<Result<_, _>>()?,
            ..Filter::default()
        },
        _ => return Err(syntax_error()),
    };
    let uptime = shared.registry.uptime();
    let chosen = shared.registry.entries().into_iter().filter(|entry| filter.admits(entry));
    let text: String = chosen.map(|entry| line(&entry, uptime) + "\n").collect();
    Ok(Response::Verbatim(*b"txt", text.into()).into())
}

fn kill(shared: &Shared, standing: &mut Standing, args: &[&[u8]]) -> Answered {
    let is_old_form = args.len() == 1;
    let (filter, skip_me) = match args {
        [address] => (Filter { peer: Some(text(address)), ..Filter::default() }, false),
        options => Filter::parse(options)?,
    };
    let me = standing.session.id();
    let mut killed = 0;
    let mut kills_me = false;
    for entry in shared.registry.entries().into_iter().filter(|entry| filter.admits(entry)) {
        let is_me = entry.session().id() == me;
        if is_me && skip_me {
            continue;
        }
        killed += 1;
        kills_me |= is_me;
        if !is_me {
            entry.order(Order::Kill);
        }
    }
    let answer = match (is_old_form, killed) {
        (true, 0) => return Err(CommandError::err("No such client")),
        (true, _) => Response::ok(),
        (false, count) => Response::Integer(count),
    };
    // Whoever kills itself still reads the answer.
    Ok(if kills_me { Response::Close(answer.into()) } else { answer }.into())
}

/// Which clients CLIENT LIST and CLIENT KILL mean.
#[derive(Default)]
struct Filter {
    ids: Vec<u64>,
    peer: Option<String>,
    local: Option<String>,
    user: Option<String>,
    kind: Option<Kind>,
}

/// The kinds of clients that Redis tells apart. All of ours are normal ones so far.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Normal,
    Other,
}

impl Kind {
    fn parse(kind: &[u8]) -> Result<Self, CommandError> {
        match &*kind.to_ascii_lowercase() {
            b"normal" => Ok(Self::Normal),
            b"master" | b"replica" | b"slave" | b"pubsub" => Ok(Self::Other),
            _ => Err(CommandError::err(format!("Unknown client type '{}'", String::from_utf8_lossy(kind)))),
        }
    }
}

impl Filter {
    /// The pairs of CLIENT KILL, and whether the client that asks is spared.
    fn parse(options: &[&[u8]]) -> Result<(Self, bool), CommandError> {
        let mut filter = Self::default();
        let mut skip_me = true;
        for pair in options.chunks(2) {
            let &[option, value] = pair else { return Err(syntax_error()) };
            match &*option.to_ascii_uppercase() {
                b"ID" => filter.ids.push(parse_id(value, "client-id should be greater than 0")?),
                b"ADDR" => filter.peer = Some(text(value)),
                b"LADDR" => filter.local = Some(text(value)),
                b"USER" => filter.user = Some(text(value)),
                b"TYPE" => filter.kind = Some(Kind::parse(value)?),
                b"SKIPME" if value.eq_ignore_ascii_case(b"yes") => skip_me = true,
                b"SKIPME" if value.eq_ignore_ascii_case(b"no") => skip_me = false,
                _ => return Err(syntax_error()),
            }
        }
        Ok((filter, skip_me))
    }

    fn admits(&self, entry: &Arc<Entry>) -> bool {
        let session = entry.session();
        (self.ids.is_empty() || self.ids.contains(&session.id()))
            && self.peer.as_ref().is_none_or(|peer| session.peer().to_string() == *peer)
            && self.local.as_ref().is_none_or(|local| session.local().to_string() == *local)
            && self.user.as_ref().is_none_or(|user| session.user() == Some(user))
            && self.kind.is_none_or(|kind| kind == Kind::Normal)
    }
}

fn parse_id(id: &[u8], trouble: &'static str) -> Result<u64, CommandError> {
    match parse_integer(id) {
        Some(id @ 1..) => Ok(id as u64),
        _ => Err(CommandError::err(trouble)),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn syntax_error() -> CommandError {
    CommandError::err("syntax error")
}

/// A connection in CLIENT LIST, at this uptime of the server. The fields are those of Redis; what has no meaning here is left out.
fn line(entry: &Entry, uptime: u32) -> String {
    let session = entry.session();
    let (library, library_version) = session.library();
    format!(
        "id={} addr={} laddr={} name={} age={} idle={} flags=N db={} sub=0 psub=0 ssub=0 multi=-1 qbuf={} omem={} \
         events=r cmd={} user={} redir=-1 resp={} lib-name={} lib-ver={}",
        session.id(),
        session.peer(),
        session.local(),
        session.name().escape_ascii(),
        uptime.saturating_sub(entry.opened),
        uptime.saturating_sub(entry.active()),
        session.database(),
        entry.input.load(Ordering::Relaxed),
        entry.output.load(Ordering::Relaxed),
        entry.command(),
        session.user().unwrap_or("(none)"),
        if session.protocol() == Protocol::Resp3 { 3 } else { 2 },
        library.escape_ascii(),
        library_version.escape_ascii(),
    )
}
