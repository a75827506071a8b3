//! PEXPIRE, PERSIST, PTTL.

use kvstore_protocol::{Command, Response};
use proptest::prelude::*;

use super::{KeyName, Model, command, key};

#[derive(Clone, Debug)]
pub(super) enum ExpiryStep {
    PExpire(KeyName, i64),
    PExpireGt(KeyName, i64),
    Persist(KeyName),
    PTtl(KeyName),
}

pub(super) fn step() -> impl Strategy<Value = ExpiryStep> {
    use ExpiryStep::*;
    prop_oneof![
        2 => (key(), -5..100_i64).prop_map(|(key, time)| PExpire(key, time)),
        1 => (key(), -5..100_i64).prop_map(|(key, time)| PExpireGt(key, time)),
        1 => key().prop_map(Persist),
        2 => key().prop_map(PTtl),
    ]
}

impl Model {
    pub(super) fn apply_to_expiry(&mut self, step: ExpiryStep) -> (Command, Response) {
        use ExpiryStep::*;
        match step {
            PExpire(key, time) => (command("PEXPIRE", key).arg(time), self.expire(key, time)),
            PExpireGt(key, time) => (command("PEXPIRE", key).arg(time).arg("GT"), self.expire_later(key, time)),
            Persist(key) => {
                let expiry = self.entries.get_mut(&key).and_then(|(_, expires_at)| expires_at.take());
                (command("PERSIST", key), expiry.is_some().into())
            }
            PTtl(key) => (command("PTTL", key), self.ttl(key).into()),
        }
    }

    fn expire(&mut self, key: KeyName, time: i64) -> Response {
        let at = self.now as i64 + time;
        match self.entries.get_mut(&key) {
            Some(_) if time <= 0 => _ = self.entries.remove(&key),
            Some((_, expires_at)) => *expires_at = Some(at as u64),
            None => return false.into(),
        }
        true.into()
    }

    fn expire_later(&mut self, key: KeyName, time: i64) -> Response {
        let is_later = self.expires_at(key).is_some_and(|before| self.now as i64 + time > before as i64);
        if is_later { self.expire(key, time) } else { false.into() }
    }

    fn ttl(&self, key: KeyName) -> i64 {
        match self.entries.get(&key) {
            Some((_, Some(expires_at))) => (expires_at - self.now) as i64,
            Some((_, None)) => -1,
            None => -2,
        }
    }
}
