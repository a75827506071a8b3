//! How is a layer written by hand? This one refuses some commands before they reach the store.
//!
//! ```sh
//! cargo run --example custom_layer
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{
    error::Error,
    future::{Ready, ready},
    task::{Context, Poll},
};

use kvstore::{
    client::Client,
    protocol::{ClientCodec, Command, Response},
    server,
    store::Store,
};
use tokio_util::either::Either;
use tower::{Service, ServiceBuilder, layer::layer_fn};

#[derive(Clone)]
struct Deny<S> {
    inner: S,
    names: &'static [&'static str],
}

impl<S: Service<Command, Response = Response>> Service<Command> for Deny<S> {
    type Response = Response;
    type Error = S::Error; // a refusal is an answer, and no error
    type Future = Either<Ready<Result<Response, S::Error>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, command: Command) -> Self::Future {
        if self.names.iter().any(|name| command.is(name)) {
            return Either::Left(ready(Ok(Response::error("DENIED", "not on this server"))));
        }
        Either::Right(self.inner.call(command))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let deny = layer_fn(|inner| Deny { inner, names: &["STRLEN"] });
    let service = ServiceBuilder::new().layer(deny).service(Store::new());
    let (connector, listener) = server::pipe();
    tokio::spawn(kvstore::serve(listener, service).into_future());

    let client = Client::over(connector.connect()?, ClientCodec::resp());
    for command in [Command::set("key", "value"), Command::get("key"), Command::new("strlen").arg("key")] {
        println!("{command:?} -> {}", client.call(command.clone()).await?);
    }
    Ok(())
}
