//! What is shown of the commands that the transport answers itself.

use std::sync::{Arc, Mutex};

use kvstore::server::{ConnectionEvent, Password};

use crate::support::{Server, words};

type Seen = Arc<Mutex<Vec<String>>>;

fn observed() -> (Server, Seen) {
    let seen = Seen::default();
    let server = Server::of({
        let seen = seen.clone();
        |listener| {
            kvstore::serve(listener, words()).authenticate(Password::new("secret")).observe(move |event| {
                let (ConnectionEvent::Answered { command, answer } | ConnectionEvent::Refused { command, answer }) =
                    event
                else {
                    return;
                };
                let user = command.session().user().unwrap_or("nobody").to_owned();
                let name = String::from_utf8_lossy(command.name()).into_owned();
                seen.lock().expect("no panic").push(format!("{user}: {name} {} -> {answer}", command.args().len()));
            })
        }
    });
    (server, seen)
}

#[tokio::test(start_paused = true)]
async fn every_command_that_no_layer_sees_is_shown_with_its_answer() {
    let (server, seen) = observed();
    let mut client = server.connect();
    client.sends("PING\r\nGET k\r\nAUTH wrong\r\nAUTH secret\r\nGET k\r\nping hello\r\nSELECT x\r\nQUIT\r\n").await;
    client.reads_all().await;
    assert_eq!(
        *seen.lock().expect("no panic"),
        [
            "nobody: PING 0 -> -NOAUTH Authentication required.",
            "nobody: GET 1 -> -NOAUTH Authentication required.",
            "nobody: AUTH 1 -> -WRONGPASS invalid username-password pair or user is disabled.",
            "nobody: AUTH 1 -> +OK",
            "default: ping 1 -> \"hello\"",
            "default: SELECT 1 -> -ERR value is not an integer or out of range",
            "default: QUIT 0 -> +OK (closed)",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_observer_that_panics_changes_no_answer() {
    let server = Server::of(|listener| kvstore::serve(listener, words()).observe(|_| panic!("it cannot look on")));
    server.connect().asks("PING\r\nGET k\r\n", "+PONG\r\n$5\r\nGET k\r\n").await;
}
