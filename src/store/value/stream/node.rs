//! [`Node`]: a run of entries of a stream, packed as Redis packs them.
//!
//! ```text
//! number of fields | fields | 0 | entries
//!
//! an entry: flags | milliseconds | sequence | values | number of elements
//!           flags | milliseconds | sequence | number of fields | fields and values | number of elements
//! ```
//!
//! The fields in front are those of the first entry. An entry with the same ones has only its values. The two parts of an
//! identifier are stored as the differences to those of the node. The number of elements at the end is for reading backwards.
//!
//! In Redis's listpack the numbers of entries and of deleted ones are in front of all that. Here they are beside it, since they
//! change with every entry.

use super::{Entry, StreamId, marks::Marks};
use crate::store::value::packed::{Cursor, Element, Encoded, Entries};

/// An entry that was deleted. It stays where it is until all of its node are deleted, or the stream gets a smaller last identifier.
const DELETED: u8 = 1;

/// An entry with the fields of the node.
const SAME_FIELDS: u8 = 2;

/// The elements of an entry in front of its fields and values, and the one behind them.
const FRAME: usize = 3;

/// The header of a listpack of Redis, and its end.
const LISTPACK: usize = 6 + 1;

/// The most bytes that an element takes besides its text.
const MAX_OVERHEAD: usize = 5 + 5;

/// The most of what is stored in one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeLimit {
    /// The bytes, of a listpack of Redis. An entry that is longer has a node of its own.
    pub(crate) bytes: usize,
    /// The entries, deleted ones too.
    pub(crate) entries: usize,
}

/// A field and its value.
pub(crate) type Pair<'a> = (&'a [u8], &'a [u8]);

/// Entries one after another.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The identifier that those of the entries are relative to. It is not greater than that of the first.
    first: StreamId,
    bytes: Vec<u8>,
    /// The offset of the first entry.
    start: u32,
    /// The number of fields in front.
    fields: u32,
    /// The number of elements of the bytes.
    elements: u32,
    live: u32,
    deleted: u32,
    marks: Marks,
}

/// An entry of a node, which may be deleted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot<'a> {
    /// The offset in the node.
    pub(super) at: usize,
    pub(super) is_deleted: bool,
    pub(super) entry: Entry<'a>,
}

impl Node {
    /// A node without entries, for those from an identifier on.
    pub(super) fn new(first: StreamId, pairs: &[Pair<'_>]) -> Self {
        let mut bytes = Vec::new();
        push_integer(&mut bytes, pairs.len() as i64);
        pairs.iter().for_each(|(field, _)| Encoded::from(*field).append_to(&mut bytes));
        push_integer(&mut bytes, 0);
        let (start, fields) = (bytes.len() as u32, pairs.len() as u32);
        Self { first, bytes, start, fields, elements: fields + 2, live: 0, deleted: 0, marks: Marks::new() }
    }

    /// A node that has no entries any more. Allocates nothing.
    pub(super) fn empty(first: StreamId) -> Self {
        Self { first, bytes: Vec::new(), start: 0, fields: 0, elements: 0, live: 0, deleted: 0, marks: Marks::new() }
    }

    /// Reads the listpack of a node. `None` if it is not valid.
    ///
    /// In Redis an entry may have a smaller identifier than deleted ones in front of it, since XSETID goes behind them. Here all are in
    /// order: such a node is read without its deleted entries.
    pub(crate) fn read(first: StreamId, listpack: Entries<'_>) -> Option<Self> {
        let mut reader = Reader { cursor: Cursor::new(listpack.bytes(), 0), left: listpack.len() };
        let (live, deleted) = (reader.count()?, reader.count()?);
        let (start, elements) = (reader.cursor.at(), reader.left as u32);
        let fields = reader.count()?;
        reader.skip(fields as usize)?;
        (reader.integer()? == 0).then_some(())?;
        let mut node = Self {
            first,
            bytes: listpack.bytes()[start..].to_vec(),
            start: (reader.cursor.at() - start) as u32,
            fields,
            elements,
            live: 0,
            deleted: 0,
            marks: Marks::new(),
        };
        let (mut last, mut last_live, mut is_ordered) = (None, None, true);
        while reader.left > 0 {
            node.marks.note((node.live + node.deleted) as usize, reader.cursor.at() - start);
            let (id, is_deleted) = reader.entry(&node)?;
            is_ordered &= last.is_none_or(|last| last < id) && first <= id;
            last = Some(id);
            if !is_deleted {
                last_live.is_none_or(|last| last < id).then_some(())?;
                last_live = Some(id);
            }
            node.live += u32::from(!is_deleted);
            node.deleted += u32::from(is_deleted);
        }
        (last.is_some() && (node.live, node.deleted) == (live, deleted)).then_some(())?;
        match is_ordered {
            true => Some(node),
            false => (node.deleted > 0).then(|| node.without_deleted()),
        }
    }

    /// The same entries without those that are deleted.
    fn without_deleted(&self) -> Self {
        const NO_LIMIT: NodeLimit = NodeLimit { bytes: usize::MAX, entries: usize::MAX };
        let mut node = Self::empty(self.first);
        for entry in self.iter() {
            let mut texts = Vec::with_capacity(entry.len());
            entry.for_each(|field, value| texts.push((field.text(), value.text())));
            let pairs: Vec<_> = texts.iter().map(|(field, value)| (&**field, &**value)).collect();
            if node.live == 0 {
                node = Self::new(entry.id(), &pairs);
            }
            node.append(entry.id(), &pairs, NO_LIMIT);
        }
        node.close();
        node
    }

    /// Appends the listpack.
    pub(crate) fn write_listpack(&self, target: &mut Vec<u8>) {
        let start = target.len();
        target.extend_from_slice(&[0; LISTPACK - 1]);
        push_integer(target, self.live.into());
        push_integer(target, self.deleted.into());
        target.extend_from_slice(&self.bytes);
        target.push(0xFF);
        let (len, count) = (target.len() - start, u16::try_from(self.elements + 2).unwrap_or(u16::MAX));
        target[start..start + 4].copy_from_slice(&(len as u32).to_le_bytes());
        target[start + 4..start + 6].copy_from_slice(&count.to_le_bytes());
    }

    /// The identifier that those of the entries are relative to.
    #[inline]
    pub(crate) fn first(&self) -> StreamId {
        self.first
    }

    /// The number of entries that are not deleted.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.live as usize
    }

    /// The size of the allocation, in bytes.
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Whether another entry with so many bytes of fields and values may be added.
    pub(super) fn has_room(&self, bytes: usize, limit: NodeLimit) -> bool {
        let counts = Encoded::from(i64::from(self.live)).len() + Encoded::from(i64::from(self.deleted)).len();
        let size = LISTPACK + counts + self.bytes.len();
        size + bytes < limit.bytes && ((self.live + self.deleted) as usize) < limit.entries
    }

    /// Adds an entry, whose identifier is greater than all that are there.
    pub(super) fn append(&mut self, id: StreamId, pairs: &[Pair<'_>], limit: NodeLimit) {
        let is_same = self.has_fields(pairs);
        let texts: usize = pairs.iter().map(|(field, value)| value.len() + if is_same { 0 } else { field.len() }).sum();
        self.reserve(texts + (2 * pairs.len() + FRAME + 2) * MAX_OVERHEAD, limit.bytes);
        self.marks.note((self.live + self.deleted) as usize, self.bytes.len());
        let bytes = &mut self.bytes;
        push_integer(bytes, if is_same { SAME_FIELDS.into() } else { 0 });
        push_integer(bytes, id.ms.wrapping_sub(self.first.ms) as i64);
        push_integer(bytes, id.seq.wrapping_sub(self.first.seq) as i64);
        let count = if is_same {
            pairs.iter().for_each(|(_, value)| Encoded::from(*value).append_to(bytes));
            FRAME + pairs.len()
        } else {
            push_integer(bytes, pairs.len() as i64);
            for (field, value) in pairs {
                Encoded::from(*field).append_to(bytes);
                Encoded::from(*value).append_to(bytes);
            }
            FRAME + 1 + 2 * pairs.len()
        };
        push_integer(bytes, count as i64);
        self.elements += count as u32 + 1;
        self.live += 1;
    }

    /// Gives up the room for more entries.
    pub(super) fn close(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Marks the entry at an offset as deleted, which it is not yet.
    pub(super) fn delete(&mut self, at: usize) {
        self.bytes[at] |= DELETED;
        self.live -= 1;
        self.deleted += 1;
    }

    /// Drops the deleted entries at the end whose identifiers are greater than this.
    pub(super) fn drop_deleted_behind(&mut self, last: StreamId) {
        while let Some(slot) = self.slots().next_back().filter(|slot| slot.is_deleted && slot.entry.id() > last) {
            let (at, mut cursor) = (slot.at, Cursor::new(&self.bytes, self.bytes.len()));
            cursor.back(1);
            self.elements -= cursor.integer() as u32 + 1;
            self.bytes.truncate(at);
            self.marks.truncate(at);
            self.deleted -= 1;
        }
    }

    /// The entries in order, deleted ones too.
    #[inline]
    pub(super) fn slots(&self) -> Slots<'_> {
        Slots { node: self, front: self.start as usize, back: self.bytes.len() }
    }

    /// The entries in order, without those that are deleted.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Entry<'_>> {
        self.slots().filter(|slot| !slot.is_deleted).map(|slot| slot.entry)
    }

    /// The entries from an identifier on, without those that are deleted.
    #[inline]
    pub(super) fn iter_from(&self, start: StreamId) -> impl Iterator<Item = Entry<'_>> {
        let slots = Slots { front: self.offset_of(start), ..self.slots() };
        slots.filter(|slot| !slot.is_deleted).map(|slot| slot.entry)
    }

    /// The entries up to an identifier, from the last to the first, without those that are deleted.
    pub(super) fn iter_back_from(&self, end: StreamId) -> impl Iterator<Item = Entry<'_>> {
        let back = end.next().map_or(self.bytes.len(), |next| self.offset_of(next));
        Slots { back, ..self.slots() }.rev().filter(|slot| !slot.is_deleted).map(|slot| slot.entry)
    }

    /// The entry with an identifier, which may be deleted.
    pub(super) fn find(&self, id: StreamId) -> Option<Slot<'_>> {
        let mut slots = Slots { front: self.offset_of(id), ..self.slots() };
        slots.next().filter(|slot| slot.entry.id() == id)
    }

    /// The offset of the first entry from an identifier on. Searched for from both ends: most readers want the latest entries.
    fn offset_of(&self, start: StreamId) -> usize {
        let (front, back) = self.marks.around(|at| self.slot(at).0.entry.id() < start);
        let (mut front, mut back) = (front.unwrap_or(self.start as usize), back.unwrap_or(self.bytes.len()));
        while front < back {
            let (slot, end) = self.slot(front);
            if slot.entry.id() >= start {
                return front;
            }
            front = end;
            let before = self.before(back);
            if front < back && self.slot(before).0.entry.id() < start {
                return back;
            }
            back = before.max(front);
        }
        front
    }

    /// The identifier of the last entry, which may be deleted.
    pub(super) fn last_id(&self) -> StreamId {
        self.slots().next_back().map_or(self.first, |slot| slot.entry.id())
    }

    /// Whether the fields are those in front, in the same order.
    fn has_fields(&self, pairs: &[Pair<'_>]) -> bool {
        let mut names = self.names();
        pairs.len() == self.fields as usize && pairs.iter().all(|(field, _)| names.skip_equal(field))
    }

    /// The fields in front.
    fn names(&self) -> Cursor<'_> {
        let mut cursor = Cursor::new(&self.bytes, 0);
        cursor.skip(1);
        cursor
    }

    /// Makes room for `needed` bytes. Doubles up to the limit, so that the rest of a node is seldom moved.
    fn reserve(&mut self, needed: usize, limit: usize) {
        let (len, capacity) = (self.bytes.len(), self.bytes.capacity());
        if capacity - len < needed {
            let wanted = (capacity * 2).min(limit).max(len + needed);
            self.bytes.reserve_exact(wanted - len);
        }
    }

    /// The entry at an offset, and the offset behind it.
    #[inline]
    fn slot(&self, at: usize) -> (Slot<'_>, usize) {
        let mut cursor = Cursor::new(&self.bytes, at);
        let flags = cursor.integer() as u8;
        let (ms, seq) = (cursor.integer() as u64, cursor.integer() as u64);
        let id = StreamId::new(self.first.ms.wrapping_add(ms), self.first.seq.wrapping_add(seq));
        let (fields, names) = match flags & SAME_FIELDS {
            0 => (cursor.integer() as usize, None),
            _ => (self.fields as usize, Some(self.names())),
        };
        let entry = Entry::new(id, fields, names, cursor);
        cursor.skip(if names.is_some() { fields } else { 2 * fields } + 1);
        (Slot { at, is_deleted: flags & DELETED != 0, entry }, cursor.at())
    }

    /// The offset of the entry in front of an offset.
    #[inline]
    fn before(&self, at: usize) -> usize {
        let mut cursor = Cursor::new(&self.bytes, at);
        cursor.back(1);
        let count = { cursor }.integer();
        cursor.back(count as usize);
        cursor.at()
    }
}

/// The entries of a [`Node`].
#[derive(Clone, Debug)]
pub(super) struct Slots<'a> {
    node: &'a Node,
    front: usize,
    back: usize,
}

impl<'a> Iterator for Slots<'a> {
    type Item = Slot<'a>;

    #[inline]
    fn next(&mut self) -> Option<Slot<'a>> {
        if self.front == self.back {
            return None;
        }
        let (slot, end) = self.node.slot(self.front);
        self.front = end;
        Some(slot)
    }
}

impl DoubleEndedIterator for Slots<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front == self.back {
            return None;
        }
        self.back = self.node.before(self.back);
        Some(self.node.slot(self.back).0)
    }
}

/// Reads the elements of a listpack from outside, which are valid one by one.
struct Reader<'a> {
    cursor: Cursor<'a>,
    /// The number of elements that are left.
    left: usize,
}

impl Reader<'_> {
    fn skip(&mut self, elements: usize) -> Option<()> {
        self.left = self.left.checked_sub(elements)?;
        self.cursor.skip(elements);
        Some(())
    }

    fn integer(&mut self) -> Option<i64> {
        self.left = self.left.checked_sub(1)?;
        match self.cursor.read() {
            Element::Integer(value) => Some(value),
            Element::Bytes(_) => None,
        }
    }

    fn count(&mut self) -> Option<u32> {
        self.integer().and_then(|count| u32::try_from(count).ok())
    }

    /// Reads an entry: its identifier, and whether it is deleted.
    fn entry(&mut self, node: &Node) -> Option<(StreamId, bool)> {
        let flags = u8::try_from(self.integer()?).ok().filter(|flags| flags & !(DELETED | SAME_FIELDS) == 0)?;
        let (ms, seq) = (self.integer()? as u64, self.integer()? as u64);
        let count = match flags & SAME_FIELDS {
            0 => {
                let elements = 2 * self.count()? as usize;
                self.skip(elements)?;
                FRAME + 1 + elements
            }
            _ => {
                self.skip(node.fields as usize)?;
                FRAME + node.fields as usize
            }
        };
        (self.integer()? == count as i64).then_some(())?;
        let id = StreamId::new(node.first.ms.wrapping_add(ms), node.first.seq.wrapping_add(seq));
        Some((id, flags & DELETED != 0))
    }
}

fn push_integer(bytes: &mut Vec<u8>, value: i64) {
    Encoded::from(value).append_to(bytes);
}
