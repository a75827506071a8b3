//! [`Filter`]: selects clients for CLIENT LIST and CLIENT KILL.

use std::time::Duration;

use kvstore_protocol::{CommandError, Options, Peer, Session, parse_integer};

use super::{capabilities::Capabilities, line::flags};
use crate::server::ConnectedClient;

/// Selects clients for CLIENT LIST and CLIENT KILL: those that meet all conditions.
#[derive(Default)]
pub(super) struct Filter {
    conditions: Vec<Condition>,
    /// Whether the client that asks is left out.
    skips_caller: bool,
}

/// A condition; with `NOT-` in front of its name the clients that do not meet it.
struct Condition {
    test: Test,
    is_negated: bool,
}

enum Test {
    Id(Vec<u64>),
    Kind(ClientKind),
    /// Whether a property is this text, and which property.
    Text(fn(&Session) -> String, String),
    Database(usize),
    /// All of these letters are among those of a property.
    Letters(fn(&Session) -> String, String),
    /// Idle for so long at least.
    Idle(Duration),
    /// Connected for so long at least.
    Age(Duration),
}

/// The client types of Redis. No client of this server is a replica or a master.
#[derive(Clone, Copy, PartialEq)]
enum ClientKind {
    Normal,
    PubSub,
    Other,
}

impl ClientKind {
    fn of(session: &Session) -> Self {
        if session.is_subscribed() { Self::PubSub } else { Self::Normal }
    }

    fn parse(kind: &[u8]) -> Result<Self, CommandError> {
        match &*kind.to_ascii_lowercase() {
            b"normal" => Ok(Self::Normal),
            b"pubsub" => Ok(Self::PubSub),
            b"master" | b"primary" | b"replica" | b"slave" => Ok(Self::Other),
            _ => Err(CommandError::err(format!("Unknown client type '{}'", text(kind)))),
        }
    }
}

impl Filter {
    /// Parses `CLIENT LIST [option value …]`.
    pub(super) fn of_list(args: Options<'_>) -> Result<Self, CommandError> {
        let mut filter = Self::default();
        filter.parse(args, any_id)?;
        Ok(filter)
    }

    /// Parses `CLIENT KILL address` and `CLIENT KILL option value …`.
    pub(super) fn of_kill(mut args: Options<'_>) -> Result<Self, CommandError> {
        if args.len() == 1 {
            let peer = Condition { test: Test::Text(peer, text(args.value()?)), is_negated: false };
            return Ok(Self { conditions: vec![peer], skips_caller: false });
        }
        let mut filter = Self { skips_caller: true, ..Self::default() };
        filter.parse(args, |id| positive(id, "client-id should be greater than 0"))?;
        Ok(filter)
    }

    fn parse(
        &mut self,
        mut args: Options<'_>,
        parse_id: impl Fn(&[u8]) -> Result<u64, CommandError>,
    ) -> Result<(), CommandError> {
        while let Some(name) = args.next().map(<[u8]>::to_ascii_uppercase) {
            let (name, is_negated) = name.strip_prefix(b"NOT-").map_or((&*name, false), |name| (name, true));
            let test = match name {
                b"SKIPME" if !is_negated => {
                    self.skips_caller = yes_or_no(&mut args)?;
                    continue;
                }
                b"ID" => Test::Id(ids(&mut args, &parse_id)?),
                b"TYPE" => Test::Kind(ClientKind::parse(args.value()?)?),
                b"ADDR" => Test::Text(peer, text(args.value()?)),
                b"LADDR" => Test::Text(|session| session.local().to_string(), text(args.value()?)),
                b"IP" => Test::Text(ip, text(args.value()?)),
                b"USER" => Test::Text(|session| session.user().unwrap_or_default().to_owned(), text(args.value()?)),
                b"NAME" => Test::Text(|session| text(session.name()), text(args.value()?)),
                b"LIB-NAME" => Test::Text(|session| text(session.library().0), text(args.value()?)),
                b"LIB-VER" => Test::Text(|session| text(session.library().1), text(args.value()?)),
                b"FLAGS" => Test::Letters(flags, text(args.value()?)),
                b"CAPA" => Test::Letters(|session| Capabilities::of(session).letters().to_owned(), text(args.value()?)),
                b"DB" => Test::Database(positive_or_0(args.value()?, "db is not an integer or out of range")? as usize),
                b"IDLE" if !is_negated => Test::Idle(idle(args.value()?)?),
                b"MAXAGE" if !is_negated => {
                    Test::Age(seconds(args.value()?, "maxage is not an integer or out of range")?)
                }
                _ => return Err(CommandError::SYNTAX),
            };
            self.conditions.push(Condition { test, is_negated });
        }
        Ok(())
    }

    /// Whether it selects a client, for one with the ID `caller`.
    pub(super) fn admits(&self, client: &ConnectedClient, caller: u64) -> bool {
        let session = client.session();
        let is_skipped = self.skips_caller && session.id() == caller;
        !is_skipped
            && self.conditions.iter().all(|Condition { test, is_negated }| test.admits(client, &session) != *is_negated)
    }
}

impl Test {
    fn admits(&self, client: &ConnectedClient, session: &Session) -> bool {
        match self {
            Self::Id(ids) => ids.contains(&session.id()),
            Self::Kind(kind) => *kind == ClientKind::of(session),
            Self::Text(property, value) => property(session) == *value,
            Self::Database(database) => session.database() == *database,
            Self::Letters(property, letters) => {
                let all = property(session);
                letters.chars().all(|letter| all.contains(letter))
            }
            Self::Idle(least) => client.idle() >= *least,
            Self::Age(least) => client.age() >= *least,
        }
    }
}

/// As in Valkey 9, which refuses 0.
fn idle(value: &[u8]) -> Result<Duration, CommandError> {
    match parse_integer(value) {
        Some(..=0) => Err(CommandError::new("ERR", "idle should be greater than 0")),
        _ => seconds(value, "idle is not an integer or out of range"),
    }
}

fn peer(session: &Session) -> String {
    session.peer().to_string()
}

fn ip(session: &Session) -> String {
    match session.peer() {
        Peer::Tcp(address) => address.ip().to_string(),
        _ => String::new(),
    }
}

/// One ID or several.
fn ids(
    args: &mut Options<'_>,
    parse_id: impl Fn(&[u8]) -> Result<u64, CommandError>,
) -> Result<Vec<u64>, CommandError> {
    let mut ids = vec![parse_id(args.value()?)?];
    while let Some(next) = args.peek().filter(|next| parse_integer(next).is_some()) {
        ids.push(parse_id(next)?);
        args.next();
    }
    Ok(ids)
}

/// A number that need not be one of a client. No client has the number 0.
fn any_id(id: &[u8]) -> Result<u64, CommandError> {
    let id = parse_integer(id).ok_or(CommandError::err("Invalid client ID"))?;
    Ok(u64::try_from(id).unwrap_or(0))
}

fn positive(number: &[u8], refusal: &'static str) -> Result<u64, CommandError> {
    match parse_integer(number) {
        Some(number @ 1..) => Ok(number as u64),
        _ => Err(CommandError::err(refusal)),
    }
}

fn positive_or_0(number: &[u8], refusal: &'static str) -> Result<u64, CommandError> {
    parse_integer(number).and_then(|number| u64::try_from(number).ok()).ok_or(CommandError::err(refusal))
}

fn seconds(number: &[u8], refusal: &'static str) -> Result<Duration, CommandError> {
    positive(number, refusal).map(Duration::from_secs)
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn yes_or_no(args: &mut Options<'_>) -> Result<bool, CommandError> {
    if args.keyword("YES") {
        return Ok(true);
    }
    if args.keyword("NO") { Ok(false) } else { Err(CommandError::SYNTAX) }
}
