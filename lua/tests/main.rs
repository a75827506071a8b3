//! The interpreter as its users see it.

mod calls;
mod hostile;
mod protected;
mod support;
