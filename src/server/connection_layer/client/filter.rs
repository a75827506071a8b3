//! [`Filter`]: which clients CLIENT LIST and CLIENT KILL mean.

use kvstore_protocol::{CommandError, parse_integer};

use crate::server::ConnectedClient;

/// Which clients CLIENT LIST and CLIENT KILL mean: those that meet all conditions.
#[derive(Default)]
pub(super) struct Filter {
    ids: Vec<u64>,
    peer: Option<String>,
    local: Option<String>,
    user: Option<String>,
    kind: Option<ClientKind>,
}

/// The kinds of clients that Redis tells apart. All of ours are normal ones.
#[derive(Clone, Copy, PartialEq)]
enum ClientKind {
    Normal,
    Other,
}

impl ClientKind {
    fn parse(kind: &[u8]) -> Result<Self, CommandError> {
        match &*kind.to_ascii_lowercase() {
            b"normal" => Ok(Self::Normal),
            b"master" | b"replica" | b"slave" | b"pubsub" => Ok(Self::Other),
            _ => Err(CommandError::err(format!("Unknown client type '{}'", String::from_utf8_lossy(kind)))),
        }
    }
}

impl Filter {
    /// `CLIENT LIST [TYPE type] [ID id …]`
    pub(super) fn of_list(args: &[&[u8]]) -> Result<Self, CommandError> {
        let mut filter = Self::default();
        match args {
            [] => {}
            [option, kind] if is(option, "TYPE") => filter.kind = Some(ClientKind::parse(kind)?),
            [option, ids @ ..] if is(option, "ID") && !ids.is_empty() => {
                filter.ids = ids.iter().map(|id| parse_id(id, "Invalid client ID")).collect::<Result<_, _>>()?;
            }
            _ => return Err(CommandError::SYNTAX),
        }
        Ok(filter)
    }

    /// `CLIENT KILL address` and `CLIENT KILL option value …`; and whether the client that sends the command is left alone.
    pub(super) fn of_kill(args: &[&[u8]]) -> Result<(Self, bool), CommandError> {
        let mut filter = Self::default();
        if let [address] = args {
            filter.peer = Some(text(address));
            return Ok((filter, false));
        }
        let mut skip_me = true;
        for pair in args.chunks(2) {
            let &[option, value] = pair else { return Err(CommandError::SYNTAX) };
            match &*option.to_ascii_uppercase() {
                b"ID" => filter.ids.push(parse_id(value, "client-id should be greater than 0")?),
                b"ADDR" => filter.peer = Some(text(value)),
                b"LADDR" => filter.local = Some(text(value)),
                b"USER" => filter.user = Some(text(value)),
                b"TYPE" => filter.kind = Some(ClientKind::parse(value)?),
                b"SKIPME" if is(value, "YES") => skip_me = true,
                b"SKIPME" if is(value, "NO") => skip_me = false,
                _ => return Err(CommandError::SYNTAX),
            }
        }
        Ok((filter, skip_me))
    }

    pub(super) fn admits(&self, client: &ConnectedClient) -> bool {
        let session = client.session();
        (self.ids.is_empty() || self.ids.contains(&session.id()))
            && self.peer.as_ref().is_none_or(|peer| session.peer().to_string() == *peer)
            && self.local.as_ref().is_none_or(|local| session.local().to_string() == *local)
            && self.user.as_ref().is_none_or(|user| session.user() == Some(user))
            && self.kind.is_none_or(|kind| kind == ClientKind::Normal)
    }
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

fn is(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}
