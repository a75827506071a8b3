//! Published clients, in both versions of RESP, against the default stack on a socket.

use std::{collections::BTreeSet, future::IntoFuture, net::SocketAddr};

use fred::{
    prelude::{ClientLike, Config, Expiration, KeysInterface},
    types::RespVersion,
};
use futures_util::StreamExt;
use kvstore::{
    server::Password,
    standalone::{self, StackSettings},
    store::Store,
};
use redis::AsyncCommands;
use tokio::net::TcpListener;

/// The address of a server that runs as long as its test. It asks for a password when there is one.
async fn server(password: Option<&str>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let serve = standalone::server(&Store::new(), &StackSettings::default()).listen(listener);
    let serve = match password {
        Some(password) => serve.authenticate(Password::new(password)),
        None => serve,
    };
    tokio::spawn(serve.into_future());
    address
}

async fn redis_client(address: SocketAddr, options: &str) -> redis::RedisResult<redis::aio::MultiplexedConnection> {
    redis::Client::open(format!("redis://{address}/{options}"))?.get_multiplexed_async_connection().await
}

const VERSIONS: [&str; 2] = ["?protocol=resp2", "?protocol=resp3"];

#[tokio::test]
async fn redis_rs_sets_and_gets() -> redis::RedisResult<()> {
    for version in VERSIONS {
        let mut client = redis_client(server(None).await, version).await?;
        let () = client.set("key", "value").await?;
        assert_eq!(client.get::<_, Option<String>>("key").await?.as_deref(), Some("value"));
        assert_eq!(client.incr::<_, _, i64>("count", 5).await?, 5);
        assert_eq!(client.decr::<_, _, i64>("count", 2).await?, 3);
        assert!(client.expire::<_, bool>("key", 100).await?);
        assert!((99..=100).contains(&client.ttl::<_, i64>("key").await?));
        assert_eq!(client.del::<_, i64>(&["key", "count", "other"]).await?, 2);
        assert_eq!(client.get::<_, Option<String>>("key").await?, None);
    }
    Ok(())
}

#[tokio::test]
async fn redis_rs_pipelines() -> redis::RedisResult<()> {
    for version in VERSIONS {
        let mut client = redis_client(server(None).await, version).await?;
        let mut pipeline = redis::pipe();
        for index in 0..500 {
            pipeline.set(index, index * 2).ignore().get(index);
        }
        let answers: Vec<i64> = pipeline.query_async(&mut client).await?;
        assert_eq!(answers, (0..500).map(|index| index * 2).collect::<Vec<_>>());
    }
    Ok(())
}

#[tokio::test]
async fn redis_rs_scans() -> redis::RedisResult<()> {
    for version in VERSIONS {
        let mut client = redis_client(server(None).await, version).await?;
        for index in 0..100 {
            let () = client.set(format!("key:{index}"), index).await?;
        }
        let () = client.set("other", 1).await?;
        let found: BTreeSet<String> =
            client.scan_match::<_, String>("key:*").await?.map(|key| key.expect("a key")).collect().await;
        assert_eq!(found.len(), 100);
    }
    Ok(())
}

#[tokio::test]
async fn redis_rs_authenticates_and_selects() -> redis::RedisResult<()> {
    let address = server(Some("secret")).await;
    for version in VERSIONS {
        let refused = redis_client(address, version).await;
        assert!(refused.is_err() || redis::cmd("GET").arg("k").query_async::<()>(&mut refused?).await.is_err());
        let client = redis::Client::open(format!("redis://:secret@{address}/3{version}"))?;
        let mut client = client.get_multiplexed_async_connection().await?;
        let () = client.set("key", "in 3").await?;
        let () = redis::cmd("SELECT").arg(0).query_async(&mut client).await?;
        assert_eq!(client.get::<_, Option<String>>("key").await?, None);
    }
    Ok(())
}

#[tokio::test]
async fn redis_rs_reads_errors_as_errors() -> redis::RedisResult<()> {
    for version in VERSIONS {
        let mut client = redis_client(server(None).await, version).await?;
        let () = client.set("key", "no number").await?;
        let error = client.incr::<_, _, i64>("key", 1).await.expect_err("it is no number");
        assert_eq!(error.detail(), Some("value is not an integer or out of range"));
        assert_eq!(redis::cmd("PING").query_async::<String>(&mut client).await?, "PONG");
    }
    Ok(())
}

async fn fred_client(
    address: SocketAddr,
    version: RespVersion,
    password: Option<&str>,
) -> Result<fred::clients::Client, fred::error::Error> {
    let mut config = Config::from_url(&format!("redis://{address}"))?;
    config.version = version;
    config.password = password.map(str::to_owned);
    let client = fred::clients::Client::new(config, None, None, None);
    client.init().await?;
    Ok(client)
}

#[tokio::test]
async fn fred_sets_and_gets() -> Result<(), fred::error::Error> {
    for version in [RespVersion::RESP2, RespVersion::RESP3] {
        let client = fred_client(server(None).await, version, None).await?;
        let () = client.set("key", "value", Some(Expiration::EX(100)), None, false).await?;
        assert_eq!(client.get::<Option<String>, _>("key").await?.as_deref(), Some("value"));
        assert!((99..=100).contains(&client.ttl::<i64, _>("key").await?));
        assert_eq!(client.incr_by::<i64, _>("count", 5).await?, 5);
        assert_eq!(client.decr::<i64, _>("count").await?, 4);
        assert!(client.persist::<bool, _>("key").await?);
        assert_eq!(client.del::<i64, _>(vec!["key", "count"]).await?, 2);
        assert_eq!(client.get::<Option<String>, _>("key").await?, None);
        client.quit().await?;
    }
    Ok(())
}

#[tokio::test]
async fn fred_pipelines_and_scans() -> Result<(), fred::error::Error> {
    for version in [RespVersion::RESP2, RespVersion::RESP3] {
        let client = fred_client(server(None).await, version, None).await?;
        let pipeline = client.pipeline();
        for index in 0..200 {
            let () = pipeline.set(format!("key:{index}"), index, None, None, false).await?;
        }
        let answers: Vec<String> = pipeline.all().await?;
        assert_eq!(answers.len(), 200);
        let keys: Vec<_> = client.scan_buffered("key:*", Some(10), None).collect().await;
        assert_eq!(keys.into_iter().map(|key| key.expect("a key")).collect::<BTreeSet<_>>().len(), 200);
        client.quit().await?;
    }
    Ok(())
}

#[tokio::test]
async fn fred_authenticates() -> Result<(), fred::error::Error> {
    let address = server(Some("secret")).await;
    for version in [RespVersion::RESP2, RespVersion::RESP3] {
        let client = fred_client(address, version, Some("secret")).await?;
        assert_eq!(client.ping::<String>(None).await?, "PONG");
        client.quit().await?;
    }
    Ok(())
}
