//! Streams. `None` is returned for one whose parts do not fit together.

use std::collections::BTreeMap;

use super::{Reader, listpack};
use crate::store::{
    rdb::Object,
    value::{
        StreamId,
        stream::{Counters, Group, Log, Node},
    },
};

/// What was added to the format of Redis 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    Redis5,
    /// What is known of entries that are not there any more.
    Redis7,
    /// When a consumer was active.
    Redis7_2,
}

/// The number in place of one that is not known.
const UNKNOWN: u64 = u64::MAX;

/// The entries that are pending in a group, and have no consumer yet: when they were delivered, and how often.
type Unassigned = BTreeMap<StreamId, (u64, u64)>;

pub(super) fn read(reader: &mut Reader<'_>, version: Version) -> Option<Object<'static>> {
    let mut nodes = Vec::new();
    for _ in 0..reader.length()? {
        let first = StreamId::from_bytes((&*reader.string()?).try_into().ok()?);
        nodes.push(Node::read(first, listpack::read(&reader.string()?)?.entries())?);
    }
    let first = nodes.iter().find_map(|node| node.iter().next()).map_or(StreamId::MIN, |entry| entry.id());
    let counters = Counters { first, ..counters(reader, version)? };
    let mut groups = Vec::new();
    for _ in 0..reader.length()? {
        groups.push(group(reader, version, &counters)?);
    }
    Log::from_parts(counters, nodes, groups).map(|log| Object::Stream(log.into()))
}

fn counters(reader: &mut Reader<'_>, version: Version) -> Option<Counters> {
    let (len, last) = (reader.length()?, id(reader)?);
    let counters = Counters { len, last, added: len, ..Counters::default() };
    match version {
        Version::Redis5 => Some(counters),
        _ => {
            // The first identifier is that of the first entry.
            id(reader)?;
            Some(Counters { max_deleted: id(reader)?, added: reader.length()?, ..counters })
        }
    }
}

fn group(reader: &mut Reader<'_>, version: Version, counters: &Counters) -> Option<Group> {
    let (name, last_id) = (reader.string()?, id(reader)?);
    let entries_read = match version {
        Version::Redis5 => counters.read_up_to(last_id),
        _ => Some(reader.length()?).filter(|read| *read != UNKNOWN).map(|read| read as i64),
    };
    let (mut group, mut unassigned) = (Group::new(&name, last_id, entries_read), Unassigned::new());
    for _ in 0..reader.length()? {
        let id = StreamId::from_bytes(reader.array()?);
        let before = unassigned.insert(id, (u64::from_le_bytes(reader.array()?), reader.length()?));
        before.is_none().then_some(())?;
    }
    for _ in 0..reader.length()? {
        consumer(reader, version, &mut group, &mut unassigned)?;
    }
    unassigned.is_empty().then_some(group)
}

fn consumer(reader: &mut Reader<'_>, version: Version, group: &mut Group, unassigned: &mut Unassigned) -> Option<()> {
    let (name, seen) = (reader.string()?, u64::from_le_bytes(reader.array()?));
    let active = match version {
        Version::Redis7_2 => Some(u64::from_le_bytes(reader.array()?)).filter(|active| *active != UNKNOWN),
        _ => Some(seen),
    };
    group.create_consumer(&name, seen).then_some(())?;
    let consumer = group.find_consumer(&name)?;
    group.consumer_mut(consumer).active = active;
    for _ in 0..reader.length()? {
        let id = StreamId::from_bytes(reader.array()?);
        let (delivered, deliveries) = unassigned.remove(&id)?;
        group.assign(id, consumer, delivered, deliveries);
    }
    Some(())
}

fn id(reader: &mut Reader<'_>) -> Option<StreamId> {
    Some(StreamId::new(reader.length()?, reader.length()?))
}
