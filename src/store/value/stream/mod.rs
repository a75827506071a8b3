//! [`Stream`]: entries of fields and values, each with an identifier that is greater than all before, and groups of consumers
//! that share them.
//!
//! - `id` the identifiers; `entry` an entry, where it lies
//! - `node` a run of packed entries, `marks` where some of them begin; `log` the nodes and the groups
//! - `trim` removing the oldest entries
//! - `group` the consumers of a group, and what is pending for them; `counters` what its lag is derived from

mod counters;
mod entry;
mod group;
mod id;
mod log;
mod marks;
mod node;
#[cfg(test)]
mod tests;
mod trim;

use std::ops::{Deref, DerefMut};

use kvstore_protocol::CommandError;

use super::{DataType, Editable, Kind, NewValue, Value};
use crate::store::shard;

pub(crate) use counters::Counters;
pub(crate) use entry::Entry;
pub(crate) use group::{Consumer, ConsumerId, Group, Pending};
pub(crate) use id::StreamId;
pub(crate) use log::{Delivery, Log, MAX_ENTRY};
pub(crate) use node::{Node, NodeLimit, Pair};
pub(crate) use trim::{Bound, References, Trim};

/// A stream that is changed. It is never removed because it is empty.
#[derive(Debug)]
pub(crate) struct Stream(Option<Box<Log>>);

impl Stream {
    /// The type, as TYPE names it.
    pub(crate) const TYPE_NAME: &str = "stream";
}

impl From<Log> for Stream {
    fn from(log: Log) -> Self {
        Self(Some(log.into()))
    }
}

impl DataType for Stream {
    type Ref<'a> = &'a Log;

    #[inline]
    fn read(entry: shard::Entry<'_>) -> Result<&Log, CommandError> {
        match entry.external() {
            Some(Value::Stream(log)) => Ok(log),
            _ => Err(CommandError::WRONG_TYPE),
        }
    }
}

impl Editable for Stream {
    fn from_inline(kind: Kind, _: &[u8]) -> Self {
        unreachable!("a short {} is not edited as a stream", kind.type_name())
    }

    fn from_external(value: Value) -> Self {
        match value {
            Value::Stream(log) => Self(Some(log)),
            other => unreachable!("a {} is not edited as a stream", other.type_name()),
        }
    }

    fn take_external(&mut self) -> Option<Value> {
        self.0.take().map(Value::Stream)
    }

    fn take<R>(&mut self, store: impl FnOnce(NewValue<'_>) -> R) -> R {
        store(NewValue::External(self.take_external().unwrap_or_default()))
    }

    fn is_empty(&self) -> bool {
        false
    }
}

/// An empty stream.
impl Default for Stream {
    fn default() -> Self {
        Self(Some(Box::default()))
    }
}

impl Deref for Stream {
    type Target = Log;

    #[inline]
    fn deref(&self) -> &Log {
        self.0.as_ref().expect("a stream is taken when it is stored, at last")
    }
}

impl DerefMut for Stream {
    #[inline]
    fn deref_mut(&mut self) -> &mut Log {
        self.0.as_mut().expect("a stream is taken when it is stored, at last")
    }
}
