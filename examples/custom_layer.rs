//! How is a layer written by hand? This one prints how long each command took, and allocates nothing.
//!
//! ```sh
//! cargo run --example custom_layer
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::task::{Context, Poll, ready};
use std::{error::Error, pin::Pin};

use kvstore::protocol::{Command, Response};
use kvstore::{client::Client, store::Store};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::{Service, ServiceBuilder, layer::layer_fn};

#[derive(Clone)]
struct Stopwatch<S> {
    inner: S,
}

impl<S: Service<Command, Response = Response>> Service<Command> for Stopwatch<S> {
    type Response = Response;
    type Error = S::Error; // errors of the inner service are passed on
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, command: Command) -> Self::Future {
        ResponseFuture { start: Instant::now(), command: command.clone(), answer: self.inner.call(command) }
    }
}

pin_project! {
    struct ResponseFuture<F> { start: Instant, command: Command, #[pin] answer: F }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for ResponseFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let result = ready!(this.answer.poll(cx));
        println!("{:?} took {:?}", this.command, this.start.elapsed());
        Poll::Ready(result)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let service = ServiceBuilder::new().layer(layer_fn(|inner| Stopwatch { inner })).service(Store::new());
    let client = Client::local(service);
    client.set("key", "value").await?;
    println!("the value has {} bytes", client.strlen("key").await?);
    Ok(())
}
