//! Lists.
//!
//! - `push` LPUSH, RPUSH, LPUSHX, RPUSHX; `pop` LPOP, RPOP, LMPOP
//! - `transfer` LMOVE, RPOPLPUSH
//! - `elements` single elements: LINDEX, LSET, LINSERT, LREM, LPOS; `range` LRANGE, LTRIM

pub(super) mod elements;
pub(super) mod pop;
pub(super) mod push;
pub(super) mod range;
pub(super) mod transfer;

use kvstore_protocol::{CommandError, Response};

use crate::store::{
    change::Event,
    value::{Element, End},
};

/// The end that `LEFT` or `RIGHT` names.
fn parse_end(word: &[u8]) -> Result<End, CommandError> {
    match word {
        word if word.eq_ignore_ascii_case(b"LEFT") => Ok(End::Head),
        word if word.eq_ignore_ascii_case(b"RIGHT") => Ok(End::Tail),
        _ => Err(CommandError::SYNTAX),
    }
}

/// The event of elements that are pushed at an end.
fn pushed(end: End) -> Event {
    if end == End::Head { Event::LPUSH } else { Event::RPUSH }
}

/// The event of elements that are popped from an end.
fn popped(end: End) -> Event {
    if end == End::Head { Event::LPOP } else { Event::RPOP }
}

fn bulk(element: Element<'_>) -> Response {
    Response::from(&*element.text())
}
