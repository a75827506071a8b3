//! [`read_object`]: reads a value.
//!
//! Small collections of every age become entries, from which `build` makes values, as it does from single strings. `None` is
//! returned for what is not valid.
//!
//! - `reader` strings and numbers
//! - `listpack`, `ziplist`, `zipmap` collections in one string
//! - `build` values of their elements; `list` lists; `stream` streams

mod build;
mod list;
mod listpack;
mod reader;
mod stream;
mod ziplist;
mod zipmap;

use super::{Object, tag};
use crate::store::value::{Thresholds, packed::IntSetRef};

use stream::Version;

pub(super) use reader::Reader;

/// Reads the type of a value and the value, which is encoded as the thresholds say. `is_valkey` says what a type means that is not the same
/// in Redis and Valkey.
pub(super) fn read_object<'a>(bytes: &'a [u8], is_valkey: bool, thresholds: &Thresholds) -> Option<Object<'a>> {
    match bytes {
        [tag::HASH_EXPIRING_VALKEY, value @ ..] if is_valkey => {
            build::expiring_hash_of_valkey(&mut Reader::new(value), thresholds.hash())
        }
        _ => object(&mut Reader::new(bytes), thresholds),
    }
}

/// The same, off the front of bytes.
pub(super) fn read_first_object<'a>(bytes: &mut &'a [u8], thresholds: &Thresholds) -> Option<Object<'a>> {
    let mut reader = Reader::new(bytes);
    let object = object(&mut reader, thresholds)?;
    *bytes = reader.rest();
    Some(object)
}

fn object<'a>(reader: &mut Reader<'a>, thresholds: &Thresholds) -> Option<Object<'a>> {
    match reader.byte()? {
        tag::STRING => reader.string().map(Object::String),
        tag::LIST => list::of_strings(reader, thresholds.chunk()),
        tag::LIST_ZIPLIST => list::of_entries(ziplist::read(&reader.string()?)?.entries(), thresholds.chunk()),
        tag::LIST_ZIPLISTS => list::of_ziplists(reader, thresholds.chunk()),
        tag::LIST_LISTPACKS => list::of_listpacks(reader, thresholds.chunk()),
        tag::HASH => build::hash_of_strings(reader, thresholds.hash()),
        tag::HASH_LISTPACK => build::hash(listpack::read(&reader.string()?)?.entries(), thresholds.hash()),
        tag::HASH_EXPIRING => build::expiring_hash_of_strings(reader, thresholds.hash()),
        tag::HASH_EXPIRING_LISTPACK => {
            // The earliest expiry is that of the first field.
            reader.array::<8>()?;
            build::expiring_hash(listpack::read(&reader.string()?)?.entries(), thresholds.hash())
        }
        tag::HASH_ZIPLIST => build::hash(ziplist::read(&reader.string()?)?.entries(), thresholds.hash()),
        tag::HASH_ZIPMAP => build::hash(zipmap::read(&reader.string()?)?.entries(), thresholds.hash()),
        tag::SET => build::set_of_strings(reader, thresholds.into()),
        tag::SET_INTSET => build::int_set(IntSetRef::from_redis(&reader.string()?)?, thresholds.into()),
        tag::SET_LISTPACK => build::set(listpack::read(&reader.string()?)?.entries(), thresholds.into()),
        tag::SORTED_SET => build::sorted_set_of_strings(reader, Reader::double, thresholds.sorted_set()),
        tag::SORTED_SET_TEXT => build::sorted_set_of_strings(reader, Reader::double_text, thresholds.sorted_set()),
        tag::SORTED_SET_LISTPACK => {
            build::sorted_set(listpack::read(&reader.string()?)?.entries(), thresholds.sorted_set())
        }
        tag::SORTED_SET_ZIPLIST => {
            build::sorted_set(ziplist::read(&reader.string()?)?.entries(), thresholds.sorted_set())
        }
        tag::STREAM_1 => stream::read(reader, Version::Redis5),
        tag::STREAM_2 => stream::read(reader, Version::Redis7),
        tag::STREAM_3 => stream::read(reader, Version::Redis7_2),
        _ => None,
    }
}
