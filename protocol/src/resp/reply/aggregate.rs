//! [`Aggregate`]: an array, set, push or map that is not complete.

use crate::Response;

/// A response that holds others, some of which have not arrived.
#[derive(Debug)]
pub(super) struct Aggregate {
    pub(super) items: Items,
    /// How many responses have not arrived. A pair counts as two.
    pub(super) left: usize,
}

/// The responses that have arrived. Grows with them, never by the length that was announced.
#[derive(Debug)]
pub(super) enum Items {
    Array(Vec<Response>),
    Set(Vec<Response>),
    Push(Vec<Response>),
    /// Pairs, and the key whose value has not arrived.
    Map(Vec<(Response, Response)>, Option<Response>),
    /// Belongs to the next response. It is skipped.
    Attribute,
}

impl Aggregate {
    pub(super) fn put(&mut self, response: Response) {
        self.left -= 1;
        match &mut self.items {
            Items::Array(items) | Items::Set(items) | Items::Push(items) => items.push(response),
            Items::Map(pairs, key) => match key.take() {
                None => *key = Some(response),
                Some(key) => pairs.push((key, response)),
            },
            Items::Attribute => {}
        }
    }

    /// The complete response. `None` for an attribute.
    pub(super) fn close(self) -> Option<Response> {
        match self.items {
            Items::Array(items) => Some(Response::Array(items)),
            Items::Set(items) => Some(Response::Set(items)),
            Items::Push(items) => Some(Response::Push(items)),
            Items::Map(pairs, _) => Some(Response::Map(pairs)),
            Items::Attribute => None,
        }
    }
}
