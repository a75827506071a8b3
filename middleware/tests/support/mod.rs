//! What the tests of several layers share.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use kvstore_protocol::{Command, Response};
use tower::{Layer, Service, ServiceExt};

/// A service whose only command is answered `+OK` once its work is done.
#[derive(Debug)]
pub(crate) struct Once<W>(Option<W>);

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
    match layer.layer(Once(Some(work))).oneshot(Command::get("k")).await {
        Ok(response) => response,
    }
}
