//! What users read when a handler is wrong: the messages of the compiler, word for word.

use std::process::Command;

/// The compiler that the messages were written for. Another words them in other ways.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn a_wrong_handler_gives_a_message_that_helps() {
    let rustc = std::env::var("RUSTC").unwrap_or("rustc".to_owned());
    let version = Command::new(rustc).arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let version = String::from_utf8_lossy(&version).into_owned();
    if !version.starts_with(COMPILER) {
        println!("skipped: the messages are those of {COMPILER}x, and this is {}", version.trim());
        return;
    }
    trybuild::TestCases::new().compile_fail("cases/*.rs");
}
