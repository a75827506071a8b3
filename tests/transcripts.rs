//! Replays what Redis and Valkey replied to random commands: the files of tests/compat/transcripts, in RESP2 and RESP3.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use kvstore::{
    standalone::{self, StackSettings},
    store::{Clock, Store},
};
use tokio::{io::AsyncReadExt, time::timeout};

use crate::support::{Client, Server, Text};

macro_rules! replayed {
    ($($family:ident)*) => {
        const FAMILIES: &[&str] = &[$(stringify!($family)),*];

        $(
            #[tokio::test(start_paused = true)]
            async fn $family() {
                replay(stringify!($family)).await;
            }
        )*
    };
}

replayed! {
    bitmaps
    expiry
    fields
    geo
    hash
    hyperloglog
    keys
    list
    set
    sorted_set
    streams
    strings
    transactions
}

#[test]
fn every_transcript_is_replayed() {
    let files = fs::read_dir(folder()).expect("the folder of the transcripts");
    let mut names: Vec<String> = files.map(|file| family_of(&file.expect("a file").path())).collect();
    names.sort();
    let mut replayed = FAMILIES.to_vec();
    replayed.sort_unstable();
    assert_eq!(names, replayed);
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/transcripts")
}

fn family_of(file: &Path) -> String {
    file.file_stem().expect("a name").to_string_lossy().into_owned()
}

async fn replay(family: &str) {
    let text = fs::read_to_string(folder().join(family).with_extension("txt")).expect("the transcript");
    let (start, steps) = (start_of(&text), steps(&text));
    let sequences = steps.split(|step| matches!(step, Step::Start)).filter(|sequence| !sequence.is_empty());
    let mut differences = Vec::new();
    for sequence in sequences {
        for (name, resp3) in [("RESP2", false), ("RESP3", true)] {
            let replayed = Replay::start(start, resp3).await.run(sequence, resp3).await;
            differences.extend(replayed.err().map(|difference| format!("{name}, {family}.txt, line {difference}")));
        }
    }
    let shown = differences.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
    assert!(differences.is_empty(), "{} sequences differ\n{shown}", differences.len());
}

/// A store with a clock that the transcript sets, behind the default stack.
struct Replay {
    clock: SetClock,
    /// The first one goes on.
    clients: Vec<Client>,
    _server: Server,
}

impl Replay {
    async fn start(time: u64, resp3: bool) -> Self {
        let clock = SetClock(Arc::new(AtomicU64::new(time)));
        let store = Store::builder().clock(clock.clone()).threads(2).build();
        let server = Server::of(|listener| standalone::server(&store, &StackSettings::default()).listen(listener));
        let mut clients = vec![server.connect(), server.connect()];
        for client in clients.iter_mut().filter(|_| resp3) {
            client.sends("HELLO 3\r\n").await;
            client.reads_until("modules\r\n*0\r\n").await;
        }
        Self { clock, clients, _server: server }
    }

    /// # Errors
    /// The first reply that is another than that of the transcript.
    async fn run(mut self, sequence: &[Step], resp3: bool) -> Result<(), String> {
        for step in sequence {
            match step {
                Step::Start => {}
                Step::Advance(milliseconds) => self.clock.advance(*milliseconds),
                Step::Switch => self.clients.reverse(),
                Step::Ask(exchange) => self.ask(exchange, resp3).await.map_err(|got| {
                    let (Exchange { line, words, .. }, expected) = (exchange, Text(exchange.reply(resp3)));
                    format!("{line}: {words}\n  got      {:?}\n  expected {expected:?}", Text(&got))
                })?,
            }
        }
        Ok(())
    }

    /// # Errors
    /// The reply, when it is another than that of the transcript.
    async fn ask(&mut self, exchange: &Exchange, resp3: bool) -> Result<(), Vec<u8>> {
        let (client, expected) = (&mut self.clients[0], exchange.reply(resp3));
        client.sends(&exchange.request).await;
        let mut got = Vec::new();
        let mut reply = (&mut client.io).take(expected.len() as u64);
        // A shorter reply than expected ends in the timeout.
        let _ = timeout(Duration::from_secs(1), reply.read_to_end(&mut got)).await;
        if same(&exchange.rule, &got, expected) {
            return Ok(());
        }
        let _ = timeout(Duration::from_secs(1), (&mut client.io).take(1000).read_to_end(&mut got)).await;
        Err(got)
    }
}

#[derive(Clone, Debug)]
struct SetClock(Arc<AtomicU64>);

impl SetClock {
    fn advance(&self, milliseconds: u64) {
        self.0.fetch_add(milliseconds, Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// Compares two replies by the rule of a command: its elements, or pairs of them, may be in any order.
fn same(rule: &str, got: &[u8], expected: &[u8]) -> bool {
    if got == expected || rule.is_empty() {
        return got == expected;
    }
    let header = if rule.starts_with("scan") { 3 } else { 1 };
    let pairs = rule.ends_with("pairs");
    let sorted = |reply| {
        let elements = elements(reply);
        let (head, rest) = elements.split_at_checked(header)?;
        let mut groups: Vec<Vec<&[u8]>> = rest.chunks(if pairs { 2 } else { 1 }).map(<[_]>::to_vec).collect();
        groups.sort();
        Some((head.to_vec(), groups))
    };
    sorted(got).is_some_and(|got| Some(got) == sorted(expected))
}

/// Splits a reply into its headers and bulks.
fn elements(mut reply: &[u8]) -> Vec<&[u8]> {
    let mut elements = Vec::new();
    while let Some(line) = reply.windows(2).position(|end| end == b"\r\n") {
        let length = std::str::from_utf8(&reply[1..line]).ok().and_then(|length| length.parse::<usize>().ok());
        let body = length.filter(|_| reply[0] == b'$').map_or(0, |length| length + 2);
        let (element, rest) = reply.split_at((line + 2 + body).min(reply.len()));
        elements.push(element);
        reply = rest;
    }
    elements
}

enum Step {
    /// A new sequence, with an empty store.
    Start,
    /// The clock advances by so many milliseconds.
    Advance(u64),
    /// The other connection goes on.
    Switch,
    Ask(Exchange),
}

/// A command, and the replies to it.
struct Exchange {
    line: usize,
    words: String,
    request: Vec<u8>,
    rule: String,
    resp2: Vec<u8>,
    resp3: Vec<u8>,
}

impl Exchange {
    fn reply(&self, resp3: bool) -> &[u8] {
        if resp3 { &self.resp3 } else { &self.resp2 }
    }
}

/// The time at which each sequence starts, from the header of a transcript.
fn start_of(text: &str) -> u64 {
    let (_, rest) = text.split_once("at the time ").expect("the time of the start");
    rest.split(' ').next().and_then(|time| time.parse().ok()).expect("a number")
}

/// Parses a transcript. Its header says what the lines mean.
fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        let (kind, rest) = line.split_at(1);
        match kind {
            "=" => steps.push(Step::Start),
            "@" => steps.push(Step::Advance(rest.trim().parse().expect("milliseconds"))),
            "&" => steps.push(Step::Switch),
            ">" => {
                let (rule, words) = rest.split_once(' ').expect("a command");
                steps.push(Step::Ask(Exchange {
                    line: index + 1,
                    words: words.to_owned(),
                    request: request(&words_of(words)),
                    rule: rule.to_owned(),
                    resp2: Vec::new(),
                    resp3: Vec::new(),
                }));
            }
            _ => {
                let Some(Step::Ask(exchange)) = steps.last_mut() else { panic!("a reply to nothing: {line}") };
                exchange.resp3 = unescaped(&rest[1..]);
                if kind == "<" {
                    exchange.resp2 = exchange.resp3.clone();
                }
            }
        }
    }
    steps
}

fn request(words: &[Vec<u8>]) -> Vec<u8> {
    let bulks = words.iter().flat_map(|word| [format!("${}\r\n", word.len()).as_bytes(), word, b"\r\n"].concat());
    format!("*{}\r\n", words.len()).into_bytes().into_iter().chain(bulks).collect()
}

fn words_of(mut line: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    while !line.is_empty() {
        let (word, rest) = match line.strip_prefix('"') {
            Some(quoted) => {
                let (word, rest) = quoted.split_once('"').expect("the end of a word");
                (unescaped(word), rest.strip_prefix(' ').unwrap_or(rest))
            }
            None => {
                let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
                (word.as_bytes().to_vec(), rest)
            }
        };
        words.push(word);
        line = rest;
    }
    words
}

fn unescaped(text: &str) -> Vec<u8> {
    let text = text.replace('|', "\r\n");
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).expect("two digits"));
        bytes.extend(rest.bytes());
    }
    bytes
}
