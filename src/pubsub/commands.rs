//! The commands: one table of synchronous functions, for the layer and for the store.

use kvstore_protocol::{
    Command, CommandError, Packed, Pattern, Push, Response,
    catalog::{Flags, KnownCommand, find_subcommand},
};

use super::{PubSub, confirmations::Confirmations, kind::Kind, topics::Topics};

/// A command or a sub-command.
struct Row {
    name: &'static str,
    run: fn(&PubSub, &Command) -> Result<Response, CommandError>,
}

const fn row(name: &'static str, run: fn(&PubSub, &Command) -> Result<Response, CommandError>) -> Row {
    Row { name, run }
}

static TABLE: [Row; 9] = [
    // First, since it is the one that is called often.
    row("PUBLISH", publish),
    row("SUBSCRIBE", |hub, command| subscribe(hub, command, Kind::Channel)),
    row("PSUBSCRIBE", |hub, command| subscribe(hub, command, Kind::Pattern)),
    row("SSUBSCRIBE", |hub, command| subscribe(hub, command, Kind::ShardChannel)),
    row("UNSUBSCRIBE", |hub, command| unsubscribe(hub, command, Kind::Channel)),
    row("PUNSUBSCRIBE", |hub, command| unsubscribe(hub, command, Kind::Pattern)),
    row("SUNSUBSCRIBE", |hub, command| unsubscribe(hub, command, Kind::ShardChannel)),
    row("SPUBLISH", publish_to_shard),
    row("PUBSUB", pubsub),
];

static SUBCOMMANDS: [Row; 6] = [
    row("CHANNELS", |hub, command| list(hub.hub.channels(), command)),
    row("NUMSUB", |hub, command| Ok(count(hub.hub.channels(), command))),
    row("NUMPAT", |hub, _| Ok(hub.patterns().into())),
    row("SHARDCHANNELS", |hub, command| list(hub.hub.shard_channels(), command)),
    row("SHARDNUMSUB", |hub, command| Ok(count(hub.hub.shard_channels(), command))),
    row("HELP", |_, _| Ok(Response::array(HELP.lines().map(Response::simple)))),
];

const HELP: &str = "\
PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
CHANNELS [<pattern>]
    Return the currently active channels matching a <pattern> (default: '*').
NUMPAT
    Return number of subscriptions to patterns.
NUMSUB [<channel> ...]
    Return the number of subscribers for the specified channels, excluding
    pattern subscriptions(default: no channels).
SHARDCHANNELS [<pattern>]
    Return the currently active shard level channels matching a <pattern> (default: '*').
SHARDNUMSUB [<shardchannel> ...]
    Return the number of subscribers for the specified shard level channel(s)
HELP
    Print this help.";

/// Whether a command is one of these.
#[inline]
pub(super) fn knows(command: &Command) -> bool {
    // PUBSUB has the flag only in the catalog's rows of its sub-commands.
    command.flags().has(Flags::PUBSUB) || command.is("PUBSUB")
}

/// Answers a command; `None` if it is another.
pub(super) fn answer(hub: &PubSub, command: &Command) -> Option<Response> {
    let row = TABLE.iter().find(|row| command.is(row.name))?;
    let checked = check_arity(command.known(), command, row.name);
    Some(checked.and_then(|()| (row.run)(hub, command)).unwrap_or_else(Response::from))
}

fn check_arity(known: Option<&'static KnownCommand>, command: &Command, name: &str) -> Result<(), CommandError> {
    match known.is_none_or(|known| known.arity().admits(command.len())) {
        true => Ok(()),
        false => Err(CommandError::wrong_arity(name)),
    }
}

/// `SUBSCRIBE channel [channel …]` and its kin.
fn subscribe(hub: &PubSub, command: &Command, kind: Kind) -> Result<Response, CommandError> {
    let subscriber = hub.hub.subscriber_or_new(command).ok_or(CommandError::NO_CONNECTION)?;
    let mut confirmations = Confirmations::new(kind.subscribed(), command.args().len());
    subscriber.subscribe(kind, command.args(), command.number(), |name, count| confirmations.add(name, count));
    Ok(confirmations.answer(command))
}

/// `UNSUBSCRIBE [channel …]` and its kin.
fn unsubscribe(hub: &PubSub, command: &Command, kind: Kind) -> Result<Response, CommandError> {
    let (subscriber, names) = (hub.hub.subscriber(command), command.args());
    let mut confirmations = Confirmations::new(kind.unsubscribed(), names.len());
    let is_all = names.len() == 0;
    match &subscriber {
        Some(subscriber) if is_all => subscriber.unsubscribe_all(kind, |name, count| confirmations.add(name, count)),
        Some(subscriber) => subscriber.unsubscribe(kind, names, |name, count| confirmations.add(name, count)),
        None => names.for_each(|name| confirmations.add(name, 0)),
    }
    if confirmations.is_empty() {
        let left = subscriber.map_or(0, |subscriber| subscriber.confirmed(kind));
        return Ok(Response::Push(vec![kind.unsubscribed().into(), Response::Null, left.into()]));
    }
    Ok(confirmations.answer(command))
}

/// `PUBLISH channel message`: returns the number of subscribers that it is sent to.
fn publish(hub: &PubSub, command: &Command) -> Result<Response, CommandError> {
    let (channel, message) = message_of(command);
    Ok(hub.hub.publish(channel, message, origin_of(command).as_ref()).into())
}

/// `SPUBLISH shardchannel message`: the same for a shard channel.
fn publish_to_shard(hub: &PubSub, command: &Command) -> Result<Response, CommandError> {
    let (channel, message) = message_of(command);
    Ok(hub.hub.publish_to_shard(channel, message, origin_of(command).as_ref()).into())
}

/// The connection that publishes, if it may be among the subscribers.
fn origin_of(command: &Command) -> Option<Push> {
    if command.session().is_subscribed() { command.push() } else { None }
}

fn message_of(command: &Command) -> (&[u8], &[u8]) {
    let arg = |index| command.arg_at(index).unwrap_or_default();
    (arg(0), arg(1))
}

/// `PUBSUB subcommand …`
fn pubsub(hub: &PubSub, command: &Command) -> Result<Response, CommandError> {
    let sub = find_subcommand(command, &SUBCOMMANDS, |sub| sub.name)?;
    let known = command.known().and_then(|pubsub| pubsub.subcommand(sub.name.as_bytes()));
    check_arity(known, command, &format!("pubsub|{}", sub.name.to_lowercase()))?;
    (sub.run)(hub, command)
}

/// `PUBSUB CHANNELS [pattern]`: the channels that have subscribers.
fn list(topics: &Topics, command: &Command) -> Result<Response, CommandError> {
    let mut names = Packed::array();
    if command.args().len() > 2 {
        let sub = String::from_utf8_lossy(command.arg_at(0).unwrap_or_default()).into_owned();
        let text = format!("unknown subcommand or wrong number of arguments for '{sub}'. Try PUBSUB HELP.");
        return Err(CommandError::err(text));
    }
    let pattern = command.arg_at(1).map(Pattern::new);
    topics.for_each(|name| {
        if pattern.as_ref().is_none_or(|pattern| pattern.matches(name)) {
            names.push(name);
        }
    });
    Ok(names.into())
}

/// `PUBSUB NUMSUB [channel …]`: the number of subscribers of each.
fn count(topics: &Topics, command: &Command) -> Response {
    let mut counts = Packed::array();
    for channel in command.args().skip(1) {
        counts.push(channel);
        counts.push_integer(topics.subscribers(channel) as i64);
    }
    counts.into()
}
