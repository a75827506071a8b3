//! What a connection begins with.

use std::{future::IntoFuture, time::Duration};

use kvstore::{
    client::{Client, ClientError, ConnectionError},
    server::Password,
    store::Store,
};
use tokio::{io::duplex, join, net::TcpListener};

use super::{PING, Peer, bytes_of, command, connected_lazily};
use crate::support::Server;

#[tokio::test]
async fn everything_that_is_asked_for_goes_out_at_once() {
    let (stream, server) = duplex(1024);
    let mut server = Peer(server);
    let builder = Client::builder().resp3().user("ann").password("secret").database(3).name("worker");
    let (client, ()) = join!(builder.over(stream), async {
        server.gets(bytes_of("HELLO 3 AUTH ann secret")).await;
        server.gets([bytes_of("SELECT 3"), bytes_of("CLIENT SETNAME worker")].concat()).await;
        server.sends(b"%0\r\n+OK\r\n+OK\r\n").await;
    });
    let client = client.unwrap();
    let (answer, ()) = join!(client.ping(""), server.answers(PING, b"+PONG\r\n"));
    assert_eq!(answer.unwrap(), "PONG");
}

#[tokio::test]
async fn a_server_knows_who_connects_and_what_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = kvstore::serve(listener, Store::new()).authenticate(Password::new("p@ss"));
    tokio::spawn(serve.into_future());
    for url in [
        format!("redis://:p%40ss@{address}/3?name=worker"),
        format!("redis://default:p%40ss@{address}/3?name=worker&protocol=resp3"),
    ] {
        let client = Client::connect(url).await.unwrap();
        let info = client.execute(command("CLIENT INFO")).await.unwrap();
        let info = String::from_utf8_lossy(info.as_bytes().unwrap()).into_owned();
        assert!(info.contains(" name=worker ") && info.contains(" db=3 "), "{info}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_shown() {
    let server = Server::of(|listener| kvstore::serve(listener, Store::new()).authenticate(Password::new("right")));
    for builder in [Client::builder(), Client::builder().resp3()] {
        let stream = server.connector().connect().unwrap();
        let error = builder.password("wrong-one").over(stream).await.unwrap_err();
        assert!(matches!(error, ClientError::Closed(ConnectionError::Handshake { .. })), "{error:?}");
        assert!(error.to_string().contains("WRONGPASS invalid username-password pair"), "{error}");
        assert!(!format!("{error} {error:?}").contains("wrong-one"));
    }
}

#[tokio::test(start_paused = true)]
async fn calls_do_not_wait_for_a_handshake_that_is_refused() {
    let (client, mut backend) = connected_lazily(Client::builder().password("secret"));
    let wrong = async |backend: &mut super::Backend| {
        backend.accept().await.answers(bytes_of("AUTH secret"), b"-WRONGPASS no\r\n").await;
    };
    let (answer, ()) = join!(client.ping(""), wrong(&mut backend));
    let Err(ClientError::Closed(ConnectionError::Handshake { command, refusal })) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!((command, refusal.to_string().as_str()), ("AUTH", "WRONGPASS no"));
    // At once, with what is known.
    let start = tokio::time::Instant::now();
    assert!(matches!(client.ping("").await, Err(ClientError::Closed(ConnectionError::Handshake { .. }))));
    assert_eq!(start.elapsed(), Duration::ZERO);
    // The password is right now.
    let mut server = backend.accept().await;
    server.answers(bytes_of("AUTH secret"), b"+OK\r\n").await;
    crate::support::settle().await;
    let (answer, ()) = join!(client.ping(""), server.answers(PING, b"+PONG\r\n"));
    assert_eq!(answer.unwrap(), "PONG");
}

#[tokio::test]
async fn a_server_that_repeats_the_password_in_its_error_is_not_quoted() {
    let (stream, server) = duplex(1024);
    let mut server = Peer(server);
    let echoed = b"-ERR unknown command 'AUTH', with args beginning with: 'secret' \r\n";
    let (client, ()) =
        join!(Client::builder().password("secret").over(stream), server.answers(bytes_of("AUTH secret"), echoed));
    let error = client.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_the_handshake_is_given_up() {
    let (stream, _server) = duplex(1024);
    let error = Client::builder().resp3().connect_timeout(Duration::from_secs(2)).over(stream).await.unwrap_err();
    assert!(matches!(error, ClientError::Closed(ConnectionError::TimedOut(_))), "{error:?}");
    assert!(error.to_string().ends_with("no connection within 2s"), "{error}");
}

#[tokio::test]
async fn a_server_that_turns_clients_away_says_why() {
    let (stream, server) = duplex(1024);
    let mut server = Peer(server);
    server.sends(b"-ERR max number of clients reached\r\n").await;
    drop(server);
    let error = Client::builder().resp3().over(stream).await.unwrap_err();
    assert!(error.to_string().ends_with("ERR max number of clients reached"), "{error}");
}

#[tokio::test]
async fn the_native_protocol_has_no_handshake() {
    let (stream, _server) = duplex(1024);
    let error = Client::builder().native().password("secret").over(stream).await.unwrap_err();
    assert!(matches!(error, ClientError::Unsupported(_)), "{error:?}");
}

#[tokio::test]
async fn a_url_wins_over_the_settings() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(kvstore::serve(listener, Store::new()).into_future());
    let speaks_resp = async |builder: kvstore::client::ClientBuilder, url: String| {
        let client = builder.connect(url).await.unwrap();
        client.exists(["k"]).await.is_ok()
    };
    assert!(!speaks_resp(Client::builder().resp3(), format!("kv://{address}")).await);
    assert!(!speaks_resp(Client::builder().native(), address.to_string()).await);
    assert!(speaks_resp(Client::builder().native(), format!("redis://{address}")).await);
    let client =
        Client::builder().database(1).name("old").connect(format!("redis://{address}/2?name=new")).await.unwrap();
    let info = client.execute(command("CLIENT INFO")).await.unwrap().to_string();
    assert!(info.contains(" name=new ") && info.contains(" db=2 "), "{info}");
}

#[test]
fn settings_never_show_the_password() {
    let debug = format!("{:?}", Client::builder().user("ann").password("secret"));
    assert!(debug.contains("ann") && !debug.contains("secret"), "{debug}");
}
