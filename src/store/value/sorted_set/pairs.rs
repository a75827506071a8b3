//! A small sorted set: each member is followed by its score, in the order of the scores.

use std::cmp::Ordering;

use kvstore_protocol::DoubleText;

use super::score;
use crate::store::value::packed::{EditEntries, Encoded, Entries, Packed, Position};

/// The positions of the members, and their scores.
pub(super) fn pairs(entries: Entries<'_>) -> impl Iterator<Item = (Position, f64)> {
    let mut next = entries.first();
    std::iter::from_fn(move || {
        let member = next?;
        let value = entries.next(member)?;
        next = entries.next(value);
        Some((member, score::of(entries.element(value))))
    })
}

/// The position of a member, and its score.
#[inline]
pub(super) fn find(entries: Entries<'_>, member: &[u8]) -> Option<(Position, f64)> {
    let position = entries.find(&Encoded::from(member), 2)?;
    Some((position, score::of(entries.element(entries.next(position)?))))
}

/// Inserts a member that is not there.
pub(super) fn insert(packed: &mut Packed, member: &[u8], score: f64) {
    let entries = packed.entries();
    let after = pairs(entries).find(|(position, other)| is_after(entries, *position, *other, member, score));
    let position = after.map_or(entries.end(), |(position, _)| position);
    let mut text = DoubleText::default();
    packed.insert_pair_before(position, member, score::element(score, &mut text));
}

/// Changes the score of the member at a position.
pub(super) fn change(packed: &mut Packed, position: Position, member: &[u8], score: f64) {
    let entries = packed.entries();
    let Some(value) = entries.next(position) else { return };
    let is_before_next = entries.next(value).is_none_or(|next| {
        let other = entries.next(next).map_or(f64::INFINITY, |value| score::of(entries.element(value)));
        is_after(entries, next, other, member, score)
    });
    let is_after_previous = entries.prev(position).is_none_or(|value| {
        let other = score::of(entries.element(value));
        entries.prev(value).is_some_and(|previous| !is_after(entries, previous, other, member, score))
    });
    if is_before_next && is_after_previous {
        let mut text = DoubleText::default();
        packed.replace(value, score::element(score, &mut text));
        return;
    }
    packed.remove(position, 2);
    insert(packed, member, score);
}

/// Whether the member at a position, with its score, comes after another member.
#[inline]
fn is_after(entries: Entries<'_>, position: Position, other: f64, member: &[u8], score: f64) -> bool {
    let order = other.partial_cmp(&score).unwrap_or(Ordering::Equal);
    order.then_with(|| entries.element(position).text()[..].cmp(member)).is_gt()
}
