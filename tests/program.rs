//! The program, run by tests.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStderr, Command, Output, Stdio},
};

/// A running server; killed when the test ends before it does.
pub(crate) struct Running {
    pub(crate) process: Child,
    /// Where it says that it listens.
    pub(crate) places: Vec<String>,
    /// The lines of the log so far.
    pub(crate) log: String,
    rest: Option<BufReader<ChildStderr>>,
}

/// The program without a journal, unless a flag asks for one.
pub(crate) fn kvstore() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kvstore"));
    command.env_clear().env("KVSTORE_APPENDONLY", "no").stdin(Stdio::null());
    command
}

pub(crate) fn output(command: &mut Command) -> (Output, String) {
    let output = command.output().expect("the program runs");
    let text = [&output.stdout[..], &output.stderr].concat();
    (output, String::from_utf8(text).expect("text"))
}

impl Running {
    /// Starts a server on any free port, and reads its start-up line.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_as_it_is(command.args(["--port", "0", "--threads", "1"]))
    }

    /// Starts a server whose port is in its settings, and reads its start-up line.
    pub(crate) fn start_as_it_is(command: &mut Command) -> Self {
        let mut process = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let rest = BufReader::new(process.stderr.take().expect("a pipe"));
        let mut running = Self { process, places: Vec::new(), log: String::new(), rest: Some(rest) };
        let line = running.line_with("listens on");
        let (_, places) = line.split_once("listens on ").expect("where it listens");
        let places = places.split(", ").map(|place| place.split_whitespace().next().unwrap_or_default().to_owned());
        running.places = places.collect();
        // Data is loaded while the server listens already, but before that if there is an import.
        let is_cache = ["data=memory", "\"data\":\"memory\""].iter().any(|data| line.contains(data));
        if !is_cache && !running.log.contains("has loaded its data") {
            running.line_with("has loaded its data");
        }
        running
    }

    /// Reads the log up to a line with this text.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.rest.as_mut().expect("it runs").read_line(&mut line).expect("a line of the log");
            assert_ne!(read, 0, "it has ended: {}", self.log);
            self.log.push_str(&line);
            if line.contains(text) {
                return line;
            }
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.process.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
    }

    /// Sends a signal, and waits for the end: whether it was a success, and the last lines of the log.
    pub(crate) fn stop(self, signal: &str) -> (bool, String) {
        self.signal(signal);
        self.wait()
    }

    /// Waits for the end: whether it was a success, and the last lines of the log.
    pub(crate) fn wait(mut self) -> (bool, String) {
        let mut log = String::new();
        self.rest.take().expect("it runs").read_to_string(&mut log).expect("text");
        (self.process.wait().expect("it ends").success(), log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port that is free, or was a moment ago.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port()
}
