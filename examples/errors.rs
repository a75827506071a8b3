//! What does a client read when a handler fails?
//!
//! ```sh
//! cargo run --example errors
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, fs};

use kvstore::{
    client::Client,
    protocol::{Command, CommandError, Response},
    routing::{AnyError, Arg, IntoResponse, Router},
};

/// A refusal: a code in capitals, by which clients tell errors apart, and a text for people.
fn seat(Arg(number): Arg<u32>) -> Result<u32, CommandError> {
    match number {
        1..=40 => Ok(number),
        _ => Err(CommandError::new("NOSEAT", "there are seats 1 to 40")),
    }
}

/// An error type of one's own decides what the client reads.
enum Booking {
    Taken { by: &'static str },
    Over,
}

impl IntoResponse for Booking {
    fn into_response(self) -> Response {
        match self {
            Self::Taken { by } => Response::error("TAKEN", &format!("{by} was faster")),
            Self::Over => Response::error("OVER", "the doors are closed"),
        }
    }
}

fn book(Arg(number): Arg<u32>) -> Result<(), Booking> {
    Err(if number < 20 { Booking::Taken { by: "Ada" } } else { Booking::Over })
}

/// Any other error goes through `?`. Its text is logged, and not sent.
fn poster(Arg(name): Arg<String>) -> Result<Vec<u8>, AnyError> {
    Ok(fs::read(format!("/srv/posters/{name}"))?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().without_time().init();
    let router = Router::new().command("SEAT", seat).command("BOOK", book).command("POSTER", poster);
    let client = Client::local(router);
    for (name, arg) in [("SEAT", "7"), ("SEAT", "41"), ("SEAT", "x"), ("BOOK", "7"), ("BOOK", "40"), ("POSTER", "a")] {
        println!("{name} {arg} -> {}", client.execute(Command::new(name).arg(arg)).await?);
    }
    Ok(())
}
