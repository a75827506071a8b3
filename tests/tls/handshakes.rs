//! Handshakes: which are refused, and that none delays another.

use std::{future::Future, time::Duration};

use kvstore::tls::{ClientCertificates, ClientTls, Pem, ServerTls, TlsVersion};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{Secured, certificates::Authority};
use crate::support::{request, settle, words};

/// A client in both directions: short, long, and a pipeline.
async fn talks(server: &Secured, tls: &ClientTls) {
    let mut client = server.connect(tls).await.expect("a handshake");
    client.asks("PING\r\n", "+PONG\r\n").await;
    let long = "x".repeat(3_000_000);
    for _ in 0..5 {
        client.asks(request(&["ECHO", &long]), format!("$3000000\r\n{long}\r\n")).await;
    }
    client.asks("PING\r\n".repeat(10_000), "+PONG\r\n".repeat(10_000)).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_is_served_over_each_version() {
    let authority = Authority::new();
    let server = Secured::start(&authority.settings());
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        talks(&server, &authority.trusted().versions([version])).await;
    }
    let server = Secured::start(&authority.settings().versions([TlsVersion::Tls13]));
    let refusal = server.refusal(&authority.trusted().versions([TlsVersion::Tls12])).await;
    assert!(refusal.contains("ProtocolVersion"), "{refusal}");
}

#[tokio::test(start_paused = true)]
async fn a_cipher_suite_is_chosen_by_its_name() {
    let authority = Authority::new();
    let settings = authority.settings().versions([TlsVersion::Tls12]);
    let server = Secured::start(&settings.clone().cipher_suites(["ECDHE-ECDSA-CHACHA20-POLY1305"]));
    talks(&server, &authority.trusted()).await;
    let server = Secured::start(&settings.clone().cipher_suites(["TLS_AES_128_GCM_SHA256"]));
    talks(&server, &authority.trusted()).await;
    let error = ServerTls::new(&settings.cipher_suites(["RC4-MD5"])).expect_err("it is not secure");
    assert!(error.to_string().starts_with("RC4-MD5: the cipher suites are"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_not_valid_is_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = Secured::start(&authority.settings());
    let refusal = server.refusal(&other.trusted()).await;
    assert!(refusal.contains("UnknownIssuer") || refusal.contains("BadSignature"), "{refusal}");
    let refusal = server.refusal(&authority.trusted().server_name("example.com")).await;
    assert!(refusal.contains("not valid for name"), "{refusal}");
    let server = Secured::start(&authority.expired().settings());
    let refusal = server.refusal(&authority.trusted()).await;
    assert!(refusal.contains("certificate expired"), "{refusal}");
}

#[tokio::test(start_paused = true)]
async fn a_client_without_a_valid_certificate_is_refused_where_one_is_required() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = Secured::start(&authority.mutual(ClientCertificates::Required));
    let refusal = server.refusal(&authority.trusted()).await;
    assert!(refusal.contains("CertificateRequired"), "{refusal}");
    let stranger = other.client("ada", &[]).shown_by(authority.trusted());
    let refusal = server.refusal(&stranger).await;
    assert!(refusal.contains("received fatal alert"), "{refusal}");
    talks(&server, &authority.client("ada", &[]).shown_by(authority.trusted())).await;
    assert_eq!(server.tls.failed_handshakes(), 2);

    let server = Secured::start(&authority.mutual(ClientCertificates::Optional));
    talks(&server, &authority.trusted()).await;
    let refusal = server.refusal(&stranger).await;
    assert!(refusal.contains("received fatal alert"), "{refusal}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_delays_no_other_and_is_cut() {
    let authority = Authority::new();
    let server = Secured::start(&authority.settings());
    let connector = server.server.connector();
    let started = Instant::now();
    let (mut silent, mut half) = (connector.connect().unwrap(), connector.connect().unwrap());
    // The beginning of a hello.
    half.write_all(b"\x16\x03\x01\x02").await.unwrap();
    settle().await;
    let mut clients = JoinSet::new();
    for _ in 0..50 {
        let (tls, stream) = (authority.trusted(), connector.connect().unwrap());
        clients.spawn(async move {
            let mut client = crate::support::Client::new(tls.connect("localhost", stream).await.expect("a handshake"));
            client.asks("PING\r\n", "+PONG\r\n").await;
        });
    }
    clients.join_all().await;
    assert!(started.elapsed() < Duration::from_secs(1));
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).await.unwrap();
    assert_eq!(started.elapsed().as_secs(), 10);
    half.read_to_end(&mut rest).await.unwrap();
    assert_eq!(server.tls.failed_handshakes(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_oldest_handshake_is_cut_when_there_are_too_many() {
    let authority = Authority::new();
    let server = Secured::of(&authority.settings(), |listener| {
        kvstore::serve(listener.max_handshakes(2).handshake_timeout(Duration::from_secs(100)), words())
    });
    let connector = server.server.connector();
    let started = Instant::now();
    let mut oldest = connector.connect().unwrap();
    settle().await;
    let _second = connector.connect().unwrap();
    settle().await;
    // It is accepted when the oldest has had its second, and those behind it at once.
    for elapsed in [1, 1, 1] {
        talks(&server, &authority.trusted()).await;
        assert_eq!(started.elapsed().as_secs(), elapsed);
    }
    assert_eq!(oldest.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(server.tls.failed_handshakes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_over_the_limit_reads_why() {
    let authority = Authority::new();
    let server = Secured::of(&authority.settings(), |listener| kvstore::serve(listener, words()).max_connections(1));
    let mut first = server.connect(&authority.trusted()).await.unwrap();
    first.asks("PING\r\n", "+PONG\r\n").await;
    let mut second = server.connect(&authority.trusted()).await.unwrap();
    second.gets("-ERR max number of clients reached\r\n").await;
    first.asks("PING\r\n", "+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_client_without_tls_is_closed() {
    let authority = Authority::new();
    let server = Secured::start(&authority.settings());
    let mut plain = server.server.connect();
    plain.sends("PING\r\n").await;
    // An alert of TLS.
    assert_eq!(plain.reads_all().await[0], 0x15);
    // A probe of the port.
    drop(server.server.connect());
    settle().await;
    assert_eq!(server.tls.failed_handshakes(), 2);
}

#[tokio::test(start_paused = true)]
async fn certificates_are_replaced_under_a_live_connection() {
    let (before, after) = (Authority::new(), Authority::new());
    let server = Secured::start(&before.settings());
    let mut client = server.connect(&before.trusted()).await.unwrap();
    client.asks("PING\r\n", "+PONG\r\n").await;
    // A handshake that has begun.
    let mut slow = server.server.connector().connect().unwrap();
    settle().await;
    server.tls.replace(&after.settings()).unwrap();
    client.asks("PING\r\n", "+PONG\r\n").await;
    talks(&server, &after.trusted()).await;
    server.refusal(&before.trusted()).await;
    let mut slow = before.trusted().connect("localhost", &mut slow).await.expect("the old certificate");
    slow.write_all(b"PING\r\n").await.unwrap();
    slow.flush().await.unwrap();
    assert_eq!(slow.read_u8().await.unwrap(), b'+');
}

#[tokio::test(start_paused = true)]
async fn files_that_cannot_be_used_are_named_and_change_nothing() {
    let folder = super::certificates::Folder::new("tls-files");
    let settings = kvstore::tls::TlsSettings::new(folder.pem("server.crt"), folder.pem("server.key"));
    let server = Secured::start(&settings);
    let trusted = folder.trusted();
    let usual = folder.read("server.key");
    let client_key = folder.read("client.key");
    for (name, text, said) in [
        ("server.key", &b""[..], "there is no private key in it"),
        ("server.key", b"-----BEGIN PRIVATE KEY-----\n", "missing section end marker"),
        ("server.key", &client_key, "keys may not be consistent"),
        ("server.crt", b"no certificate", "there is no certificate in it"),
    ] {
        folder.write(name, text);
        let error = server.tls.replace(&settings).expect_err(said).to_string();
        let path = folder.path(name);
        assert!(error.contains(path.to_str().unwrap()) && error.contains(said), "{error}");
    }
    std::fs::remove_file(folder.path("server.crt")).unwrap();
    let error = server.tls.replace(&settings).expect_err("there is no file").to_string();
    assert!(error.contains("server.crt: it cannot be read: No such file"), "{error}");
    talks(&server, &trusted).await;
    folder.renew();
    server.tls.replace(&settings).unwrap();
    talks(&server, &folder.trusted()).await;
    assert!(!format!("{:?}", Pem::text(usual)).contains("KEY"));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_late_gets_everything() {
    let authority = Authority::new();
    let server = Secured::start(&authority.settings());
    let stream = server.server.connector().connect_with_room(1000).unwrap();
    let mut client = crate::support::Client::new(authority.trusted().connect("localhost", stream).await.unwrap());
    let long = "x".repeat(1_000_000);
    client.sends(request(&["ECHO", &long])).await;
    sleep(Duration::from_secs(20)).await;
    client.gets(format!("$1000000\r\n{long}\r\n")).await;
    within(client.io.shutdown()).await.unwrap();
    assert!(client.is_closed().await);
}

async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("in time")
}
