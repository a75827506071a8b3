//! [`Entry`]: an entry of a stream, where it lies.

use super::StreamId;
use crate::store::value::packed::{Cursor, Element};

/// An entry of a stream: its identifier, its fields and their values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    id: StreamId,
    fields: usize,
    /// The fields, if they are those of the node: then `values` has none.
    names: Option<Cursor<'a>>,
    values: Cursor<'a>,
}

impl<'a> Entry<'a> {
    #[inline]
    pub(super) fn new(id: StreamId, fields: usize, names: Option<Cursor<'a>>, values: Cursor<'a>) -> Self {
        Self { id, fields, names, values }
    }

    #[inline]
    pub(crate) fn id(&self) -> StreamId {
        self.id
    }

    /// The number of fields.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.fields
    }

    /// Visits the fields and their values, in the order in which they were added.
    #[inline]
    pub(crate) fn for_each(&self, mut visit: impl FnMut(Element<'a>, Element<'a>)) {
        let mut values = self.values;
        match self.names {
            Some(mut names) => (0..self.fields).for_each(|_| visit(names.read(), values.read())),
            None => {
                for _ in 0..self.fields {
                    let field = values.read();
                    visit(field, values.read());
                }
            }
        }
    }
}
