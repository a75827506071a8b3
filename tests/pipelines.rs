//! Whatever a client sends, however it is cut and in whatever order a service answers: the answers are the same.

use kvstore::protocol::Response;
use proptest::prelude::*;

use crate::support::{Server, Text, mock, settle};

/// A command, and what its service, or the connection, answers.
#[derive(Clone, Debug)]
enum Step {
    Get(u16),
    Exclusive(u16),
    Ping,
    Select(u8),
    Skip,
    Large(u16),
}

impl Step {
    fn request(&self) -> String {
        match self {
            Self::Get(key) => format!("*2\r\n$3\r\nGET\r\n$5\r\n{key:05}\r\n"),
            Self::Exclusive(key) => format!("watch {key:05}\r\n"),
            Self::Ping => "PING\r\n".to_owned(),
            Self::Select(database) => format!("SELECT {database}\r\n"),
            Self::Skip => "CLIENT REPLY SKIP\r\n".to_owned(),
            Self::Large(key) => format!("*2\r\n$5\r\nLARGE\r\n$5\r\n{key:05}\r\n"),
        }
    }

    /// The answer in a database.
    fn answer(&self, database: &mut u8) -> String {
        match self {
            Self::Get(key) | Self::Exclusive(key) => format!("$8\r\n{key:05}@{database:02}\r\n"),
            Self::Ping => "+PONG\r\n".to_owned(),
            Self::Select(asked) => {
                *database = *asked;
                "+OK\r\n".to_owned()
            }
            Self::Skip => String::new(),
            Self::Large(key) => format!("$20008\r\n{key:05}@{database:02}{}\r\n", "x".repeat(20_000)),
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..65_535_u16).prop_map(Step::Get),
        1 => (0..65_535_u16).prop_map(Step::Exclusive),
        2 => Just(Step::Ping),
        1 => (0..16_u8).prop_map(Step::Select),
        1 => Just(Step::Skip),
        1 => (0..65_535_u16).prop_map(Step::Large),
    ]
}

/// All the answers that a client must read.
fn expected(steps: &[Step]) -> String {
    let (mut database, mut answers, mut skips) = (0, String::new(), false);
    for step in steps {
        let answer = step.answer(&mut database);
        if !std::mem::replace(&mut skips, matches!(step, Step::Skip)) {
            answers += &answer;
        }
    }
    answers
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn answers_depend_on_the_requests_alone(
        steps in prop::collection::vec(step(), 1..80),
        in_flight in 1_usize..6,
        piece in 1_usize..500,
        room in 64_usize..20_000,
        output in prop_oneof![Just(64 << 20), 1_usize..5000],
        picks in prop::collection::vec(any::<prop::sample::Index>(), 80),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let got = runtime.expect("a runtime").block_on(run(&steps, in_flight, piece, room, output, &picks));
        let expected = expected(&steps);
        prop_assert_eq!(Text(&got), Text(expected.as_bytes()));
    }
}

async fn run(
    steps: &[Step],
    in_flight: usize,
    piece: usize,
    room: usize,
    output: usize,
    picks: &[prop::sample::Index],
) -> Vec<u8> {
    let (service, mut script) = mock();
    let server =
        Server::of(|listener| kvstore::serve(listener, service).max_in_flight(in_flight).output_buffer(output));
    let (mut reader, mut writer) = tokio::io::split(server.connect_with_room(room).io);
    let requests: String = steps.iter().map(Step::request).collect();
    tokio::spawn(async move {
        for piece in requests.as_bytes().chunks(piece) {
            tokio::io::AsyncWriteExt::write_all(&mut writer, piece).await.expect("the connection holds");
            tokio::task::yield_now().await;
        }
        tokio::io::AsyncWriteExt::shutdown(&mut writer).await.expect("the connection holds");
    });
    let reading = tokio::spawn(async move {
        let mut got = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut got).await.expect("the connection holds");
        got
    });
    let (mut waiting, mut picks) = (Vec::new(), picks.iter().cycle());
    while !reading.is_finished() {
        settle().await;
        waiting.extend(script.waiting());
        if let (false, Some(pick)) = (waiting.is_empty(), picks.next()) {
            let call = waiting.swap_remove(pick.index(waiting.len()));
            let key = String::from_utf8_lossy(call.command().arg_at(0).unwrap_or_default()).into_owned();
            let tail = if call.command().is("LARGE") { "x".repeat(20_000) } else { String::new() };
            let answer = format!("{key}@{:02}{tail}", call.command().session().database());
            call.answer(Response::from(answer));
        }
    }
    reading.await.expect("no panic")
}
