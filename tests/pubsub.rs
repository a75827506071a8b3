//! Publishing and subscribing: the layer in front of a router, and the store.

use std::time::Duration;

use kvstore::{
    protocol::Command,
    pubsub::{PubSub, PubSubLayer},
    routing::Router,
    server::{ClientClass, OutputLimit},
    standalone,
    store::Store,
};
use tower::Layer;

use crate::support::{Server, settle};

/// A server of the store, and what it publishes on.
fn store() -> (Server, PubSub) {
    let hub = PubSub::new();
    let store = Store::builder().pub_sub(hub.clone()).build();
    (Server::of(|listener| standalone::server(&store, &Default::default()).listen(listener)), hub)
}

/// A server of a router without routes.
fn router() -> (Server, PubSub) {
    let hub = PubSub::new();
    (Server::start(PubSubLayer::new(hub.clone()).layer(Router::<()>::new())), hub)
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

/// A message of strings in RESP2.
fn message<const N: usize>(words: [&str; N]) -> String {
    format!("*{N}\r\n{}", words.map(bulk).concat())
}

/// The confirmation of a subscription, or of its end, in RESP2.
fn confirmed(word: &str, name: &str, count: usize) -> String {
    format!("*3\r\n{}{}:{count}\r\n", bulk(word), bulk(name))
}

/// The same in RESP3.
fn pushed(text: String) -> String {
    text.replacen('*', ">", 1)
}

#[tokio::test(start_paused = true)]
async fn messages_come_to_those_who_are_subscribed() {
    for (server, hub) in [store(), router()] {
        let (mut one, mut two, mut other) = (server.connect(), server.connect(), server.connect());
        one.asks("SUBSCRIBE a b\r\n", confirmed("subscribe", "a", 1) + &confirmed("subscribe", "b", 2)).await;
        two.asks("PSUBSCRIBE a*\r\n", confirmed("psubscribe", "a*", 1)).await;
        other.asks("PUBLISH a hello\r\nPUBLISH ab hello\r\nPUBLISH c hello\r\n", ":2\r\n:1\r\n:0\r\n").await;
        one.gets(message(["message", "a", "hello"])).await;
        two.gets(message(["pmessage", "a*", "a", "hello"]) + &message(["pmessage", "a*", "ab", "hello"])).await;
        one.asks("UNSUBSCRIBE a\r\n", confirmed("unsubscribe", "a", 1)).await;
        assert_eq!((hub.publish("a", "x"), hub.publish("b", "y")), (1, 1));
        one.gets(message(["message", "b", "y"])).await;
        assert_eq!((hub.channels(), hub.patterns(), hub.subscribers()), (1, 1, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn shard_channels_are_apart_from_channels() {
    let (server, _hub) = store();
    let (mut one, mut other) = (server.connect(), server.connect());
    one.asks("SSUBSCRIBE a\r\n", confirmed("ssubscribe", "a", 1)).await;
    one.asks("SUBSCRIBE a\r\n", confirmed("subscribe", "a", 1)).await;
    other.asks("SPUBLISH a shard\r\nPUBLISH a all\r\n", ":1\r\n:1\r\n").await;
    one.gets(message(["smessage", "a", "shard"]) + &message(["message", "a", "all"])).await;
    other
        .asks(
            "PUBSUB SHARDCHANNELS\r\nPUBSUB SHARDNUMSUB a b\r\n",
            "*1\r\n$1\r\na\r\n*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n:0\r\n",
        )
        .await;
    one.asks("SUNSUBSCRIBE\r\n", confirmed("sunsubscribe", "a", 0)).await;
    other.asks("SPUBLISH a shard\r\nPUBLISH a all\r\n", ":0\r\n:1\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn unsubscribing_from_nothing_is_confirmed_too() {
    let (server, _hub) = store();
    let mut client = server.connect();
    for word in ["unsubscribe", "punsubscribe", "sunsubscribe"] {
        client.asks(format!("{word}\r\n"), format!("*3\r\n{}$-1\r\n:0\r\n", bulk(word))).await;
        client.asks(format!("{word} x\r\n"), confirmed(word, "x", 0)).await;
    }
    client
        .asks("SUBSCRIBE a\r\nPSUBSCRIBE b\r\n", confirmed("subscribe", "a", 1) + &confirmed("psubscribe", "b", 2))
        .await;
    client.asks("UNSUBSCRIBE\r\n", confirmed("unsubscribe", "a", 1)).await;
    client.asks("UNSUBSCRIBE\r\n", format!("*3\r\n{}$-1\r\n:1\r\n", bulk("unsubscribe"))).await;
    client.asks("PUNSUBSCRIBE\r\nGET k\r\n", confirmed("punsubscribe", "b", 0) + "$-1\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_resp2_client_that_is_subscribed_sends_little_else() {
    for (server, _hub) in [store(), router()] {
        let mut client = server.connect();
        client.asks("PING\r\nSUBSCRIBE a\r\n", "+PONG\r\n".to_owned() + &confirmed("subscribe", "a", 1)).await;
        let refused = |name| {
            format!(
                "-ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in \
                 this context\r\n"
            )
        };
        for (command, name) in [("GET k", "get"), ("CLIENT ID", "client|id"), ("MULTI", "multi"), ("HELLO 3", "hello")]
        {
            client.asks(format!("{command}\r\n"), refused(name)).await;
        }
        client.asks("PING\r\nPING x\r\n", message(["pong", ""]) + &message(["pong", "x"])).await;
        client
            .asks(
                "SSUBSCRIBE s\r\nUNSUBSCRIBE a\r\n",
                confirmed("ssubscribe", "s", 1) + &confirmed("unsubscribe", "a", 0),
            )
            .await;
        client.asks("CLIENT ID\r\n", refused("client|id")).await;
        client.asks("SUNSUBSCRIBE s\r\nPING\r\n", confirmed("sunsubscribe", "s", 0) + "+PONG\r\n").await;
        client.asks("CLIENT ID\r\n", ":1\r\n").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_resp3_client_that_is_subscribed_sends_any_command() {
    let (server, hub) = store();
    let mut client = server.connect();
    client.sends("HELLO 3\r\n").await;
    settle().await;
    client.reads_until("modules\r\n*0\r\n").await;
    let confirmation = pushed(confirmed("subscribe", "a", 1));
    client.asks("SUBSCRIBE a\r\nSET k v\r\nPING\r\n", confirmation + "+OK\r\n+PONG\r\n").await;
    hub.publish("a", "hello");
    client.gets(pushed(message(["message", "a", "hello"]))).await;
    client.asks("GET k\r\n", "$1\r\nv\r\n").await;
    client
        .asks(
            "UNSUBSCRIBE\r\nUNSUBSCRIBE\r\n",
            pushed(confirmed("unsubscribe", "a", 0)) + ">3\r\n$11\r\nunsubscribe\r\n_\r\n:0\r\n",
        )
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_message_of_ones_own_comes_behind_the_answer() {
    let (server, _hub) = store();
    let mut client = server.connect();
    client.sends("HELLO 3\r\n").await;
    client.reads_until("modules\r\n*0\r\n").await;
    let own = |text| ":1\r\n".to_owned() + &pushed(message(["message", "a", text]));
    client
        .asks(
            "SUBSCRIBE a\r\nPUBLISH a 1\r\nPUBLISH a 2\r\n",
            pushed(confirmed("subscribe", "a", 1)) + &own("1") + &own("2"),
        )
        .await;
}

#[tokio::test(start_paused = true)]
async fn reset_and_a_closed_connection_end_all_subscriptions() {
    for (server, hub) in [store(), router()] {
        let (mut one, mut two) = (server.connect(), server.connect());
        one.asks(
            "SUBSCRIBE a\r\nPSUBSCRIBE b*\r\n",
            confirmed("subscribe", "a", 1) + &confirmed("psubscribe", "b*", 2),
        )
        .await;
        two.asks("SUBSCRIBE a\r\n", confirmed("subscribe", "a", 1)).await;
        one.asks("RESET\r\nCLIENT ID\r\n", "+RESET\r\n:1\r\n").await;
        assert_eq!((hub.publish("a", "x"), hub.publish("b", "x"), hub.subscribers()), (1, 0, 1));
        one.asks("SUBSCRIBE c\r\n", confirmed("subscribe", "c", 1)).await;
        drop((one, two));
        settle().await;
        assert_eq!((hub.channels(), hub.patterns(), hub.subscribers()), (0, 0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_transaction_subscribes_and_publishes() {
    let (server, hub) = store();
    let (mut client, mut other) = (server.connect(), server.connect());
    other.asks("SUBSCRIBE a\r\n", confirmed("subscribe", "a", 1)).await;
    client
        .asks("MULTI\r\nPUBLISH a x\r\nSUBSCRIBE b c\r\nSUBSCRIBE d\r\n", "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n")
        .await;
    assert_eq!(hub.channels(), 1);
    let (b, c, d) = (confirmed("subscribe", "b", 1), confirmed("subscribe", "c", 2), confirmed("subscribe", "d", 3));
    client.asks("EXEC\r\n", format!("*3\r\n:1\r\n{b}{d}{c}")).await;
    other.gets(message(["message", "a", "x"])).await;
    hub.publish("d", "y");
    client.gets(message(["message", "d", "y"])).await;
    client
        .asks(
            "UNSUBSCRIBE b c d\r\nMULTI\r\n",
            confirmed("unsubscribe", "b", 2)
                + &confirmed("unsubscribe", "c", 1)
                + &confirmed("unsubscribe", "d", 0)
                + "+OK\r\n",
        )
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_message_of_a_transaction_comes_though_the_subscription_ends_in_it() {
    let (server, _) = store();
    let mut client = server.connect();
    client.sends("HELLO 3\r\nSUBSCRIBE a\r\n").await;
    client.reads_until(&pushed(confirmed("subscribe", "a", 1))).await;
    client.asks("MULTI\r\nPUBLISH a x\r\nUNSUBSCRIBE a\r\n", "+OK\r\n+QUEUED\r\n+QUEUED\r\n").await;
    client.sends("EXEC\r\n").await;
    client.reads_until(&pushed(message(["message", "a", "x"]))).await;
    client.asks("PUBLISH a x\r\n", ":0\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn many_channels_are_confirmed_in_their_order() {
    let (server, hub) = store();
    let mut client = server.connect();
    let names: Vec<String> = (0..100_000).map(|number| format!("channel:{number}")).collect();
    let mut request = format!("*{}\r\n$9\r\nSUBSCRIBE\r\n", names.len() + 1);
    names.iter().for_each(|name| request += &bulk(name));
    let expected: String = names.iter().zip(1..).map(|(name, count)| confirmed("subscribe", name, count)).collect();
    client.sends(request).await;
    client.gets(expected).await;
    assert_eq!((hub.channels(), hub.publish("channel:99999", "x")), (names.len(), 1));
    client.gets(message(["message", "channel:99999", "x"])).await;
    client.asks("RESET\r\n", "+RESET\r\n").await;
    assert_eq!(hub.channels(), 0);
}

#[tokio::test(start_paused = true)]
async fn no_message_comes_before_its_confirmation_and_all_come_in_order() {
    let (server, hub) = store();
    let publisher = tokio::spawn(async move {
        for number in 0.. {
            hub.publish("a", format!("{number:06}"));
            tokio::task::yield_now().await;
        }
    });
    for _ in 0..20 {
        let mut client = server.connect();
        client.asks("SUBSCRIBE b a\r\n", confirmed("subscribe", "b", 1) + &confirmed("subscribe", "a", 2)).await;
        let length = message(["message", "a", "000000"]).len();
        let mut first = None;
        for offset in 0..50_u32 {
            let text = String::from_utf8(client.reads(length).await).expect("a text");
            let number: u32 = text[length - 8..length - 2].parse().expect("a number");
            assert_eq!(number, *first.get_or_insert(number) + offset);
        }
    }
    publisher.abort();
}

#[tokio::test(start_paused = true)]
async fn a_slow_subscriber_is_closed_and_others_get_everything() {
    let (server, hub) = store();
    let (mut slow, mut fast) = (server.connect_with_room(1000), server.connect());
    for client in [&mut slow, &mut fast] {
        client.asks("SUBSCRIBE a\r\n", confirmed("subscribe", "a", 1)).await;
    }
    let payload = "x".repeat(1 << 20);
    let expected = message(["message", "a", &payload]);
    let mut receivers = Vec::new();
    for _ in 0..100 {
        receivers.push(hub.publish("a", &payload));
        fast.gets(&expected).await;
    }
    assert_eq!((receivers[20], receivers[40]), (2, 1));
    slow.reads_all().await;
}

#[tokio::test]
async fn the_layer_passes_other_commands_and_those_of_a_transaction() {
    let hub = PubSub::new();
    let client = kvstore::client::Client::local(PubSubLayer::new(hub).layer(Store::new()));
    client.set("k", "v").await.expect("it passes");
    let answer = client.execute(Command::new("PUBSUB").with_args(["NUMSUB", "a"])).await.expect("an answer");
    assert_eq!(answer.to_string(), "[\"a\", :0]");
}

/// A server of the store with this limit on what its subscribers leave unread, and what it publishes on.
fn limited(limit: OutputLimit) -> (Server, PubSub) {
    let hub = PubSub::new();
    let store = Store::builder().pub_sub(hub.clone()).build();
    let server = Server::of(|listener| {
        let serve = standalone::server(&store, &Default::default()).listen(listener);
        serve.output_limit(ClientClass::PubSub, limit)
    });
    (server, hub)
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_leaves_too_much_unread_for_too_long_is_closed() {
    let limit = OutputLimit { hard: 0, soft: 50_000, soft_for: Duration::from_secs(10) };
    let (server, hub) = limited(limit);
    let mut client = server.connect_with_room(1000);
    client.asks("SUBSCRIBE a\r\n", confirmed("subscribe", "a", 1)).await;
    let message = message(["message", "a", &"x".repeat(40_000)]);
    for _ in 0..2 {
        // For a while only.
        (0..2).for_each(|_| _ = hub.publish("a", "x".repeat(40_000)));
        tokio::time::sleep(Duration::from_secs(9)).await;
        client.gets(message.repeat(2)).await;
        tokio::time::sleep(Duration::from_secs(9)).await;
    }
    (0..2).for_each(|_| _ = hub.publish("a", "x".repeat(40_000)));
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(hub.subscribers(), 0);
}

#[tokio::test(start_paused = true)]
async fn many_small_messages_fit_until_they_take_too_much() {
    let (server, hub) = limited(OutputLimit { hard: 1 << 20, soft: 0, soft_for: Duration::ZERO });
    let (mut client, mut other) = (server.connect_with_room(100), server.connect());
    client.asks("SUBSCRIBE a\r\n", confirmed("subscribe", "a", 1)).await;
    (0..5000).for_each(|_| assert_eq!(hub.publish("a", "x"), 1));
    settle().await;
    assert_eq!(hub.subscribers(), 1);
    for _ in 0..50_000 {
        hub.publish("a", "x");
    }
    settle().await;
    assert_eq!(hub.subscribers(), 0);
    other.sends("INFO stats\r\n").await;
    other.reads_until("client_output_buffer_limit_disconnections:1\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn clients_that_are_subscribed_are_shown_and_killed_as_such() {
    let (server, _hub) = store();
    let (mut one, mut other) = (server.connect(), server.connect());
    let subscribe = "SUBSCRIBE a b\r\nPSUBSCRIBE c*\r\nSSUBSCRIBE s\r\n";
    let confirmations = [
        confirmed("subscribe", "a", 1),
        confirmed("subscribe", "b", 2),
        confirmed("psubscribe", "c*", 3),
        confirmed("ssubscribe", "s", 1),
    ];
    one.asks(subscribe, confirmations.concat()).await;
    other.sends("CLIENT LIST TYPE pubsub\r\n").await;
    let list = other.reads_bulk().await;
    assert!(list.contains("id=1 ") && list.contains(" flags=P capa= db=0 sub=2 psub=1 ssub=1 multi=-1 "), "{list}");
    assert_eq!(list.lines().count(), 1);
    for field in ["pubsub_clients:1", "pubsub_channels:2\r\npubsub_patterns:1\r\npubsubshard_channels:1"] {
        other.sends("INFO\r\n").await;
        assert!(other.reads_bulk().await.contains(&format!("\r\n{field}\r\n")), "{field}");
    }
    other.asks("CLIENT KILL TYPE normal\r\nCLIENT KILL TYPE pubsub\r\n", ":0\r\n:1\r\n").await;
    assert!(one.is_closed().await);
    other.asks("PUBSUB CHANNELS\r\nPUBLISH c x\r\n", "*0\r\n:0\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_closed_receives_nothing() {
    let (server, _) = store();
    let (mut one, mut two, mut other) = (server.connect(), server.connect(), server.connect());
    for client in [&mut one, &mut two] {
        client.asks("SUBSCRIBE a\r\n", confirmed("subscribe", "a", 1)).await;
    }
    // In one batch, so that the connection has not seen that it is killed.
    other.asks("PUBLISH a x\r\nCLIENT KILL ID 2\r\nPUBLISH a x\r\n", ":2\r\n:1\r\n:1\r\n").await;
    one.sends("QUIT\r\n").await;
    one.reads_until("+OK\r\n").await;
    // The client has not closed its side.
    other.asks("PUBLISH a x\r\nPUBSUB CHANNELS\r\n", ":0\r\n*0\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn the_limit_is_a_parameter() {
    let (server, hub) = store();
    let (mut one, mut other) = (server.connect_with_room(100), server.connect());
    one.asks("SUBSCRIBE a\r\n", confirmed("subscribe", "a", 1)).await;
    let parameter = "client-output-buffer-limit";
    let shown = |pubsub: &str| {
        let value = format!("normal 0 0 0 slave 268435456 67108864 60 pubsub {pubsub}");
        message([parameter, &value])
    };
    other.asks(format!("CONFIG GET {parameter}\r\n"), shown("33554432 8388608 60")).await;
    other.asks(format!("CONFIG SET {parameter} 'pubsub 1mb 0 0'\r\n"), "+OK\r\n").await;
    other.asks(format!("CONFIG GET {parameter}\r\n"), shown("1048576 0 0")).await;
    other
        .asks(
            format!("CONFIG SET {parameter} 'nosuch 1 1 1'\r\n"),
            format!(
                "-ERR CONFIG SET failed (possibly related to argument '{parameter}') - Invalid client class specified in \
                 buffer limit configuration.\r\n"
            ),
        )
        .await;
    hub.publish("a", vec![b'x'; 2 << 20]);
    settle().await;
    assert_eq!(hub.subscribers(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_is_confirmed_while_replies_are_off() {
    let (server, hub) = store();
    let mut client = server.connect();
    client.asks("CLIENT REPLY OFF\r\nPING\r\nSUBSCRIBE a\r\n", confirmed("subscribe", "a", 1)).await;
    hub.publish("a", "x");
    client.gets(message(["message", "a", "x"])).await;
    client
        .asks(
            "UNSUBSCRIBE b\r\nUNSUBSCRIBE a\r\n",
            confirmed("unsubscribe", "b", 1) + &confirmed("unsubscribe", "a", 0),
        )
        .await;
}
