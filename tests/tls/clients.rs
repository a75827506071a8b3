//! Clients over sockets: this crate's, the `redis` crate, redis-cli.

use std::{net::SocketAddr, path::Path};

use kvstore::{
    client::{Client, ClientError, Endpoint},
    protocol::{Command, Response},
    server::Serve,
    store::Store,
    tls::{CertificateField, ClientCertificates, Pem, ServerTls, TlsSettings},
};
use redis::AsyncTypedCommands;
use tokio::net::TcpListener;

use super::certificates::Folder;

/// A server with a plain port and one over TLS, where clients must show a certificate.
async fn start(folder: &Folder) -> (SocketAddr, SocketAddr) {
    let settings = TlsSettings::new(folder.pem("server.crt"), folder.pem("server.key"))
        .client_certificates(ClientCertificates::Required, folder.pem("ca.crt"))
        .user_from(CertificateField::CommonName);
    let tls = ServerTls::new(&settings).unwrap();
    let bind = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (plain, secured) = (bind().await, bind().await);
    let addresses = (plain.local_addr().unwrap(), secured.local_addr().unwrap());
    tokio::spawn(Serve::new(Store::new()).listen(plain).listen(tls.listener(secured)).into_future());
    addresses
}

async fn text(client: &Client, words: &[&str]) -> String {
    match client.execute(Command::new(words[0]).with_args(&words[1..])).await.unwrap() {
        Response::Bulk(text) => String::from_utf8(text.to_vec()).unwrap(),
        other => other.to_string(),
    }
}

#[tokio::test]
async fn our_client_connects_by_url() {
    let folder = Folder::new("tls-our-client");
    let (plain, secured) = start(&folder).await;
    Client::connect(plain).await.unwrap().set("key", "value").await.unwrap();
    for endpoint in [format!("rediss://localhost:{}", secured.port()), secured.to_string()] {
        let client = Client::builder().tls(folder.known()).connect(endpoint).await.unwrap();
        assert_eq!(client.get("key").await.unwrap().as_deref(), Some(&b"value"[..]));
    }
    let plain = Client::builder().tls(folder.known()).connect(format!("redis://{plain}")).await.unwrap();
    assert_eq!(plain.ping("").await.unwrap(), "PONG");
}

#[tokio::test]
async fn our_client_says_what_is_wrong() {
    let folder = Folder::new("tls-our-errors");
    let (_, secured) = start(&folder).await;
    let url = format!("rediss://127.0.0.1:{}", secured.port());
    // The system does not trust the authority of a test.
    let error = Client::connect(&*url).await.expect_err("an unknown authority").to_string();
    assert!(error.contains("UnknownIssuer") || error.contains("the authorities of the system"), "{error}");
    let unreadable = folder.trusted().authorities(Pem::file("/no/such/file"));
    let error = Client::builder().tls(unreadable).connect(&*url).await.expect_err("there is no file");
    assert!(matches!(error, ClientError::Tls(_)), "{error}");
    assert_eq!(error.to_string(), "/no/such/file: it cannot be read: No such file or directory (os error 2)");
}

#[tokio::test]
async fn the_list_of_clients_names_a_connection_over_tls() {
    let folder = Folder::new("tls-list");
    let (_, secured) = start(&folder).await;
    let client = Client::builder().tls(folder.known()).connect(Endpoint::from(secured)).await.unwrap();
    let line = text(&client, &["CLIENT", "INFO"]).await;
    let field = |name: &str| {
        line.split_whitespace().find_map(|field| field.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {line}"))
    };
    assert_eq!(field("laddr="), secured.to_string());
    assert!(field("addr=").starts_with("127.0.0.1:"));
    assert!(field("fd=").parse::<i32>().unwrap() > 2, "{line}");
}

#[tokio::test]
async fn the_redis_crate_connects() {
    let folder = Folder::new("tls-redis-crate");
    let (_, secured) = start(&folder).await;
    let certificates = redis::TlsCertificates {
        client_tls: Some(redis::ClientTlsConfig {
            client_cert: folder.read("client.crt"),
            client_key: folder.read("client.key"),
        }),
        root_cert: Some(folder.read("ca.crt")),
    };
    let client = redis::Client::build_with_tls(format!("rediss://localhost:{}", secured.port()), certificates).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    connection.set("key", "x".repeat(1_000_000)).await.unwrap();
    assert_eq!(connection.get("key").await.unwrap().map(|value| value.len()), Some(1_000_000));
}

/// The server runs on the other thread while this one waits for the program.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn redis_cli_connects() {
    let folder = Folder::new("tls-redis-cli");
    let (_, secured) = start(&folder).await;
    let ask = |certificate: Option<&Path>| {
        let mut command = std::process::Command::new("redis-cli");
        command.args(["--tls", "-h", "localhost", "-p", &secured.port().to_string()]);
        command.arg("--cacert").arg(folder.path("ca.crt"));
        if let Some(certificate) = certificate {
            command.arg("--cert").arg(certificate).arg("--key").arg(folder.path("client.key"));
        }
        command.arg("PING").output()
    };
    let Ok(output) = ask(Some(&folder.path("client.crt"))) else {
        #[expect(clippy::print_stderr, reason = "a test that does nothing says why")]
        {
            return eprintln!("left out: there is no redis-cli");
        }
    };
    assert_eq!(String::from_utf8_lossy(&output.stdout), "PONG\n", "{}", String::from_utf8_lossy(&output.stderr));
    let output = ask(None).unwrap();
    assert_ne!(String::from_utf8_lossy(&output.stdout), "PONG\n");
}
