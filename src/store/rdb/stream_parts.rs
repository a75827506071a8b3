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
    /// A group, by its number.
    Group(usize),
    /// Pending entries of a group, from an identifier on.
    Pending(usize, StreamId),
    /// A consumer of a group.
    Consumer(usize, usize),
    /// Entries that are pending for a consumer, from an identifier on.
    PendingFor(usize, usize, StreamId),
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
                Some(Self::Group(0))
            }
            Self::Group(number) => {
                let group = log.groups().get(number)?;
                writer.string(group.name());
                write_id(group.last_id, writer);
                writer.number(group.entries_read.map_or(UNKNOWN, |read| read as u64));
                writer.length(group.pending_count());
                Some(Self::Pending(number, StreamId::MIN))
            }
            Self::Pending(number, from) => Some(match write_pending(&log.groups()[number], from, writer) {
                Some(next) => Self::Pending(number, next),
                None => {
                    writer.length(log.groups()[number].consumer_count());
                    Self::Consumer(number, 0)
                }
            }),
            Self::Consumer(number, index) => {
                let Some(consumer) = log.groups()[number].nth_consumer(index) else {
                    return Some(Self::Group(number + 1));
                };
                writer.string(consumer.name());
                writer.bytes(&consumer.seen.to_le_bytes());
                if !writer.is_for_redis_7_0() {
                    writer.bytes(&consumer.active.unwrap_or(UNKNOWN).to_le_bytes());
                }
                writer.length(consumer.pending_count());
                Some(Self::PendingFor(number, index, StreamId::MIN))
            }
            Self::PendingFor(number, index, from) => {
                let consumer = log.groups()[number].nth_consumer(index)?;
                let mut ids = consumer.pending_from(from);
                ids.by_ref().take(TOGETHER).for_each(|id| writer.bytes(&id.to_bytes()));
                Some(ids.next().map_or(Self::Consumer(number, index + 1), |next| Self::PendingFor(number, index, next)))
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
