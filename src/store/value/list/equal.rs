//! The elements of a part of a list that are equal to another one.

use super::{
    super::packed::{EditEntries, Element, Encoded, Entries},
    End,
};

/// The index of the first element that is equal.
pub(super) fn find(part: Entries<'_>, element: Element<'_>) -> Option<usize> {
    // Most parts have none, which is found out faster without counting.
    part.find(&Encoded::from(element), 1)?;
    part.iter().position(|other| other == element)
}

/// Removes up to `most` elements that are equal to this one, the first ones from an end on. Returns how many.
pub(super) fn remove_equal(part: &mut impl EditEntries, element: Element<'_>, end: End, most: usize) -> usize {
    let entries = part.entries();
    let Some(first) = entries.find(&Encoded::from(element), 1) else { return 0 };
    let equal = entries.iter().filter(|other| *other == element).count();
    if equal == 1 {
        part.remove(first, 1);
        return 1;
    }
    let removed = equal.min(most);
    let skipped = if end == End::Tail { equal - removed } else { 0 };
    let mut seen = 0;
    part.retain(|other| {
        if other != element {
            return true;
        }
        seen += 1;
        seen <= skipped || seen > skipped + removed
    });
    removed
}
