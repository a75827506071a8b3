//! The interpreter as its users see it.

mod calls;
mod hostile;
mod libraries;
mod protected;
mod support;
