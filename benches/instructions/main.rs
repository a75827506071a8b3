//! The hot paths one at a time and so many times over, for callgrind to count the instructions of each.
//!
//! `benches/instructions/check` builds and runs it. By hand: `instructions PATH TIMES`; without arguments it names the
//! paths. A path sets itself up, then does its operation so many times. What an operation takes is the difference of two
//! runs by the difference of their times, so what a path does before and after cancels out.

mod codec;
mod server;
mod service;

use std::process::ExitCode;

use kvstore::protocol::Command;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A name, and what does the operation so many times.
type Path = (&'static str, fn(usize));

const PATHS: [&[Path]; 3] = [codec::PATHS, service::PATHS, server::PATHS];

/// Enough of them that the luck of a hash seed is nearly the same in every process.
const KEYS: usize = 10_000;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let (name, times) = (words.next(), words.next().and_then(|times| times.parse().ok()));
    let mut paths = PATHS.into_iter().flatten();
    match (paths.find(|(path, _)| Some(*path) == name.as_deref()), times) {
        (Some((_, run)), Some(times)) => run(times),
        // `cargo bench` passes flags of its own.
        _ if name.is_none_or(|name| name.starts_with('-')) => list(),
        _ => return ExitCode::FAILURE,
    }
    ExitCode::SUCCESS
}

#[expect(clippy::print_stdout, reason = "what it was asked for")]
fn list() {
    PATHS.into_iter().flatten().for_each(|(name, _)| println!("{name}"));
}

fn key(number: usize) -> String {
    format!("key:{number:012}")
}

fn value() -> String {
    "x".repeat(64)
}

fn gets() -> Vec<Command> {
    (0..KEYS).map(|number| Command::new("GET").arg(key(number))).collect()
}

fn sets() -> Vec<Command> {
    (0..KEYS).map(|number| Command::new("SET").arg(key(number)).arg(value())).collect()
}
