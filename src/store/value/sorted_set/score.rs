//! Scores as elements of a packed sorted set.

use kvstore_protocol::format_double;
use smallvec::SmallVec;

use crate::store::value::{packed::Element, parse_double};

/// The text of a score. An integer has no sign if it is zero, as in Redis.
pub(super) fn text(score: f64) -> SmallVec<[u8; 32]> {
    if score == score.trunc() && score.abs() < 1e17 {
        return SmallVec::from_slice(itoa::Buffer::new().format(score as i64).as_bytes());
    }
    SmallVec::from_slice(format_double(score).as_bytes())
}

/// The score that an element is.
#[inline]
pub(super) fn of(element: Element<'_>) -> f64 {
    match element {
        Element::Integer(integer) => integer as f64,
        Element::Bytes(bytes) => parse_double(bytes).unwrap_or_default(),
    }
}
