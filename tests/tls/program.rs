//! The program: its flags, SIGHUP and CONFIG SET.

use std::{path::PathBuf, process::Command as Program};

use kvstore::{
    client::{Client, ClientError},
    protocol::{Command, Response},
};

use super::certificates::Folder;
use crate::program::{Running, free_port, kvstore, output};

/// The program with a port for TLS. Flags override these settings.
fn secured(folder: &Folder, port: u16) -> Program {
    let mut command = kvstore();
    command.env("KVSTORE_TLS_PORT", port.to_string());
    for (name, file) in [("CERT", "server.crt"), ("KEY", "server.key"), ("CA_CERT", "ca.crt")] {
        command.env(format!("KVSTORE_TLS_{name}_FILE"), folder.path(file));
    }
    command
}

async fn connect(tls: kvstore::tls::ClientTls, address: &str) -> Result<Client, ClientError> {
    let client = Client::builder().tls(tls).reconnect(None).connect(format!("rediss://{address}")).await?;
    client.ping("").await?;
    Ok(client)
}

async fn config(client: &Client, words: &[&str]) -> Response {
    client.execute(Command::new("CONFIG").with_args(words)).await.expect("an answer")
}

#[tokio::test]
async fn the_program_serves_with_and_without_tls() {
    let folder = Folder::new("tls-program");
    let port = free_port();
    let server =
        Running::start(secured(&folder, port).args(["--requirepass", "secret", "--tls-auth-clients-user", "CN"]));
    assert_eq!(server.places[1], format!("127.0.0.1:{port}"));
    let client = connect(folder.known(), &server.places[1]).await.unwrap();
    client.set("key", "value").await.unwrap();
    let plain = Client::builder().password("secret").connect(&*server.places[0]).await.unwrap();
    assert_eq!(plain.get("key").await.unwrap().as_deref(), Some(&b"value"[..]));
    assert!(connect(folder.trusted(), &server.places[1]).await.is_err());
    let shown = config(&client, &["GET", "tls-port", "tls-auth-clients", "tls-auth-clients-user"]).await.to_string();
    for (name, value) in
        [("port", port.to_string()), ("auth-clients", "yes".into()), ("auth-clients-user", "CN".into())]
    {
        assert!(shown.contains(&format!("\"tls-{name}\", \"{value}\"")), "{shown}");
    }
    assert!(server.stop("TERM").0);
}

#[tokio::test]
async fn certificates_are_read_again_on_a_signal_and_by_config_set() {
    let folder = Folder::new("tls-reload");
    let port = free_port();
    let mut server = Running::start(&mut secured(&folder, port));
    let address = server.places[1].clone();
    let (client, old) = (connect(folder.known(), &address).await.unwrap(), folder.trusted());
    folder.renew();
    server.signal("HUP");
    server.line_with("the certificates are read again");
    assert!(connect(old, &address).await.is_err());
    connect(folder.known(), &address).await.unwrap();

    folder.renew();
    let file = folder.path("server.crt");
    let set = async |words: &[&str]| config(&client, &[&["SET"], words].concat()).await.to_string();
    assert_eq!(set(&["tls-cert-file", file.to_str().unwrap()]).await, "+OK");
    connect(folder.known(), &address).await.unwrap();
    assert_eq!(set(&["tls-auth-clients", "no", "tls-protocols", "TLSv1.3"]).await, "+OK");
    connect(folder.trusted(), &address).await.unwrap();

    let refusal = set(&["tls-key-file", "/no/such/file", "tls-auth-clients", "yes"]).await;
    assert!(
        refusal.ends_with("'tls-key-file') - /no/such/file: it cannot be read: No such file or directory (os error 2)"),
        "{refusal}"
    );
    assert!(config(&client, &["GET", "tls-auth-clients"]).await.to_string().contains("\"no\""));
    folder.write("server.key", "no key");
    server.signal("HUP");
    server.line_with("the certificates stay as they were");
    connect(folder.trusted(), &address).await.unwrap();
    client.ping("").await.unwrap();
}

/// How a file gives a value to a name.
type Line = fn(&str, &str) -> String;

/// A file of settings with a port for TLS.
fn settings_file(folder: &Folder, name: &str, port: u16, line: Line) -> PathBuf {
    let path = |name: &str| folder.path(name).display().to_string();
    let lines = [
        line("port", "0"),
        line("bind", "127.0.0.1"),
        line("tls-port", &port.to_string()),
        line("tls-cert-file", &path("server.crt")),
        line("tls-key-file", &path("server.key")),
        line("tls-ca-cert-file", &path("ca.crt")),
        line("tls-auth-clients", "optional"),
    ];
    folder.write(name, lines.join("\n") + "\n");
    folder.path(name)
}

#[tokio::test]
async fn files_set_tls_and_config_rewrite_writes_it_to_them() {
    let folder = Folder::new("tls-files");
    let lines: [(&str, Line); 2] = [
        ("redis.conf", |name, value| format!("{name} \"{value}\"")),
        ("kvstore.toml", |name, value| format!("{name} = \"{value}\"")),
    ];
    for (name, line) in lines {
        let file = settings_file(&folder, name, free_port(), line);
        let (checked, text) = output(kvstore().arg("--check").arg("--config").arg(&file));
        assert!(checked.status.success() && text.contains("tls-auth-clients = optional"), "{text}");

        let data = folder.path("data");
        let start = || {
            let mut command = kvstore();
            Running::start_as_it_is(command.env("KVSTORE_DIR", &data).args(["--port", "none", "--config"]).arg(&file))
        };
        let server = start();
        let client = connect(folder.trusted(), &server.places[0]).await.unwrap();
        let set = config(&client, &["SET", "tls-auth-clients", "no", "tls-protocols", "TLSv1.2 TLSv1.3"]).await;
        assert_eq!(set.to_string(), "+OK");
        assert_eq!(config(&client, &["REWRITE"]).await.to_string(), "+OK");
        assert!(server.stop("TERM").0);
        let text = String::from_utf8(folder.read(name)).unwrap();
        assert!(text.contains("tls-auth-clients") && !text.contains("optional"), "{text}");

        let server = start();
        let client = connect(folder.trusted(), &server.places[0]).await.unwrap();
        let shown = config(&client, &["GET", "tls-auth-clients", "tls-protocols"]).await.to_string();
        assert!(shown.contains("\"no\"") && shown.contains("\"TLSv1.2 TLSv1.3\""), "{shown}");
    }
}

#[test]
fn a_setting_of_tls_that_is_not_there_is_refused() {
    let folder = Folder::new("tls-refused");
    folder.write("redis.conf", "port 0\ntls-replication yes\ntls-session-caching no\ntls-prefer-server-ciphers yes\n");
    let (checked, text) = output(kvstore().arg("--check").arg("--config").arg(folder.path("redis.conf")));
    let refusal = "redis.conf:2: invalid value 'yes' for '--tls-replication <VALUE>': the link to a master, or to other nodes, is without TLS";
    assert!(!checked.status.success() && text.contains(refusal), "{text}");
    assert_eq!(text.matches("wrong: ").count(), 1, "{text}");
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let folder = Folder::new("tls-all");
    folder.write("server.crt", "no certificate");
    let wrong = ["--tls-key-file", "/no/such/key", "--tls-protocols", "SSLv3", "--tls-ciphers", "NULL-MD5"];
    for more in [&["--port", "0"][..], &["--port", "0", "--check"]] {
        let (output, text) = output(secured(&folder, free_port()).args(wrong).args(more));
        assert_eq!(output.status.code(), Some(78), "{text}");
        for said in ["server.crt: there is no certificate", "/no/such/key: it cannot be read", "SSLv3", "NULL-MD5"] {
            assert!(text.contains(said), "{said}: {text}");
        }
    }
}

#[test]
fn what_is_wrong_is_said_without_a_port_too() {
    for (flag, value) in
        [("--tls-auth-clients", "maybe"), ("--tls-auth-clients-user", "UID"), ("--tls-protocols", "SSLv3")]
    {
        for more in [&["--port", "0"][..], &["--check"]] {
            let (output, text) = output(kvstore().args([flag, value]).args(more));
            assert!(output.status.code() == Some(78) && text.contains(flag.trim_start_matches('-')), "{text}");
        }
    }
}

#[test]
fn what_is_wrong_is_said_at_the_start() {
    let folder = Folder::new("tls-start");
    for (flag, value, said) in [
        ("--tls-cert-file", "/no/such/file", "/no/such/file: it cannot be read"),
        ("--tls-key-file", "", "tls-key-file is missing"),
        ("--tls-ca-cert-file", "", "tls-ca-cert-file is missing, and tls-auth-clients is not no"),
        ("--tls-auth-clients", "maybe", "tls-auth-clients: maybe is not yes, optional or no"),
        ("--tls-auth-clients-user", "UID", "the fields that can name a user are CN and URI"),
        ("--tls-protocols", "TLSv1.3 SSLv3", "SSLv3: the versions of TLS are TLSv1.2 and TLSv1.3"),
        ("--tls-ciphers", "NULL-MD5", "NULL-MD5: the cipher suites are"),
    ] {
        for more in [&["--port", "0"][..], &["--check"]] {
            let (output, text) = output(secured(&folder, free_port()).args([flag, value]).args(more));
            assert!(!output.status.success() && text.contains(said), "{text}");
        }
    }
}
