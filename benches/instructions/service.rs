//! A command through a service to its answer: the store alone, and behind the binary's layers.

use std::{
    convert::Infallible,
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use kvstore::{
    protocol::{Command, Response},
    standalone::{self, Stack, StackSettings},
    store::Store,
};
use tower::Service;

use crate::{KEYS, Path, gets, key, sets, value};

pub(crate) const PATHS: &[Path] = &[
    ("store: GET", |times| call(store(), &gets(), times)),
    ("store: SET", |times| call(store(), &sets(), times)),
    ("stack: GET", |times| call(stack(), &gets(), times)),
    ("stack: SET", |times| call(stack(), &sets(), times)),
    ("stack: INCR", |times| call(stack(), &increments(), times)),
    ("stack: MGET 10", |times| call(stack(), &multiple_gets(), times)),
    ("stack: MSET 10", |times| call(stack(), &multiple_sets(), times)),
];

/// A store in which every key is set.
pub(crate) fn store() -> Store {
    let store = Store::new();
    sets().iter().for_each(|set| assert!(!store.execute(set).is_error()));
    store
}

fn stack() -> Stack {
    standalone::stack(store(), &StackSettings::default())
}

/// `poll_ready`, `call`, and one poll of the future for each command, as the connection loop does it.
fn call<S>(mut service: S, commands: &[Command], times: usize)
where
    S: Service<Command, Response = Response, Error = Infallible>,
{
    let mut cx = Context::from_waker(Waker::noop());
    for command in commands.iter().cycle().take(times) {
        assert!(service.poll_ready(&mut cx).is_ready());
        let Poll::Ready(Ok(response)) = pin!(service.call(command.clone())).poll(&mut cx) else {
            unreachable!("a store answers at once")
        };
        assert!(!black_box(response).is_error());
    }
}

fn increments() -> Vec<Command> {
    (0..KEYS).map(|number| Command::new("INCR").arg(format!("count:{number:010}"))).collect()
}

fn multiple_gets() -> Vec<Command> {
    tens().map(|keys| Command::new("MGET").with_args(keys)).collect()
}

fn multiple_sets() -> Vec<Command> {
    let pairs = |keys: Vec<String>| keys.into_iter().flat_map(|key| [key, value()]);
    tens().map(|keys| Command::new("MSET").with_args(pairs(keys))).collect()
}

fn tens() -> impl Iterator<Item = Vec<String>> {
    (0..KEYS / 10).map(|ten| (10 * ten..10 * ten + 10).map(key).collect())
}
