//! GET, SET, APPEND, SETRANGE, GETRANGE, INCRBY.

use kvstore_protocol::{Command, Response};
use proptest::prelude::*;

use super::{Bytes, KeyName, Model, bytes, command, key};

#[derive(Clone, Debug)]
pub(super) enum StringStep {
    Get(KeyName),
    Set(KeyName, Bytes),
    SetNx(KeyName, Bytes),
    SetPx(KeyName, Bytes, u64),
    SetKeepTtl(KeyName, Bytes),
    Append(KeyName, Bytes),
    SetRange(KeyName, usize, Bytes),
    GetRange(KeyName, i64, i64),
    IncrBy(KeyName, i64),
}

pub(super) fn step() -> impl Strategy<Value = StringStep> {
    use StringStep::*;
    prop_oneof![
        4 => key().prop_map(Get),
        3 => (key(), bytes()).prop_map(|(key, value)| Set(key, value)),
        1 => (key(), bytes()).prop_map(|(key, value)| SetNx(key, value)),
        2 => (key(), bytes(), 1..100_u64).prop_map(|(key, value, time)| SetPx(key, value, time)),
        1 => (key(), bytes()).prop_map(|(key, value)| SetKeepTtl(key, value)),
        2 => (key(), bytes()).prop_map(|(key, value)| Append(key, value)),
        1 => (key(), 0..90_usize, bytes()).prop_map(|(key, at, value)| SetRange(key, at, value)),
        1 => (key(), -90..90_i64, -90..90_i64).prop_map(|(key, start, end)| GetRange(key, start, end)),
        2 => (key(), prop_oneof![-9..9_i64, any::<i64>()]).prop_map(|(key, number)| IncrBy(key, number)),
    ]
}

impl Model {
    pub(super) fn apply_to_string(&mut self, step: StringStep) -> (Command, Response) {
        use StringStep::*;
        match step {
            Get(key) => (Command::new("GET").arg(key), self.value(key).cloned().into()),
            Set(key, value) => (Command::new("SET").arg(key).arg(&value), self.set(key, value, None)),
            SetNx(key, value) => (Command::new("SET").arg(key).arg(&value).arg("NX"), self.set_if_missing(key, value)),
            SetPx(key, value, time) => {
                let command = Command::new("SET").arg(key).arg(&value).arg("PX").arg(time);
                (command, self.set(key, value, Some(self.now + time)))
            }
            SetKeepTtl(key, value) => {
                (Command::new("SET").arg(key).arg(&value).arg("KEEPTTL"), self.set(key, value, self.expires_at(key)))
            }
            Append(key, tail) => {
                (command("APPEND", key).arg(&tail), self.edit(key, |value| value.extend_from_slice(&tail)))
            }
            SetRange(key, at, patch) => (command("SETRANGE", key).arg(at).arg(&patch), self.overwrite(key, at, &patch)),
            GetRange(key, start, end) => (command("GETRANGE", key).arg(start).arg(end), self.range(key, start, end)),
            IncrBy(key, number) => (command("INCRBY", key).arg(number), self.add(key, number)),
        }
    }

    fn set_if_missing(&mut self, key: KeyName, value: Bytes) -> Response {
        if self.value(key).is_none() { self.set(key, value, None) } else { Response::Null }
    }

    /// Changes a value, or an empty one. It keeps its expiry.
    fn edit(&mut self, key: KeyName, change: impl FnOnce(&mut Bytes)) -> Response {
        let (value, _) = self.entries.entry(key).or_default();
        change(value);
        value.len().into()
    }

    fn overwrite(&mut self, key: KeyName, at: usize, patch: &[u8]) -> Response {
        if patch.is_empty() {
            return self.value(key).map_or(0, Vec::len).into();
        }
        let end = at + patch.len();
        self.edit(key, |value| {
            value.resize(value.len().max(end), 0);
            value[at..end].copy_from_slice(patch);
        })
    }

    fn range(&self, key: KeyName, start: i64, end: i64) -> Response {
        let value = self.value(key).cloned().unwrap_or_default();
        let length = value.len() as i64;
        let from_start = |index: i64| if index < 0 { (length + index).max(0) } else { index };
        if start < 0 && end < 0 && start > end {
            return Response::from("");
        }
        let (start, end) = (from_start(start), from_start(end));
        let indices = (start..=end).filter(|index| *index < length);
        Response::from(indices.map(|index| value[index as usize]).collect::<Vec<_>>())
    }

    fn add(&mut self, key: KeyName, number: i64) -> Response {
        let is_strict = |number: &i64, text: &Bytes| number.to_string().as_bytes() == text;
        let before = self.value(key).map_or(Some(0), |text| {
            String::from_utf8(text.clone()).ok()?.parse().ok().filter(|number| is_strict(number, text))
        });
        let Some(before) = before else {
            return Response::error("ERR", "value is not an integer or out of range");
        };
        let Some(sum) = before.checked_add(number) else {
            return Response::error("ERR", "increment or decrement would overflow");
        };
        self.set(key, sum.to_string().into_bytes(), self.expires_at(key));
        sum.into()
    }
}
