//! The store, and whole servers, inside of another program: everything is set up in code, and most of it has no socket.

use std::{future::IntoFuture, sync::Arc, time::Duration};

use kvstore::{
    client::Client,
    middleware::{AuditLayer, AuditRecord, DenyLayer, TimeoutLayer},
    protocol::{ClientCodec, Command, Response},
    routing::{Arg, Key, Router, State},
    server::{Password, Serve, pipe},
    store::{Store, TokioClock},
    testing,
};
use tokio::net::{TcpListener, UnixListener};
use tower::{ServiceBuilder, ServiceExt};

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::test(start_paused = true)]
async fn a_store_has_typed_calls_and_commands_without_a_socket() -> Outcome {
    let store = Store::builder().databases(4).clock(TokioClock::new()).build();
    let client = Client::local(store.clone());
    client.set("key", 10).await?;
    assert_eq!(client.incr_by("key", 5).await?, 15);
    // The same data, however it is asked for.
    assert_eq!(store.execute(&Command::new("GET").arg("key")), Response::from("15"));
    assert_eq!(store.clone().oneshot(Command::new("GET").arg("key")).await, Ok(Response::from("15")));
    // The time is the test's.
    client.expire("key", Duration::from_secs(60)).await?;
    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!(client.get("key").await?, None);
    Ok(())
}

#[tokio::test]
async fn a_command_of_ones_own_stands_beside_those_of_the_store() -> Outcome {
    /// `CLAIM key owner`: the owner of the key, the first who claimed it.
    async fn claim(State(store): State<Client>, Key(key): Key, Arg(owner): Arg<String>) -> Response {
        let taken = store.execute(Command::new("SET").arg(&key).arg(&owner).arg("NX").arg("GET")).await;
        match taken {
            Ok(Response::Null) => owner.into(),
            Ok(other) => other,
            Err(error) => Response::error("ERR", &error.to_string()),
        }
    }
    let store = Store::new();
    let router: Router<(), Store> =
        Router::new().command("CLAIM", claim).with_state(Client::local(store.clone())).fallback_service(store.clone());
    let server = testing::Server::start_with(|listener| kvstore::serve(listener, router).prefetch(store.prefetch()));
    let client = server.client();
    for (owner, holder) in [("Ada", "Ada"), ("Grace", "Ada")] {
        assert_eq!(client.execute(Command::new("CLAIM").arg("lamp").arg(owner)).await?, holder.into());
    }
    assert_eq!(client.get("lamp").await?.as_deref(), Some(&b"Ada"[..]));
    Ok(())
}

#[tokio::test]
async fn layers_of_ones_own_stand_round_the_store() -> Outcome {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let sink = {
        let seen = seen.clone();
        move |record: &AuditRecord<'_>| seen.lock().expect("no panic").push(record.number())
    };
    let service = ServiceBuilder::new()
        .layer(AuditLayer::new(sink))
        .layer(DenyLayer::names(["FLUSHALL"]))
        .layer(TimeoutLayer::new(Duration::from_secs(1)))
        .service(Store::new());
    let client = Client::local(service);
    client.set("key", "value").await?;
    let refused = client.execute(Command::new("FLUSHALL")).await?;
    assert_eq!(refused.to_string(), "-NOPERM this server does not run the 'flushall' command");
    assert_eq!(client.exists(["key"]).await?, 1);
    assert_eq!(seen.lock().expect("no panic").len(), 3);
    Ok(())
}

#[tokio::test]
async fn several_stores_and_listeners_live_in_one_process() -> Outcome {
    let directory = std::env::temp_dir().join(format!("kvstore-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let path = directory.join("embedding.sock");
    // One store behind three doors, and another with a password beside it.
    let (one, other) = (Store::new(), Store::new());
    let tcp = TcpListener::bind("127.0.0.1:0").await?;
    let address = tcp.local_addr()?;
    let (connector, listener) = pipe();
    let open = Serve::new(one.clone()).listen(tcp).listen(UnixListener::bind(&path)?).listen(listener);
    let (guarded, guarded_listener) = pipe();
    let closed = kvstore::serve(guarded_listener, other.clone()).authenticate(Password::new("secret"));
    let servers = [tokio::spawn(open.into_future()), tokio::spawn(closed.into_future())];

    let over_tcp = Client::connect(format!("redis://{address}").as_str()).await?;
    let over_unix = Client::connect(format!("unix:{}", path.display()).as_str()).await?;
    let over_pipe = Client::over(connector.connect()?, ClientCodec::resp());
    over_tcp.set("key", "one").await?;
    for client in [&over_unix, &over_pipe] {
        assert_eq!(client.get("key").await?.as_deref(), Some(&b"one"[..]));
    }

    let stranger = Client::over(guarded.connect()?, ClientCodec::resp());
    assert!(stranger.get("key").await.is_err());
    let friend = Client::builder().password("secret").over(guarded.connect()?).await?;
    assert_eq!(friend.get("key").await?, None);
    servers.iter().for_each(|server| server.abort());
    std::fs::remove_dir_all(directory)?;
    Ok(())
}

#[tokio::test]
async fn a_server_ends_and_its_store_goes_on() -> Outcome {
    let store = Store::new();
    let server = testing::Server::start(store.clone());
    let client = server.client();
    client.set("key", "value").await?;
    assert_eq!(server.stop().await?.cut, 0);
    assert!(client.get("key").await.is_err());
    assert_eq!(store.execute(&Command::new("GET").arg("key")), Response::from("value"));
    Ok(())
}
