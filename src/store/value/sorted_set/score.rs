//! Scores as elements of a packed sorted set.

use kvstore_protocol::{DoubleText, format_double};

use crate::store::value::{packed::Element, parse_double};

/// The greatest score that is stored as an integer if it is one. That of Redis.
const MAX_INTEGER: f64 = (1_u64 << 62) as f64;

/// The element that a score is stored as. `text` holds what it borrows. An integer has no sign if it is zero, as in Redis.
pub(super) fn element(score: f64, text: &mut DoubleText) -> Element<'_> {
    if score == score.trunc() && score.abs() <= MAX_INTEGER {
        return Element::Integer(score as i64);
    }
    *text = format_double(score);
    Element::new(text.as_bytes())
}

/// The score that an element is.
#[inline]
pub(super) fn of(element: Element<'_>) -> f64 {
    match element {
        Element::Integer(integer) => integer as f64,
        Element::Bytes(bytes) => parse_double(bytes).unwrap_or_default(),
    }
}
