//! DEL, RENAME, COPY, EXISTS, MGET, FLUSHALL.

use kvstore_protocol::{Command, Response};
use proptest::prelude::*;

use super::{KEYS, KeyName, Model, command, key};

#[derive(Clone, Debug)]
pub(super) enum KeyStep {
    Del(KeyName, KeyName),
    Rename(KeyName, KeyName),
    Copy(KeyName, KeyName),
    Exists(KeyName, KeyName),
    /// Every key that steps use. Not DBSIZE, which counts expired keys until they are removed.
    MGetAll,
    FlushAll,
}

pub(super) fn step() -> impl Strategy<Value = KeyStep> {
    use KeyStep::*;
    prop_oneof![
        1 => (key(), key()).prop_map(|(one, other)| Del(one, other)),
        2 => (key(), key()).prop_map(|(from, to)| Rename(from, to)),
        2 => (key(), key()).prop_map(|(from, to)| Copy(from, to)),
        1 => (key(), key()).prop_map(|(one, other)| Exists(one, other)),
        1 => Just(MGetAll),
        1 => Just(FlushAll),
    ]
}

impl Model {
    pub(super) fn apply_to_keys(&mut self, step: KeyStep) -> (Command, Response) {
        use KeyStep::*;
        match step {
            Del(one, other) => {
                let removed = [one, other].map(|key| usize::from(self.entries.remove(&key).is_some()));
                (command("DEL", one).arg(other), (removed[0] + removed[1]).into())
            }
            Rename(from, to) => (command("RENAME", from).arg(to), self.rename(from, to)),
            Copy(from, to) => (command("COPY", from).arg(to).arg("REPLACE"), self.copy(from, to)),
            Exists(one, other) => {
                let existing = [one, other].map(|key| usize::from(self.entries.contains_key(&key)));
                (command("EXISTS", one).arg(other), (existing[0] + existing[1]).into())
            }
            MGetAll => {
                let found = (0..KEYS).map(|key| self.value(KeyName(key)).cloned());
                (Command::new("MGET").with_args((0..KEYS).map(KeyName)), Response::array(found))
            }
            FlushAll => {
                self.entries.clear();
                (Command::new("FLUSHALL"), Response::ok())
            }
        }
    }

    fn rename(&mut self, from: KeyName, to: KeyName) -> Response {
        match self.entries.remove(&from) {
            Some((value, expires_at)) => self.set(to, value, expires_at),
            None => Response::error("ERR", "no such key"),
        }
    }

    fn copy(&mut self, from: KeyName, to: KeyName) -> Response {
        if from == to {
            return Response::error("ERR", "source and destination objects are the same");
        }
        match self.entries.get(&from).cloned() {
            Some((value, expires_at)) => {
                self.set(to, value, expires_at);
                true.into()
            }
            None => false.into(),
        }
    }
}
