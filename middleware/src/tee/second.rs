//! One call of the second service, which may fail, panic, or never answer.

use std::{future::poll_fn, task::Poll, time::Duration};

use kvstore_protocol::{Command, Response};
use tokio::time::timeout;
use tower::BoxError;
use tower_service::Service;

use crate::failure::{catch, discard, response_to};

/// Calls `service`. Returns its response, and the instance if it can be called again. `None` if it takes longer than
/// `limit`.
pub(super) async fn call_within<T>(service: T, command: Command, limit: Duration) -> Option<(Response, Option<T>)>
where
    T: Service<Command, Response = Response>,
    T::Error: Into<BoxError>,
{
    let mut calling = Box::pin(timeout(limit, call(service, command)));
    let answer = poll_fn(|cx| match catch(|| calling.as_mut().poll(cx)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(answer)) => Poll::Ready(answer.ok()),
        // After a panic the instance is spent.
        Err(internal_error) => Poll::Ready(Some((internal_error, None))),
    });
    let answer = answer.await;
    discard(calling);
    answer
}

async fn call<T>(mut service: T, command: Command) -> (Response, Option<T>)
where
    T: Service<Command, Response = Response>,
    T::Error: Into<BoxError>,
{
    // An instance that failed to become ready is spent.
    if let Err(error) = poll_fn(|cx| service.poll_ready(cx)).await {
        return (response_to(error.into()), None);
    }
    let answer = service.call(command).await.unwrap_or_else(|error| response_to(error.into()));
    (answer, Some(service))
}
