//! Dispatch of commands to handler functions.
//!
//! A [`Router`] maps the names of commands to [handlers](Handler): functions whose arguments are
//! [extractors](FromCommand). A handler's signature says how many arguments the command has, how they are parsed and which
//! of them are keys; arity errors and `COMMAND` follow from it.
//!
//! # Examples
//! ```
//! use std::{collections::HashMap, sync::{Arc, Mutex}};
//!
//! use bytes::Bytes;
//! use kvstore::{client::Client, protocol::Command, routing::{Arg, Key, Router, State}};
//!
//! type Visits = Arc<Mutex<HashMap<Bytes, u64>>>;
//!
//! // VISIT name times
//! fn visit(State(visits): State<Visits>, Key(name): Key, Arg(times): Arg<u64>) -> u64 {
//!     let mut visits = visits.lock().expect("not poisoned");
//!     let count = visits.entry(name).or_default();
//!     *count += times;
//!     *count
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let client = Client::local(Router::new().command("VISIT", visit).with_state(Visits::default()));
//! assert_eq!(client.execute(Command::new("VISIT").arg("Ada").arg(2)).await?, 2.into());
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to look
//! - [`Router`] the service; [`Route`] one command with its layers and its description; [`Handler`] the functions
//! - [`FromCommand`] the arguments of a handler: [`Arg`], [`Parse`], [`Key`], [`Rest`], [`State`] …; [`FromArg`] the types that one
//!   argument is parsed as
//! - [`IntoResponse`] the return types of a handler; [`AnyError`] an error of any type
//! - [`from_fn`] layers that are functions with extractors
//!
//! Inside, `table` maps names to endpoints, `endpoint` erases the types of handlers and layers, `command` answers `COMMAND`,
//! and `future` has the response futures.

mod command;
mod endpoint;
mod error;
mod extract;
mod from_fn;
mod future;
mod handler;
mod route;
mod router;
mod table;
mod tuples;

pub use self::{
    endpoint::RouteService,
    error::AnyError,
    extract::{Arg, ArgCount, ArgCursor, FromArg, FromCommand, FromRef, Key, Parse, RawArg, Rest, State},
    from_fn::{MiddlewareFn, MiddlewareFuture, from_fn, from_fn_with_state},
    future::{RouteFuture, RouterFuture},
    handler::Handler,
    route::Route,
    router::{Router, UnknownCommand},
};
pub use kvstore_macros::FromRef;
pub use kvstore_middleware::Next;
pub use kvstore_protocol::IntoResponse;
