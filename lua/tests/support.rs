//! Runs scripts, under a guard that ends the process if one does not stop.

use std::io::Write as _;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use kvstore_lua::{Failure, Interpreter, Limits, Reason};

/// What a script has returned, or why it failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The first result, as `tostring` has it.
    Text(String),
    /// The error of the script.
    Error(String),
    /// It was stopped, took too many steps, or used up the memory.
    Ended(Reason),
}

/// An interpreter whose globals are protected.
pub(crate) fn interpreter(limits: Limits) -> Interpreter {
    let mut lua = Interpreter::new(limits).expect("enough memory");
    let mut host = ();
    lua.run(&mut host).protect_globals().expect("enough memory");
    lua
}

/// What a script returns.
pub(crate) fn run(source: &str) -> Outcome {
    run_in(&mut interpreter(Limits::new().steps(10_000_000)), source.as_bytes())
}

/// What a script returns in an interpreter.
pub(crate) fn run_in(lua: &mut Interpreter, source: &[u8]) -> Outcome {
    let _guard = guard();
    let mut host = ();
    let mut run = lua.run(&mut host);
    match run.load(source, "@user_script").and_then(|()| run.call(0, 1)) {
        Ok(()) => Outcome::Text(text(&run)),
        Err(Failure { reason: Reason::Error, .. }) => Outcome::Error(text(&run)),
        Err(failure) => Outcome::Ended(failure.reason),
    }
}

fn text(run: &kvstore_lua::Run<'_>) -> String {
    match run.to_bytes(-1) {
        Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        None if run.kind(-1) == kvstore_lua::Kind::Boolean => run.boolean(-1).to_string(),
        None => run.type_name(-1).to_owned(),
    }
}

/// What a script returns, which must be a string or a number.
#[track_caller]
pub(crate) fn returns(source: &str, expected: &str) {
    assert_eq!(run(source), Outcome::Text(expected.to_owned()), "{source}");
}

/// Ends the process unless it is dropped in time: a script that cannot be stopped would hang the tests for ever.
pub(crate) fn guard() -> impl Drop {
    struct Guard(Option<mpsc::Sender<()>>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0 = None;
        }
    }
    let (alive, ended) = mpsc::channel();
    let name = thread::current().name().unwrap_or("a test").to_owned();
    thread::spawn(move || {
        if ended.recv_timeout(Duration::from_secs(60)) == Err(mpsc::RecvTimeoutError::Timeout) {
            // A write to standard error that the test harness does not keep for itself.
            let _ = writeln!(std::io::stderr(), "{name}: a script does not stop");
            std::process::abort();
        }
    });
    Guard(Some(alive))
}
