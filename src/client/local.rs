//! [`Local`]: a service in this process behind the client's calls.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::Poll,
};

use kvstore_middleware::failure::{catch, discard, response_to};
use kvstore_protocol::{Command, CommandError, Response};
use tower::{BoxError, Service, ServiceExt};

use super::{ClientError, request::Answer, sharing};

/// A service whose type is forgotten.
pub(super) trait Local: Send + Sync {
    fn call(&self, command: Command) -> Pin<Box<dyn Future<Output = Answer> + Send>>;
}

/// Behind a lock, since a service need not be `Sync`; it is taken to clone it.
pub(super) struct InProcess<S>(Mutex<S>);

impl<S> InProcess<S> {
    pub(super) fn new(service: S) -> Self {
        Self(Mutex::new(service))
    }
}

impl<S> Local for InProcess<S>
where
    S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
{
    fn call(&self, command: Command) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        if let Some(answer) = answered_here(&command) {
            return Box::pin(std::future::ready(answer));
        }
        let service = catch(|| self.0.lock().unwrap_or_else(PoisonError::into_inner).clone());
        Box::pin(async move {
            Ok(match service {
                // On the instance that was ready, as services ask for.
                Ok(service) => caught(service.oneshot(command)).await,
                Err(panicked) => panicked,
            })
        })
    }
}

/// What a server answers in front of its service, and what needs a connection.
fn answered_here(command: &Command) -> Option<Answer> {
    match command.args().len() {
        // What comes in pieces is the service's to read, and no argument yet.
        _ if command.streamed_len().is_some() => {}
        0 if command.is("PING") => return Some(Ok(Response::simple("PONG"))),
        1 if command.is("PING") || command.is("ECHO") => return Some(Ok(command.shared_arg(0).into())),
        _ if command.is("PING") => return Some(Ok(CommandError::wrong_arity("PING").into())),
        _ if command.is("ECHO") => return Some(Ok(CommandError::wrong_arity("ECHO").into())),
        _ => {}
    }
    sharing::single(command, false).err().map(|reason| Err(ClientError::Unsupported(reason)))
}

/// Polls to the answer. An error or a panic is one.
async fn caught<E: Into<BoxError>>(answer: impl Future<Output = Result<Response, E>>) -> Response {
    let mut answer = Box::pin(answer);
    let response = poll_fn(|cx| match catch(|| answer.as_mut().poll(cx)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(Ok(Response::Close(last)))) => Poll::Ready(*last),
        Ok(Poll::Ready(Ok(response))) => Poll::Ready(response),
        Ok(Poll::Ready(Err(error))) => Poll::Ready(response_to(error.into())),
        Err(panicked) => Poll::Ready(panicked),
    })
    .await;
    discard(answer);
    response
}
