//! What the tests of several layers share.

#![allow(dead_code, reason = "each file of tests uses some of it")]

use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::Pin,
    task::{Context, Poll},
};

use kvstore_protocol::{Command, Response};
use tower::{Layer, Service, ServiceExt};

/// A service whose only command is answered `+OK` once its work is done. Its clones have no work of their own.
#[derive(Debug)]
pub(crate) struct Once<W>(Option<W>);

impl<W> Clone for Once<W> {
    fn clone(&self) -> Self {
        Self(None)
    }
}

impl<W> Service<Command> for Once<W>
where
    W: Future<Output = ()> + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _command: Command) -> Self::Future {
        let work = self.0.take().expect("called once");
        Box::pin(async {
            work.await;
            Ok(Response::ok())
        })
    }
}

/// Calls `work` as the only command of a service under `layer`.
pub(crate) async fn call_once<L, W>(layer: L, work: W) -> Response
where
    L: Layer<Once<W>>,
    L::Service: Service<Command, Response = Response, Error = Infallible>,
{
    match layer.layer(Once(Some(work))).oneshot(Command::new("GET").arg("k")).await {
        Ok(response) => response,
    }
}

/// A service that answers a command with its words. A script it answers with what each of its arguments, run as a
/// command inside of it, is answered.
#[derive(Clone, Debug)]
pub(crate) struct Echo;

impl Service<Command> for Echo {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, command: Command) -> Self::Future {
        let nested = |word: &[u8]| {
            let nested = parse(&String::from_utf8_lossy(word));
            command.inspect_nested(&nested).map_or_else(Response::from, |()| Response::simple("ran"))
        };
        ready(Ok(match command.runs_commands() {
            true => Response::array(command.args().map(nested)),
            false => Response::array(command.words()),
        }))
    }
}

/// What the client of `service` reads when it writes `line`.
pub(crate) async fn answer<S>(service: &S, line: &str) -> String
where
    S: Service<Command, Response = Response, Error = Infallible> + Clone,
{
    let Ok(response) = service.clone().oneshot(parse(line)).await;
    response.to_string()
}

/// A command of the words between the spaces, or between the commas where there are some.
pub(crate) fn parse(line: &str) -> Command {
    let separator = if line.contains(", ") { ", " } else { " " };
    let mut words = line.split(separator);
    Command::new(words.next().unwrap_or_default()).with_args(words)
}
