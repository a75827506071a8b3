//! Calls with a deadline.

use std::time::Duration;

use kvstore::{client::Client, client::ClientError};
use tokio::{join, time::Instant};

use super::{GET_K, PING, connected_lazily, resp};
use crate::support::settle;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn the_answer_to_a_late_call_is_skipped_when_it_comes() {
    let (client, mut server) = resp();
    let start = Instant::now();
    let answer = client.with_deadline(SECOND).get("k").await;
    assert!(matches!(answer, Err(ClientError::TimedOut)), "{answer:?}");
    assert_eq!(start.elapsed(), SECOND);
    let (answer, ()) = join!(client.ping(""), async {
        server.answers(GET_K, b"$3\r\nold\r\n").await;
        server.answers(PING, b"+PONG\r\n").await;
    });
    assert_eq!(answer.unwrap(), "PONG");
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_time_is_an_answer() {
    let (client, mut server) = resp();
    let hasty = client.with_deadline(SECOND);
    let (answer, ()) = join!(hasty.get("k"), async {
        server.gets(GET_K).await;
        tokio::time::sleep(SECOND - Duration::from_millis(10)).await;
        server.sends(b"$1\r\nv\r\n").await;
    });
    assert_eq!(answer.unwrap().unwrap(), "v");
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_connection_counts_and_a_late_command_is_never_sent() {
    let (client, mut backend) = connected_lazily(Client::builder().password("secret").deadline(SECOND));
    let start = Instant::now();
    assert!(matches!(client.get("k").await, Err(ClientError::TimedOut)));
    assert_eq!(start.elapsed(), SECOND);
    let mut server = backend.accept().await;
    server.answers(b"*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n", b"+OK\r\n").await;
    settle().await;
    let (answer, ()) = join!(client.ping(""), server.answers(PING, b"+PONG\r\n"));
    assert_eq!(answer.unwrap(), "PONG");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_the_handles_own() {
    let (client, mut server) = resp();
    let hasty = client.with_deadline(SECOND);
    let (late, answer, ()) = join!(hasty.get("k"), client.get("k"), async {
        server.gets(GET_K.repeat(2)).await;
        tokio::time::sleep(2 * SECOND).await;
        server.sends(b"$1\r\na\r\n$1\r\nb\r\n").await;
    });
    assert!(matches!(late, Err(ClientError::TimedOut)));
    assert_eq!(answer.unwrap().unwrap(), "b");
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_is_late_as_a_whole() {
    let (client, mut server) = resp();
    let hasty = client.with_deadline(SECOND);
    let get = || kvstore::protocol::Command::new("GET").arg("k");
    let (late, ()) = join!(hasty.pipeline().add(get()).add(get()).send(), async {
        server.answers(GET_K.repeat(2), b"$1\r\na\r\n").await;
    });
    assert!(matches!(late, Err(ClientError::TimedOut)), "{late:?}");
    server.sends(b"$1\r\nb\r\n").await;
    let (answer, ()) = join!(client.get("k"), server.answers(GET_K, b"$1\r\nc\r\n"));
    assert_eq!(answer.unwrap().unwrap(), "c");
}
