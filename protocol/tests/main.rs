//! What holds for every input: properties of the codecs, and bounds on their work.

mod arbitrary;
mod bounds;
mod framing;
mod inline;
mod output;
mod packed;
mod replies;
mod requests;
