//! [`Group`]: a consumer group of a stream.

use std::collections::{BTreeMap, BTreeSet};

use super::StreamId;

/// About the memory of an entry that is pending, in bytes: its place in the tree of the group, and in that of its consumer. The
/// nodes of a tree that grows at its end are about half full.
const PENDING: usize = (size_of::<(StreamId, Pending)>() + size_of::<StreamId>()) * 11 / 6;

/// The same for its place in the order of deliveries.
const BY_DELIVERY: usize = size_of::<(u64, StreamId)>() * 11 / 6;

/// A consumer group: what its consumers were given, and have not acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    name: Box<[u8]>,
    /// The identifier of the last entry that was delivered.
    pub(crate) last_id: StreamId,
    /// The number of entries that were ever added up to that one, if it is known.
    pub(crate) entries_read: Option<i64>,
    pending: BTreeMap<StreamId, Pending>,
    /// What is pending, by when it was delivered. There since somebody has asked for it in this order.
    by_delivery: Option<BTreeSet<(u64, StreamId)>>,
    consumers: Vec<Option<Consumer>>,
    /// The numbers of the consumers, in the order of their names.
    by_name: Vec<u32>,
    /// The length of the names of the consumers.
    names: usize,
}

/// A consumer.
#[derive(Clone, Debug)]
pub(crate) struct Consumer {
    name: Box<[u8]>,
    /// When it last asked for something, in milliseconds since the Unix epoch. Like an access time it is in no record.
    pub(crate) seen: u64,
    /// When it was last given something.
    pub(crate) active: Option<u64>,
    pending: BTreeSet<StreamId>,
}

/// The number of a consumer in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConsumerId(u32);

/// An entry that was delivered, and is not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    consumer: ConsumerId,
    /// When it was delivered, in milliseconds since the Unix epoch.
    pub(crate) delivered: u64,
    /// How often it was delivered.
    pub(crate) deliveries: u64,
}

impl Group {
    pub(crate) fn new(name: &[u8], last_id: StreamId, entries_read: Option<i64>) -> Self {
        let (pending, consumers, by_name) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { name: name.into(), last_id, entries_read, pending, by_delivery: None, consumers, by_name, names: 0 }
    }

    pub(crate) fn name(&self) -> &[u8] {
        &self.name
    }

    /// The memory outside of this, in bytes.
    pub(super) fn memory(&self) -> usize {
        let consumers = self.consumers.capacity() * size_of::<Option<Consumer>>() + self.by_name.capacity() * 4;
        let deliveries = self.by_delivery.as_ref().map_or(0, |order| order.len() * BY_DELIVERY);
        self.name.len() + self.pending.len() * PENDING + deliveries + consumers + self.names
    }

    /// The number of consumers.
    pub(crate) fn consumer_count(&self) -> usize {
        self.by_name.len()
    }

    /// The consumers, in the order of their names.
    pub(crate) fn consumers(&self) -> impl ExactSizeIterator<Item = (ConsumerId, &Consumer)> {
        self.by_name.iter().map(|number| (ConsumerId(*number), self.consumer(ConsumerId(*number))))
    }

    /// The consumer at a place in that order.
    pub(crate) fn nth_consumer(&self, place: usize) -> Option<&Consumer> {
        self.by_name.get(place).map(|number| self.consumer(ConsumerId(*number)))
    }

    /// A consumer.
    ///
    /// # Panics
    /// If it was removed.
    pub(crate) fn consumer(&self, id: ConsumerId) -> &Consumer {
        self.consumers[id.0 as usize].as_ref().expect("a consumer has a number as long as it is there")
    }

    /// The same, for changes.
    pub(crate) fn consumer_mut(&mut self, id: ConsumerId) -> &mut Consumer {
        self.consumers[id.0 as usize].as_mut().expect("a consumer has a number as long as it is there")
    }

    /// The consumer with a name.
    pub(crate) fn find_consumer(&self, name: &[u8]) -> Option<ConsumerId> {
        self.place_of(name).ok().map(|place| ConsumerId(self.by_name[place]))
    }

    /// Creates a consumer, unless there is one with the name. Returns whether it did.
    pub(crate) fn create_consumer(&mut self, name: &[u8], now: u64) -> bool {
        let Err(place) = self.place_of(name) else { return false };
        let consumer = Consumer { name: name.into(), seen: now, active: None, pending: BTreeSet::new() };
        let has_free = self.by_name.len() < self.consumers.len();
        let free = if has_free { self.consumers.iter().position(Option::is_none) } else { None };
        let number = free.unwrap_or_else(|| {
            self.consumers.push(None);
            self.consumers.len() - 1
        });
        self.consumers[number] = Some(consumer);
        self.by_name.insert(place, number as u32);
        self.names += name.len();
        true
    }

    /// Removes a consumer, and what is pending for it. Returns the number of the latter; `None` if there is no such consumer.
    pub(crate) fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let place = self.place_of(name).ok()?;
        let consumer = self.consumers[self.by_name.remove(place) as usize].take()?;
        for id in &consumer.pending {
            if let Some(pending) = self.pending.remove(id) {
                self.note_delivery(*id, Some(pending.delivered), None);
            }
        }
        self.names -= name.len();
        if self.wants_new_numbers(self.by_name.len()) {
            self.number_anew();
        }
        Some(consumer.pending.len())
    }

    /// How many elements are visited when a consumer is removed.
    pub(crate) fn work_of_removal(&self, name: &[u8]) -> usize {
        let Some(consumer) = self.find_consumer(name) else { return 0 };
        let numbers = if self.wants_new_numbers(self.by_name.len() - 1) { self.consumers.len() } else { 0 };
        self.consumer(consumer).pending_count() + numbers
    }

    /// Whether so many consumers are to have new numbers: most of the old ones are free, and there were as many removals as it takes
    /// steps.
    fn wants_new_numbers(&self, consumers: usize) -> bool {
        consumers * 4 < self.consumers.len() && self.pending.len() <= self.consumers.len()
    }

    /// Gives the consumers the first numbers, and the memory of the others back.
    fn number_anew(&mut self) {
        let mut next = 0;
        let numbers: Vec<u32> = self
            .consumers
            .iter()
            .map(|consumer| {
                let number = next;
                next += u32::from(consumer.is_some());
                number
            })
            .collect();
        self.consumers.retain(Option::is_some);
        self.consumers.shrink_to_fit();
        self.by_name.iter_mut().for_each(|number| *number = numbers[*number as usize]);
        self.by_name.shrink_to_fit();
        self.pending.values_mut().for_each(|pending| pending.consumer.0 = numbers[pending.consumer.0 as usize]);
    }

    /// The number of entries that are pending.
    pub(crate) fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// The entry with an identifier, if it is pending.
    pub(crate) fn pending(&self, id: StreamId) -> Option<&Pending> {
        self.pending.get(&id)
    }

    /// The entries that are pending, from an identifier on.
    pub(crate) fn pending_from(&self, start: StreamId) -> impl DoubleEndedIterator<Item = (StreamId, &Pending)> {
        self.pending.range(start..).map(|(id, pending)| (*id, pending))
    }

    /// The entries that are pending, from the one that was delivered first on, and when; `None` if their order is not known.
    pub(crate) fn by_delivery(&self) -> Option<impl Iterator<Item = (u64, StreamId)>> {
        self.by_delivery.as_ref().map(|order| order.iter().copied())
    }

    /// Makes their order known from here on.
    pub(crate) fn order_by_delivery(&mut self) {
        let pending = self.pending.iter();
        self.by_delivery.get_or_insert_with(|| pending.map(|(id, pending)| (pending.delivered, *id)).collect());
    }

    /// The first and the last identifier that is pending.
    pub(crate) fn pending_ends(&self) -> Option<(StreamId, StreamId)> {
        Some((*self.pending.first_key_value()?.0, *self.pending.last_key_value()?.0))
    }

    /// Notes that an entry is delivered to a consumer. It may be pending for another.
    pub(crate) fn assign(&mut self, id: StreamId, consumer: ConsumerId, delivered: u64, deliveries: u64) {
        let before = self.pending.insert(id, Pending { consumer, delivered, deliveries });
        self.note_delivery(id, before.map(|before| before.delivered), Some(delivered));
        match before {
            Some(before) if before.consumer == consumer => return,
            Some(before) => _ = self.consumer_mut(before.consumer).pending.remove(&id),
            None => {}
        }
        self.consumer_mut(consumer).pending.insert(id);
    }

    /// Notes that a pending entry is delivered to its consumer once more.
    pub(crate) fn deliver_again(&mut self, id: StreamId, now: u64) {
        if let Some(pending) = self.pending.get_mut(&id) {
            let before = std::mem::replace(&mut pending.delivered, now);
            pending.deliveries = pending.deliveries.saturating_add(1);
            self.note_delivery(id, Some(before), Some(now));
        }
    }

    /// Notes when an entry was delivered before, and when it is now.
    #[inline]
    fn note_delivery(&mut self, id: StreamId, before: Option<u64>, now: Option<u64>) {
        let Some(order) = &mut self.by_delivery else { return };
        before.map(|before| order.remove(&(before, id)));
        now.map(|now| order.insert((now, id)));
    }

    /// Removes an entry from those that are pending. Returns whether it was one.
    pub(crate) fn acknowledge(&mut self, id: StreamId) -> bool {
        let Some(Pending { consumer, delivered, .. }) = self.pending.remove(&id) else { return false };
        self.note_delivery(id, Some(delivered), None);
        self.consumer_mut(consumer).pending.remove(&id);
        true
    }

    /// Whether an entry is not delivered yet, or pending.
    pub(crate) fn refers_to(&self, id: StreamId) -> bool {
        id > self.last_id || self.pending.contains_key(&id)
    }

    /// Where a consumer is in the order of the names, or would be.
    fn place_of(&self, name: &[u8]) -> Result<usize, usize> {
        self.by_name.binary_search_by(|number| (*self.consumer(ConsumerId(*number)).name).cmp(name))
    }
}

impl Consumer {
    pub(crate) fn name(&self) -> &[u8] {
        &self.name
    }

    /// The number of entries that are pending for it.
    pub(crate) fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// The identifiers of the entries that are pending for it, from one on.
    pub(crate) fn pending_from(&self, start: StreamId) -> impl DoubleEndedIterator<Item = StreamId> {
        self.pending.range(start..).copied()
    }
}

impl Pending {
    /// The consumer to which it was delivered last.
    pub(crate) fn consumer(&self) -> ConsumerId {
        self.consumer
    }

    /// The milliseconds since it was delivered.
    pub(crate) fn idle(&self, now: u64) -> u64 {
        now.saturating_sub(self.delivered)
    }
}
