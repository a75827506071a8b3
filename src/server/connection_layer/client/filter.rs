//! [`Filter`]: selects clients for CLIENT LIST and CLIENT KILL.

use kvstore_protocol::{CommandError, Options, Session, parse_integer};

use crate::server::ConnectedClient;

/// Selects clients for CLIENT LIST and CLIENT KILL: those that match all conditions.
#[derive(Default)]
pub(super) struct Filter {
    ids: Vec<u64>,
    peer: Option<String>,
    local: Option<String>,
    user: Option<String>,
    kind: Option<ClientKind>,
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
            b"master" | b"replica" | b"slave" => Ok(Self::Other),
            _ => Err(CommandError::err(format!("Unknown client type '{}'", String::from_utf8_lossy(kind)))),
        }
    }
}

impl Filter {
    /// Parses `CLIENT LIST [TYPE type] [ID id …]`.
    pub(super) fn of_list(mut args: Options<'_>) -> Result<Self, CommandError> {
        let mut filter = Self::default();
        if args.keyword("TYPE") {
            filter.kind = Some(ClientKind::parse(args.value()?)?);
        } else if args.keyword("ID") {
            filter.ids.push(any_id(args.value()?)?);
            for id in args.by_ref() {
                filter.ids.push(any_id(id)?);
            }
        }
        args.finish()?;
        Ok(filter)
    }

    /// Parses `CLIENT KILL address` and `CLIENT KILL option value …`. Also returns whether the calling client is
    /// skipped.
    pub(super) fn of_kill(mut args: Options<'_>) -> Result<(Self, bool), CommandError> {
        let (mut filter, mut skip_me) = (Self::default(), true);
        if args.len() == 1 {
            filter.peer = Some(text(args.value()?));
            return Ok((filter, false));
        }
        loop {
            if args.keyword("ID") {
                filter.ids.push(parse_id(args.value()?, "client-id should be greater than 0")?);
            } else if args.keyword("ADDR") {
                filter.peer = Some(text(args.value()?));
            } else if args.keyword("LADDR") {
                filter.local = Some(text(args.value()?));
            } else if args.keyword("USER") {
                filter.user = Some(text(args.value()?));
            } else if args.keyword("TYPE") {
                filter.kind = Some(ClientKind::parse(args.value()?)?);
            } else if args.keyword("SKIPME") {
                skip_me = yes_or_no(&mut args)?;
            } else {
                break;
            }
        }
        args.finish()?;
        Ok((filter, skip_me))
    }

    pub(super) fn admits(&self, client: &ConnectedClient) -> bool {
        let session = client.session();
        (self.ids.is_empty() || self.ids.contains(&session.id()))
            && self.peer.as_ref().is_none_or(|peer| session.peer().to_string() == *peer)
            && self.local.as_ref().is_none_or(|local| session.local().to_string() == *local)
            && self.user.as_ref().is_none_or(|user| session.user() == Some(user))
            && self.kind.is_none_or(|kind| kind == ClientKind::of(&session))
    }
}

/// A number that need not be one of a client. No client has the number 0.
fn any_id(id: &[u8]) -> Result<u64, CommandError> {
    let id = parse_integer(id).ok_or(CommandError::err("Invalid client ID"))?;
    Ok(u64::try_from(id).unwrap_or(0))
}

fn parse_id(id: &[u8], refusal: &'static str) -> Result<u64, CommandError> {
    match parse_integer(id) {
        Some(id @ 1..) => Ok(id as u64),
        _ => Err(CommandError::err(refusal)),
    }
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
