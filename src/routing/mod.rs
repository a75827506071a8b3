//! Routing: from the name of a command to the function that answers it.
//!
//! A [`Router`] is a service made of handlers. A handler is a function, and its arguments are extractors: what they take
//! and how they are parsed stands in its signature, and so do its arity and its keys, which `COMMAND` tells.
//!
//! ```
//! use std::{collections::HashMap, sync::{Arc, Mutex}};
//!
//! use bytes::Bytes;
//! use kvstore::{client::Client, protocol::Command, routing::{Arg, Key, Router, State}};
//!
//! type Names = Arc<Mutex<HashMap<Bytes, u64>>>;
//!
//! fn visit(State(names): State<Names>, Key(name): Key, Arg(times): Arg<u64>) -> u64 {
//!     let mut names = names.lock().expect("nobody panics in it");
//!     let visits = names.entry(name).or_default();
//!     *visits += times;
//!     *visits
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let client = Client::local(Router::new().command("VISIT", visit).with_state(Names::default()));
//! assert_eq!(client.call(Command::new("VISIT").arg("Ada").arg(2)).await?, 2.into());
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`Router`] the service; [`Route`] one command, with its layers and what is told of it; [`Handler`] the functions
//! - [`FromCommand`] what a handler takes, an extractor a file in `extract/`; [`FromArg`] what one argument is parsed to;
//!   [`IntoResponse`] what it returns, [`AnyError`] for errors of all kinds
//! - `table` the names, `endpoint` what a route becomes, `command` what `COMMAND` answers, `future` the way of one command

mod command;
mod endpoint;
mod error;
mod extract;
mod future;
mod handler;
mod route;
mod router;
mod table;

pub use self::{
    endpoint::RouteService,
    error::AnyError,
    extract::{Arg, Argument, Arguments, FromArg, FromCommand, FromRef, Key, Rest, State, Words},
    future::{RouteFuture, RouterFuture},
    handler::{Handler, IsAsync, IsRoute, IsSync},
    route::Route,
    router::{Router, Unknown},
};
pub use kvstore_protocol::IntoResponse;
