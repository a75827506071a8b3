//! Lists. Small parts are joined. `None` is returned for one without elements.

use super::{listpack, reader::Reader, ziplist};
use crate::store::{
    rdb::{Object, tag},
    value::{ChunkLimit, End, List, packed::Entries},
};

/// A list of strings.
pub(super) fn of_strings(reader: &mut Reader<'_>, limit: ChunkLimit) -> Option<Object<'static>> {
    let mut list = List::default();
    for _ in 0..reader.length()? {
        list.push(End::Tail, &reader.string()?, limit);
    }
    whole(list)
}

/// A list of the elements of one ziplist.
pub(super) fn of_entries(entries: Entries<'_>, limit: ChunkLimit) -> Option<Object<'static>> {
    let mut list = List::default();
    list.append(entries, limit);
    whole(list)
}

/// A list of the elements of ziplists.
pub(super) fn of_ziplists(reader: &mut Reader<'_>, limit: ChunkLimit) -> Option<Object<'static>> {
    let mut list = List::default();
    for _ in 0..reader.length()? {
        list.append(ziplist::read(&reader.string()?)?.entries(), limit);
    }
    whole(list)
}

/// A list of parts, each of them a listpack or one long element.
pub(super) fn of_listpacks(reader: &mut Reader<'_>, limit: ChunkLimit) -> Option<Object<'static>> {
    let mut list = List::default();
    for _ in 0..reader.length()? {
        let (container, part) = (reader.length()?, reader.string()?);
        match container {
            tag::PART_PLAIN if !part.is_empty() => list.push(End::Tail, &part, limit),
            tag::PART_LISTPACK => list.append(listpack::read(&part)?.entries(), limit),
            _ => return None,
        }
    }
    whole(list)
}

fn whole(list: List) -> Option<Object<'static>> {
    (list.len() > 0).then_some(Object::List(list))
}
