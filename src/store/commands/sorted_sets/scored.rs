//! [`Scored`]: members with their scores, as an answer.

use kvstore_protocol::{Packed, Protocol, Response, Session, format_double};

use crate::store::call::Call;

/// Members, each with its score if that was asked for: an array of pairs in RESP3, a flat one in RESP2.
#[derive(Debug)]
pub(super) struct Scored {
    answer: Packed,
    scores: Scores,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scores {
    None,
    /// As strings, which RESP2 has.
    Text,
    Double,
    /// In an array with the member, also in RESP2.
    InPairs,
}

impl Scored {
    /// An answer for the protocol of a session.
    pub(super) fn new(session: &Session, with_scores: bool) -> Self {
        let (answer, scores) = match (with_scores, session.protocol()) {
            (false, _) => (Packed::array(), Scores::None),
            (true, Protocol::Resp3) => (Packed::pairs(), Scores::Double),
            (true, _) => (Packed::array(), Scores::Text),
        };
        Self { answer, scores }
    }

    /// One array of members and scores in turn, whatever the protocol is.
    pub(super) fn flat(session: &Session) -> Self {
        let is_resp3 = session.protocol() == Protocol::Resp3;
        Self { answer: Packed::array(), scores: if is_resp3 { Scores::Double } else { Scores::Text } }
    }

    /// The same behind the name of their key.
    pub(super) fn behind_key(session: &Session, key: &[u8]) -> Self {
        let mut scored = Self::flat(session);
        scored.answer.push(key);
        scored
    }

    /// One array of pairs, whatever the protocol is.
    pub(super) fn pairs() -> Self {
        Self { answer: Packed::array(), scores: Scores::InPairs }
    }

    /// The same for a command that changes nothing: see [`Call::collect`].
    pub(super) fn collecting(mut self, call: &Call<'_>) -> Self {
        self.answer = call.collect(self.answer);
        self
    }

    /// Whether there are more than may be answered.
    pub(super) fn is_too_large(&self) -> bool {
        self.answer.is_too_large()
    }

    pub(super) fn push(&mut self, member: &[u8], score: f64) {
        if self.scores == Scores::InPairs {
            let pair = Response::Array(vec![member.into(), Response::Double(score)]);
            return self.answer.push_response(&pair);
        }
        self.answer.push(member);
        match self.scores {
            Scores::None | Scores::InPairs => {}
            Scores::Text => self.answer.push(format_double(score).as_bytes()),
            Scores::Double => self.answer.push_double(score),
        }
    }
}

impl From<Scored> for Packed {
    fn from(scored: Scored) -> Self {
        scored.answer
    }
}

impl From<Scored> for Response {
    fn from(scored: Scored) -> Self {
        scored.answer.into()
    }
}
