//! [`Log`]: the entries of a stream, and its groups.

use std::collections::VecDeque;

use super::{
    Counters, Entry, Group, NodeLimit, StreamId,
    group::ConsumerId,
    node::{Node, Pair},
};

/// The most bytes of the fields and values of an entry.
pub(crate) const MAX_ENTRY: usize = 1 << 30;

/// A node that is empty stays until this part of all nodes is: to remove one from the middle moves the others.
const MAX_EMPTY: usize = 8;

/// Entries in the order of their identifiers, in nodes that are found by the first of theirs.
///
/// Entries are added at the end. A node that is full is never written again but to mark entries as deleted. It is dropped with the
/// last of them. The order is that of deleted entries too, and none of them is behind the last identifier of the stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub(super) counters: Counters,
    /// Neither the first nor the last of them is empty.
    pub(super) nodes: VecDeque<Node>,
    /// The number of nodes that are empty.
    empty: usize,
    /// The capacity of the nodes, in bytes.
    capacity: usize,
    /// In the order of their names.
    pub(super) groups: Vec<Group>,
    /// The memory of the groups, in bytes.
    groups_memory: usize,
}

/// What a consumer that reads gets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivery {
    /// The number of the group, from [`Log::find_group`].
    pub(crate) group: usize,
    pub(crate) consumer: ConsumerId,
    /// The most entries.
    pub(crate) most: usize,
    /// Whether they are acknowledged at once.
    pub(crate) is_acknowledged: bool,
    /// The time in milliseconds since the Unix epoch.
    pub(crate) now: u64,
}

impl Log {
    /// A stream of nodes and groups from elsewhere. `None` if they do not fit together.
    pub(crate) fn from_parts(counters: Counters, nodes: Vec<Node>, mut groups: Vec<Group>) -> Option<Self> {
        let mut nodes: VecDeque<_> = nodes.into_iter().filter(|node| node.len() > 0).collect();
        for place in 0..nodes.len() {
            let last = nodes.get(place + 1).map_or(Some(counters.last), |next| next.first().prev());
            nodes[place].drop_deleted_behind(last.unwrap_or_default());
        }
        let ordered = |(one, other): (&Node, &Node)| one.last_id() < other.first();
        let is_ordered = nodes.iter().zip(nodes.iter().skip(1)).all(ordered);
        let len = nodes.iter().map(|node| node.len() as u64).sum::<u64>();
        let is_last = nodes.back().is_none_or(|node| node.last_id() <= counters.last);
        groups.sort_unstable_by(|one, other| one.name().cmp(other.name()));
        let are_distinct = groups.iter().zip(groups.iter().skip(1)).all(|(one, other)| one.name() != other.name());
        if !is_ordered || len != counters.len || !is_last || !are_distinct {
            return None;
        }
        let capacity = nodes.iter().map(Node::capacity).sum();
        let groups_memory = groups.iter().map(Group::memory).sum();
        let mut log = Self { counters, nodes, empty: 0, capacity, groups, groups_memory };
        log.update_first();
        Some(log)
    }

    /// The numbers and identifiers that it keeps.
    #[inline]
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The number of entries.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.counters.len as usize
    }

    /// The number of nodes that have entries.
    pub(crate) fn node_count(&self) -> usize {
        self.nodes.len() - self.empty
    }

    /// The nodes that have entries.
    #[cfg(test)]
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.len() > 0)
    }

    /// The node at a place, which may be empty; `None` behind the last.
    pub(crate) fn node(&self, place: usize) -> Option<&Node> {
        self.nodes.get(place)
    }

    /// The memory, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let nodes = self.nodes.capacity() * size_of::<Node>() + self.capacity;
        size_of::<Self>() + nodes + self.groups.capacity() * size_of::<Group>() + self.groups_memory
    }

    /// The identifier of the last entry that is there.
    pub(crate) fn last_entry_id(&self) -> Option<StreamId> {
        self.nodes.iter().rev().find_map(|node| node.iter().next_back()).map(|entry| entry.id())
    }

    /// The entry with an identifier.
    pub(crate) fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        let slot = self.nodes.get(self.place_of(id)?)?.find(id)?;
        (!slot.is_deleted).then_some(slot.entry)
    }

    /// Visits the entries of a range, both ends included, until `visit` returns false.
    #[inline]
    pub(crate) fn visit<'a>(&'a self, start: StreamId, end: StreamId, mut visit: impl FnMut(Entry<'a>) -> bool) {
        let first = self.place_of(start).unwrap_or_default();
        for node in self.nodes.range(first..) {
            for entry in node.iter_from(start) {
                if entry.id() > end || !visit(entry) {
                    return;
                }
            }
        }
    }

    /// The same from the last to the first.
    pub(crate) fn visit_back<'a>(&'a self, start: StreamId, end: StreamId, mut visit: impl FnMut(Entry<'a>) -> bool) {
        let Some(last) = self.place_of(end) else { return };
        for node in self.nodes.range(..=last).rev() {
            for entry in node.iter_back_from(end) {
                if entry.id() < start || !visit(entry) {
                    return;
                }
            }
        }
    }

    /// About how many entries there are up to an identifier.
    pub(super) fn entries_up_to(&self, id: StreamId) -> usize {
        let places = self.place_of(id).map_or(0, |place| place + 1);
        self.len().div_ceil(self.nodes.len().max(1)) * places
    }

    /// About how many entries are in a range.
    pub(crate) fn entries_between(&self, start: StreamId, end: StreamId) -> usize {
        let (first, last) = (self.place_of(start).unwrap_or_default(), self.place_of(end));
        let places = last.map_or(0, |last| (last + 1).saturating_sub(first));
        self.len().div_ceil(self.nodes.len().max(1)) * places
    }

    /// Adds an entry, whose identifier is greater than any before.
    pub(crate) fn append(&mut self, id: StreamId, pairs: &[Pair<'_>], limit: NodeLimit) {
        let bytes = pairs.iter().map(|(field, value)| field.len() + value.len()).sum();
        if self.nodes.back().is_none_or(|last| !last.has_room(bytes, limit)) {
            self.edit_last(Node::close);
            let node = Node::new(id, pairs);
            self.capacity += node.capacity();
            self.nodes.push_back(node);
        }
        self.edit_last(|node| node.append(id, pairs, limit));
        if self.counters.len == 0 {
            self.counters.first = id;
        }
        self.counters.len += 1;
        self.counters.added = self.counters.added.wrapping_add(1);
        self.counters.last = id;
    }

    /// Sets the last identifier, which may be smaller than those of deleted entries, and the other numbers that are given.
    pub(crate) fn set_last(&mut self, last: StreamId, added: Option<u64>, max_deleted: Option<StreamId>) {
        self.counters.last = last;
        // They are all in the last node, which has an entry that is not deleted.
        self.edit_last(|node| node.drop_deleted_behind(last));
        self.counters.added = added.unwrap_or(self.counters.added);
        self.counters.max_deleted = max_deleted.unwrap_or(self.counters.max_deleted);
    }

    /// Removes an entry. Returns whether there is one.
    pub(crate) fn remove(&mut self, id: StreamId) -> bool {
        let Some(place) = self.place_of(id) else { return false };
        let Some(slot) = self.nodes[place].find(id).filter(|slot| !slot.is_deleted) else { return false };
        let at = slot.at;
        self.delete_at(place, at);
        self.drop_empty();
        self.counters.max_deleted = self.counters.max_deleted.max(id);
        if id == self.counters.first {
            self.update_first();
        }
        true
    }

    /// The groups, in the order of their names.
    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The number of the group with a name. Valid as long as no group is created or removed.
    pub(crate) fn find_group(&self, name: &[u8]) -> Option<usize> {
        self.place_of_group(name).ok()
    }

    /// Changes the group with a number.
    pub(crate) fn edit_group<R>(&mut self, number: usize, edit: impl FnOnce(&mut Group) -> R) -> R {
        let group = &mut self.groups[number];
        self.groups_memory -= group.memory();
        let result = edit(group);
        self.groups_memory += group.memory();
        result
    }

    /// Creates a group, unless there is one with the name. Returns whether it did.
    pub(crate) fn create_group(&mut self, name: &[u8], last_id: StreamId, entries_read: Option<i64>) -> bool {
        let Err(place) = self.place_of_group(name) else { return false };
        let group = Group::new(name, last_id, entries_read);
        self.groups_memory += group.memory();
        self.groups.insert(place, group);
        true
    }

    /// Removes a group. Returns whether there was one.
    pub(crate) fn remove_group(&mut self, name: &[u8]) -> bool {
        let Ok(place) = self.place_of_group(name) else { return false };
        self.groups_memory -= self.groups.remove(place).memory();
        if self.groups.len() * 4 < self.groups.capacity() {
            self.groups.shrink_to(self.groups.len() * 2);
        }
        true
    }

    /// Delivers the entries behind the last one that the group was given. Returns how many.
    pub(crate) fn deliver(&mut self, delivery: &Delivery, mut visit: impl FnMut(Entry<'_>)) -> usize {
        let Self { counters, nodes, groups, groups_memory, .. } = self;
        let group = &mut groups[delivery.group];
        let Some(start) = group.last_id.next() else { return 0 };
        *groups_memory -= group.memory();
        let (first, mut delivered) = (place_in(nodes, start).unwrap_or_default(), 0);
        let entries = nodes.range(first..).flat_map(|node| node.iter_from(start));
        for entry in entries.take(delivery.most) {
            group.entries_read = counters.read_after(group.last_id, group.entries_read, entry.id());
            group.last_id = entry.id();
            if !delivery.is_acknowledged {
                group.assign(entry.id(), delivery.consumer, delivery.now, 1);
            }
            visit(entry);
            delivered += 1;
        }
        if delivered > 0 && !delivery.is_acknowledged {
            group.consumer_mut(delivery.consumer).active = Some(delivery.now);
        }
        *groups_memory += group.memory();
        delivered
    }

    /// Whether a group was not given an entry yet, or has not acknowledged it.
    pub(crate) fn is_referred_to(&self, id: StreamId) -> bool {
        self.groups.iter().any(|group| group.refers_to(id))
    }

    /// Lets an entry be pending in no group, also if it is gone. Returns whether it was pending.
    pub(crate) fn forget(&mut self, id: StreamId) -> bool {
        let numbers = 0..self.groups.len();
        numbers.filter(|number| self.edit_group(*number, |group| group.acknowledge(id))).count() > 0
    }

    /// Marks the entry at an offset of a node as deleted. The node may be empty then.
    pub(super) fn delete_at(&mut self, place: usize, at: usize) {
        self.nodes[place].delete(at);
        self.counters.len -= 1;
        if self.nodes[place].len() == 0 {
            self.empty_node(place);
        }
    }

    /// Removes the first node, with its entries.
    pub(super) fn remove_first_node(&mut self) {
        if let Some(node) = self.nodes.pop_front() {
            self.counters.len -= node.len() as u64;
            self.capacity -= node.capacity();
            self.empty -= usize::from(node.len() == 0);
        }
    }

    /// Removes nodes that are empty: at the ends, and all when they are many.
    pub(super) fn drop_empty(&mut self) {
        if self.empty == 0 {
            return;
        }
        while self.nodes.front().is_some_and(|node| node.len() == 0) {
            self.nodes.pop_front();
            self.empty -= 1;
        }
        while self.nodes.back().is_some_and(|node| node.len() == 0) {
            self.nodes.pop_back();
            self.empty -= 1;
        }
        if self.empty > self.nodes.len() / MAX_EMPTY {
            self.nodes.retain(|node| node.len() > 0);
            self.empty = 0;
        }
    }

    /// Finds the identifier of the first entry again.
    pub(super) fn update_first(&mut self) {
        let first = self.nodes.iter().find_map(|node| node.iter().next());
        self.counters.first = first.map_or(StreamId::MIN, |entry| entry.id());
    }

    /// Frees what a node without entries takes.
    fn empty_node(&mut self, place: usize) {
        let node = &mut self.nodes[place];
        self.capacity -= node.capacity();
        *node = Node::empty(node.first());
        self.empty += 1;
    }

    fn edit_last(&mut self, edit: impl FnOnce(&mut Node)) {
        if let Some(last) = self.nodes.back_mut() {
            self.capacity -= last.capacity();
            edit(last);
            self.capacity += last.capacity();
        }
    }

    /// The place of the node in which an identifier would be; `None` in front of the first.
    fn place_of(&self, id: StreamId) -> Option<usize> {
        place_in(&self.nodes, id)
    }

    fn place_of_group(&self, name: &[u8]) -> Result<usize, usize> {
        self.groups.binary_search_by(|group| group.name().cmp(name))
    }

    /// What must be true after each change.
    #[cfg(test)]
    pub(super) fn check(&self) {
        assert_eq!(self.capacity, self.nodes.iter().map(Node::capacity).sum::<usize>());
        assert_eq!(self.len(), self.nodes.iter().map(Node::len).sum::<usize>());
        assert_eq!(self.empty, self.nodes.iter().filter(|node| node.len() == 0).count());
        assert!([self.nodes.front(), self.nodes.back()].into_iter().flatten().all(|node| node.len() > 0));
        let mut ids: Vec<_> = self.nodes.iter().flat_map(|node| node.slots().map(|slot| slot.entry.id())).collect();
        ids.push(self.counters.last.next().expect("tests do not go so far"));
        assert!(ids.is_sorted_by(|id, next| id < next), "{ids:?}");
        assert!(self.nodes.iter().all(|node| node.slots().next().is_none_or(|slot| node.first() <= slot.entry.id())));
    }
}

fn place_in(nodes: &VecDeque<Node>, id: StreamId) -> Option<usize> {
    // Most commands ask for what is at the end.
    match nodes.back() {
        Some(last) if last.first() <= id => Some(nodes.len() - 1),
        _ => nodes.partition_point(|node| node.first() <= id).checked_sub(1),
    }
}
