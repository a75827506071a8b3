//! Streams, written part by part.
//!
//! ```text
//! number of nodes | (identifier, listpack) of each
//! number of entries | last identifier | first | greatest deleted | number of entries ever added
//! number of groups | of each:
//!   name | last identifier | entries read
//!   number of pending entries | (identifier (16), time (8), number of deliveries) of each
//!   number of consumers | of each:
//!     name | seen (8) | active (8) | number of pending entries | identifiers (16)
//! ```

use super::{tag, write::Writer};
use crate::store::value::{
    StreamId,
    stream::{Group, Log},
};

/// How many pending entries are written together.
const TOGETHER: usize = 1024;

/// The number in place of one that is not known.
const UNKNOWN: u64 = u64::MAX;

/// The next part of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum StreamPart {
    #[default]
    Head,
    /// A node, by its place.
    Node(usize),
    Counters,
    /// A part of a group, by its number.
    Group(usize, GroupPart),
}

/// The next part of a group.
#[derive(Clone, Copy, Debug)]
pub(super) enum GroupPart {
    Head,
    /// Pending entries, from an identifier on.
    Pending(StreamId),
    /// A consumer, by its place.
    Consumer(usize),
    /// Entries that are pending for a consumer, from an identifier on.
    PendingFor(usize, StreamId),
}

impl StreamPart {
    /// Writes the part, and returns the next one.
    pub(super) fn write(self, log: &Log, writer: &mut Writer<'_>) -> Option<Self> {
        match self {
            Self::Head => {
                writer.typed(if writer.is_for_redis_7_0() { tag::STREAM_2 } else { tag::STREAM_3 });
                writer.length(log.node_count());
                Some(Self::Node(0))
            }
            Self::Node(place) => {
                let Some(node) = log.node(place) else { return Self::Counters.write(log, writer) };
                if node.len() > 0 {
                    let mut listpack = Vec::new();
                    node.write_listpack(&mut listpack);
                    writer.string(&node.first().to_bytes());
                    writer.string(&listpack);
                }
                Some(Self::Node(place + 1))
            }
            Self::Counters => {
                let counters = log.counters();
                writer.number(counters.len);
                for id in [counters.last, counters.first, counters.max_deleted] {
                    write_id(id, writer);
                }
                writer.number(counters.added);
                writer.length(log.groups().len());
                Some(Self::Group(0, GroupPart::Head))
            }
            Self::Group(number, part) => Some(match part.write(log.groups().get(number)?, writer) {
                Some(next) => Self::Group(number, next),
                None => Self::Group(number + 1, GroupPart::Head),
            }),
        }
    }
}

impl GroupPart {
    fn write(self, group: &Group, writer: &mut Writer<'_>) -> Option<Self> {
        match self {
            Self::Head => {
                writer.string(group.name());
                write_id(group.last_id, writer);
                writer.number(group.entries_read.map_or(UNKNOWN, |read| read as u64));
                writer.length(group.pending_count());
                Some(Self::Pending(StreamId::MIN))
            }
            Self::Pending(from) => Some(match write_pending(group, from, writer) {
                Some(next) => Self::Pending(next),
                None => {
                    writer.length(group.consumer_count());
                    Self::Consumer(0)
                }
            }),
            Self::Consumer(place) => {
                let consumer = group.nth_consumer(place)?;
                writer.string(consumer.name());
                writer.bytes(&consumer.seen.to_le_bytes());
                if !writer.is_for_redis_7_0() {
                    writer.bytes(&consumer.active.unwrap_or(UNKNOWN).to_le_bytes());
                }
                writer.length(consumer.pending_count());
                Some(Self::PendingFor(place, StreamId::MIN))
            }
            Self::PendingFor(place, from) => {
                let mut ids = group.nth_consumer(place)?.pending_from(from);
                ids.by_ref().take(TOGETHER).for_each(|id| writer.bytes(&id.to_bytes()));
                Some(ids.next().map_or(Self::Consumer(place + 1), |next| Self::PendingFor(place, next)))
            }
        }
    }
}

/// Writes entries that are pending in a group. Returns the identifier of the next.
fn write_pending(group: &Group, from: StreamId, writer: &mut Writer<'_>) -> Option<StreamId> {
    let mut entries = group.pending_from(from);
    for (id, pending) in entries.by_ref().take(TOGETHER) {
        writer.bytes(&id.to_bytes());
        writer.bytes(&pending.delivered.to_le_bytes());
        writer.number(pending.deliveries);
    }
    entries.next().map(|(id, _)| id)
}

fn write_id(id: StreamId, writer: &mut Writer<'_>) {
    writer.number(id.ms);
    writer.number(id.seq);
}
