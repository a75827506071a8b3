//! [`Drawable`]: the fields of a hash by number, to draw some at random.

use super::{ExpiringFields, HashRef, HashTable};
use crate::store::value::packed::Entries;

/// The fields that are not hidden, in no order.
#[derive(Clone, Debug)]
pub(crate) enum Drawable<'a> {
    Packed(Entries<'a>),
    /// The first of them are hidden.
    Expiring(ExpiringFields<'a>, usize),
    Table(&'a HashTable),
    /// The indices of those that are left of a table.
    Rest(&'a HashTable, Vec<u32>),
}

impl<'a> HashRef<'a> {
    /// The number of fields that are visited to find out which can be drawn.
    pub(crate) fn work_of_drawing(self) -> usize {
        match self {
            Self::Table(table, now) if table.count_expired(now, 1) > 0 => table.len(),
            _ => 0,
        }
    }

    /// The fields, to draw some. For a table of which some have expired, and are not removed yet, all are visited.
    pub(crate) fn drawable(self) -> Drawable<'a> {
        match self {
            Self::Packed(entries) => Drawable::Packed(entries),
            Self::Expiring(fields) => Drawable::Expiring(fields, fields.hidden()),
            Self::Table(table, _) if self.work_of_drawing() == 0 => Drawable::Table(table),
            Self::Table(table, now) => {
                let live = table.iter().zip(0..).filter(|(field, _)| field.expires_at.is_none_or(|at| at >= now));
                Drawable::Rest(table, live.map(|(_, index)| index).collect())
            }
        }
    }
}

impl Drawable<'_> {
    /// The number of fields.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Packed(entries) => entries.len() / 2,
            Self::Expiring(fields, hidden) => fields.len() - hidden,
            Self::Table(table) => table.len(),
            Self::Rest(_, indices) => indices.len(),
        }
    }

    /// Calls `read` with the field at an index and its value.
    pub(crate) fn nth<R>(&self, index: usize, read: impl FnOnce(&[u8], &[u8]) -> R) -> Option<R> {
        match self {
            Self::Packed(entries) => {
                let field = entries.at(index * 2)?;
                Some(read(&entries.element(field).text(), &entries.element(entries.next(field)?).text()))
            }
            Self::Expiring(fields, hidden) => {
                fields.nth(hidden + index).map(|field| read(&field.name.text(), &field.value.text()))
            }
            Self::Table(table) => table.nth(index).map(|field| read(field.name, field.value)),
            Self::Rest(table, indices) => {
                table.nth(*indices.get(index)? as usize).map(|field| read(field.name, field.value))
            }
        }
    }
}
