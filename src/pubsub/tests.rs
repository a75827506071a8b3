use std::{collections::BTreeSet, sync::Arc, thread};

use fastrand::Rng;
use kvstore_protocol::{
    Command, Pattern, Peer, Response, Session,
    mailbox::{Inbox, mailbox},
};

use super::PubSub;

/// A connection, and what it is subscribed to: the words of a confirmation.
struct Client {
    session: Session,
    inbox: Inbox,
    subscribed: BTreeSet<(&'static str, String)>,
    number: u64,
}

impl Client {
    fn new() -> Self {
        let (mailbox, inbox) = mailbox(8);
        let session = Session::new(1, Peer::Memory, Peer::Memory, mailbox);
        Self { session, inbox, subscribed: BTreeSet::new(), number: 0 }
    }

    fn runs(&mut self, hub: &PubSub, line: &str) -> String {
        self.number += 1;
        let mut words = line.split(' ');
        let command = Command::new(words.next().unwrap_or_default()).with_args(words);
        let answer = hub.answer(&command.in_session(Arc::new(self.session.clone()), self.number));
        self.inbox.take().changes.into_iter().for_each(|change| change(&mut self.session));
        answer.expect("the hub knows the command").to_string()
    }

    fn messages(&mut self) -> Vec<String> {
        self.inbox.take();
        std::iter::from_fn(|| self.inbox.next_message(self.number)).map(|message| message.to_string()).collect()
    }

    /// The messages that it gets of one that is published.
    fn expected(&self, publish: &str, channel: &str, text: &str) -> Vec<String> {
        let of = |(kind, name): &(&str, String)| match (publish, *kind) {
            ("PUBLISH", "SUBSCRIBE") if name == channel => Some(format!(">[\"message\", \"{channel}\", \"{text}\"]")),
            ("SPUBLISH", "SSUBSCRIBE") if name == channel => {
                Some(format!(">[\"smessage\", \"{channel}\", \"{text}\"]"))
            }
            ("PUBLISH", "PSUBSCRIBE") if Pattern::new(name.as_bytes()).matches(channel.as_bytes()) => {
                Some(format!(">[\"pmessage\", \"{name}\", \"{channel}\", \"{text}\"]"))
            }
            _ => None,
        };
        self.subscribed.iter().filter_map(of).collect()
    }
}

#[test]
fn everybody_gets_what_a_naive_model_says() {
    let (mut rng, hub) = (Rng::with_seed(3), PubSub::new());
    let mut clients: Vec<_> = (0..6).map(|_| Client::new()).collect();
    for round in 0..5000 {
        let client = rng.usize(..clients.len());
        let kind = ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"][rng.usize(..3)];
        let name = ["a", "ab", "b", "a*", "*b", "?"][rng.usize(..6)];
        match rng.usize(..10) {
            0..4 => {
                clients[client].runs(&hub, &format!("{kind} {name}"));
                clients[client].subscribed.insert((kind, name.to_owned()));
            }
            4..6 => {
                let (verb, kind) = (kind.replace("SUB", "UNSUB"), kind);
                clients[client].runs(&hub, &format!("{verb} {name}"));
                clients[client].subscribed.remove(&(kind, name.to_owned()));
            }
            6 => {
                clients[client].runs(&hub, &kind.replace("SUB", "UNSUB"));
                clients[client].subscribed.retain(|(known, _)| *known != kind);
            }
            7 if round % 10 == 0 => clients[client] = Client::new(),
            _ => check_publish(&mut rng, &hub, &mut clients, &round.to_string()),
        }
        let is_subscribed = |client: &&Client| !client.subscribed.is_empty();
        assert_eq!(hub.subscribers(), clients.iter().filter(is_subscribed).count());
    }
    clients.clear();
    assert_eq!((hub.channels(), hub.patterns(), hub.shard_channels(), hub.subscribers()), (0, 0, 0, 0));
}

fn check_publish(rng: &mut Rng, hub: &PubSub, clients: &mut [Client], text: &str) {
    let (publish, channel) = (["PUBLISH", "SPUBLISH"][rng.usize(..2)], ["a", "ab", "b", "c"][rng.usize(..4)]);
    let expected: Vec<_> = clients.iter().map(|client| client.expected(publish, channel, text)).collect();
    let receivers = Client::new().runs(hub, &format!("{publish} {channel} {text}"));
    assert_eq!(receivers, format!(":{}", expected.iter().map(Vec::len).sum::<usize>()));
    for (client, mut expected) in clients.iter_mut().zip(expected) {
        let mut got = client.messages();
        got.sort();
        expected.sort();
        assert_eq!(got, expected);
    }
}

#[test]
fn all_subscribers_of_a_channel_get_messages_of_several_threads_in_the_same_order() {
    let hub = PubSub::new();
    let mut clients: Vec<_> = (0..4).map(|_| Client::new()).collect();
    clients.iter_mut().for_each(|client| _ = client.runs(&hub, "SUBSCRIBE a"));
    thread::scope(|scope| {
        for publisher in 0..4 {
            let hub = &hub;
            scope.spawn(move || {
                for number in 0..500 {
                    assert_eq!(hub.publish("a", format!("{publisher} {number}")), 4);
                }
            });
        }
    });
    let messages: Vec<_> = clients.iter_mut().map(Client::messages).collect();
    assert_eq!(messages[0].len(), 2000);
    assert!(messages.iter().all(|other| *other == messages[0]));
    for publisher in 0..4 {
        let of_one = messages[0].iter().filter(|message| message.contains(&format!("\"{publisher} ")));
        let expected = (0..500).map(|number| format!(">[\"message\", \"a\", \"{publisher} {number}\"]"));
        assert!(of_one.cloned().eq(expected));
    }
}

#[test]
fn a_subscription_ends_when_its_connection_is_gone_before_it_was_noted() {
    let (hub, mut client) = (PubSub::new(), Client::new());
    let command = Command::new("SUBSCRIBE").arg("a").in_session(Arc::new(client.session.clone()), 1);
    assert!(hub.answer(&command).is_some_and(|answer| !answer.is_error()));
    assert_eq!(hub.channels(), 1);
    client.inbox = mailbox(1).1;
    assert_eq!((hub.channels(), hub.subscribers()), (0, 0));
    // A connection that is closed subscribes to nothing.
    assert!(hub.answer(&command).is_some());
    assert_eq!((hub.channels(), hub.subscribers()), (0, 0));
}

#[test]
fn a_command_of_another_kind_is_not_answered() {
    let hub = PubSub::new();
    assert_eq!(hub.answer(&Command::new("GET").arg("k")), None);
    let refused = hub.answer(&Command::new("SUBSCRIBE"));
    assert_eq!(refused, Some(Response::error("ERR", "wrong number of arguments for 'subscribe' command")));
    let refused = hub.answer(&Command::new("PUBSUB").with_args(["CHANNELS", "a", "b"])).expect("an error");
    assert_eq!(
        refused.to_string(),
        "-ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP."
    );
}
