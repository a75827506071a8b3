//! Clients over sockets: this crate's, the `redis` crate, redis-cli.

use std::net::SocketAddr;

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
    let tls = ServerTls::new(&settings).expect("certificates");
    let bind = async || TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let (plain, secured) = (bind().await, bind().await);
    let addresses = (plain.local_addr().expect("an address"), secured.local_addr().expect("an address"));
    tokio::spawn(Serve::new(Store::new()).listen(plain).listen(tls.listener(secured)).into_future());
    addresses
}

async fn text(client: &Client, words: &[&str]) -> String {
    match client.execute(Command::new(words[0]).with_args(&words[1..])).await.expect("an answer") {
        Response::Bulk(text) => String::from_utf8(text.to_vec()).expect("text"),
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

/// Runs a program of another client; `None` if it is not installed. The server runs on another thread.
fn run(program: &str, arguments: &[&str]) -> Option<(String, String)> {
    let output = std::process::Command::new(program).args(arguments).output().ok()?;
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    Some((stdout, stderr))
}

#[expect(clippy::print_stderr, reason = "a test that does nothing says why")]
fn left_out(reason: &str) {
    eprintln!("left out: there is no {reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn redis_cli_connects() {
    let folder = Folder::new("tls-redis-cli");
    let (_, secured) = start(&folder).await;
    let (port, [authority, certificate, key]) = (secured.port().to_string(), folder.paths());
    let trusting = ["--tls", "-h", "localhost", "-p", &port, "--cacert", &authority];
    let Some((said, complaint)) =
        run("redis-cli", &[&trusting[..], &["--cert", &certificate, "--key", &key, "PING"]].concat())
    else {
        return left_out("redis-cli");
    };
    assert_eq!(said, "PONG\n", "{complaint}");
    let (said, _) = run("redis-cli", &[&trusting[..], &["PING"]].concat()).expect("it is there");
    assert_ne!(said, "PONG\n");
}

const PYTHON: &str = "
import redis, sys
port, authority, certificate, key = sys.argv[1:]
client = redis.Redis('localhost', int(port), ssl=True, ssl_ca_certs=authority, ssl_certfile=certificate, ssl_keyfile=key)
pipeline = client.pipeline(transaction=False)
for index in range(1000):
    pipeline.set(index, b'x' * 10_000)
    pipeline.get(index)
assert pipeline.execute() == [True, b'x' * 10_000] * 1000
try:
    redis.Redis('localhost', int(port), ssl=True, ssl_ca_certs=authority).ping()
except redis.ConnectionError:
    print('done')
";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn redis_py_connects() {
    let folder = Folder::new("tls-redis-py");
    let (_, secured) = start(&folder).await;
    if run("python3", &["-c", "import redis; print(1)"]).is_none_or(|(said, _)| said.is_empty()) {
        return left_out("redis-py");
    }
    let (port, [authority, certificate, key]) = (secured.port().to_string(), folder.paths());
    let (said, complaint) =
        run("python3", &["-c", PYTHON, &port, &authority, &certificate, &key]).expect("it is there");
    assert_eq!(said, "done\n", "{complaint}");
}
