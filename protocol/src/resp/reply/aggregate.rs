//! Replies that hold others, while they come.

use crate::Response;

/// A response that holds others, some of them still to come.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) items: Items,
    /// How many responses are still to come.
    pub(super) left: usize,
}

/// What has come. Grows with what comes, never with what was announced.
#[derive(Debug)]
pub(super) enum Items {
    Array(Vec<Response>),
    Set(Vec<Response>),
    Push(Vec<Response>),
    /// Pairs, and the key whose value is still to come.
    Map(Vec<(Response, Response)>, Option<Response>),
    /// Belongs to the response behind it, and is forgotten.
    Attribute,
}

impl Open {
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

    /// The response, when there is to be one.
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
