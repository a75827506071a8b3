//! What holds for every input: properties of the codecs and of the catalog, and bounds on their work.

mod arbitrary;
mod bounds;
mod catalog;
mod framing;
mod inline;
mod output;
mod packed;
mod replies;
mod requests;
