//! [`LocalService`]: a service in this process as the target of calls.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::Poll,
};

use kvstore_middleware::failure::{catch, discard, response_to};
use kvstore_protocol::{Command, CommandError, Response};
use tower::{BoxError, Service, ServiceExt};

use super::{ClientError, request::CallResult, sharing};

/// A service with its type erased.
pub(super) trait LocalService: Send + Sync {
    fn call(&self, command: Command) -> Pin<Box<dyn Future<Output = CallResult> + Send>>;
}

/// Behind a lock, since a service need not be `Sync`. It is locked to clone the service.
pub(super) struct InProcess<S>(Mutex<S>);

impl<S> InProcess<S> {
    pub(super) fn new(service: S) -> Self {
        Self(Mutex::new(service))
    }
}

impl<S> LocalService for InProcess<S>
where
    S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
{
    fn call(&self, command: Command) -> Pin<Box<dyn Future<Output = CallResult> + Send>> {
        if let Some(answer) = answered_here(&command) {
            return Box::pin(std::future::ready(answer));
        }
        let service = catch(|| self.0.lock().unwrap_or_else(PoisonError::into_inner).clone());
        Box::pin(async move {
            Ok(match service {
                // The instance that is ready is the one that is called.
                Ok(service) => caught(service.oneshot(command)).await,
                Err(panicked) => panicked,
            })
        })
    }
}

/// Answers the commands that a server's transport answers, and refuses those that need a connection.
fn answered_here(command: &Command) -> Option<CallResult> {
    match command.args().len() {
        // A streamed argument is for the service to read.
        _ if command.streamed_len().is_some() => {}
        0 if command.is("PING") => return Some(Ok(Response::simple("PONG"))),
        1 if command.is("PING") || command.is("ECHO") => return Some(Ok(command.shared_arg(0).into())),
        _ if command.is("PING") => return Some(Ok(CommandError::wrong_arity("PING").into())),
        _ if command.is("ECHO") => return Some(Ok(CommandError::wrong_arity("ECHO").into())),
        _ => {}
    }
    sharing::local(command).err().map(|reason| Err(ClientError::Unsupported(reason)))
}

/// Polls the service to its answer. An error or a panic becomes an error reply.
async fn caught<E: Into<BoxError>>(answer: impl Future<Output = Result<Response, E>>) -> Response {
    let mut answer = Box::pin(answer);
    let response = poll_fn(|cx| match catch(|| answer.as_mut().poll(cx)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(Ok(Response::Close(last)))) => Poll::Ready(last.unpacked()),
        // As a server's answer comes off the wire.
        Ok(Poll::Ready(Ok(response))) => Poll::Ready(response.unpacked()),
        Ok(Poll::Ready(Err(error))) => Poll::Ready(response_to(error.into())),
        Err(panicked) => Poll::Ready(panicked),
    })
    .await;
    discard(answer);
    response
}
