//! The interpreter as its users see it.

mod calls;
mod support;
