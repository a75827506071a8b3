//! Publishing and subscribing: SUBSCRIBE and its kin, PUBLISH, SPUBLISH, PUBSUB. [`PubSub`](crate::pubsub::PubSub) answers them.

use kvstore_protocol::CommandError;

use crate::store::{
    args::Args,
    call::Call,
    spec::{Answer, KeyWords, Spec},
};

pub(super) const SPECS: &[Spec] =
    &[SUBSCRIBE, UNSUBSCRIBE, PSUBSCRIBE, PUNSUBSCRIBE, SSUBSCRIBE, SUNSUBSCRIBE, PUBLISH, SPUBLISH, PUBSUB];

/// `SUBSCRIBE channel [channel …]`: the connection gets what is published to these channels.
const SUBSCRIBE: Spec = Spec::new("SUBSCRIBE", answer);

/// `UNSUBSCRIBE [channel …]`: ends subscriptions to channels, or to all.
const UNSUBSCRIBE: Spec = Spec::new("UNSUBSCRIBE", answer);

/// `PSUBSCRIBE pattern [pattern …]`: the connection gets what is published to the channels that match these patterns.
const PSUBSCRIBE: Spec = Spec::new("PSUBSCRIBE", answer);

/// `PUNSUBSCRIBE [pattern …]`: ends subscriptions to patterns, or to all.
const PUNSUBSCRIBE: Spec = Spec::new("PUNSUBSCRIBE", answer);

/// `SSUBSCRIBE shardchannel [shardchannel …]`: the connection gets what is published to these shard channels.
const SSUBSCRIBE: Spec = Spec::new("SSUBSCRIBE", answer).with_keys(no_keys);

/// `SUNSUBSCRIBE [shardchannel …]`: ends subscriptions to shard channels, or to all.
const SUNSUBSCRIBE: Spec = Spec::new("SUNSUBSCRIBE", answer).with_keys(no_keys);

/// `PUBLISH channel message`: returns the number of subscribers that the message is sent to.
const PUBLISH: Spec = Spec::new("PUBLISH", publish);

/// `SPUBLISH shardchannel message`: the same for a shard channel.
const SPUBLISH: Spec = Spec::new("SPUBLISH", publish).with_keys(no_keys);

/// `PUBSUB CHANNELS | NUMSUB | NUMPAT | SHARDCHANNELS | SHARDNUMSUB`: the channels, and the numbers of their subscribers.
const PUBSUB: Spec = Spec::family(
    "PUBSUB",
    &[
        Spec::new("CHANNELS", answer),
        Spec::new("NUMSUB", answer),
        Spec::new("NUMPAT", answer),
        Spec::new("SHARDCHANNELS", answer),
        Spec::new("SHARDNUMSUB", answer),
        Spec::new("HELP", answer),
    ],
);

fn publish(call: &mut Call<'_>) -> Answer {
    match call.publish_behind_notices() {
        Some(receivers) => Ok(receivers),
        None => answer(call),
    }
}

fn answer(call: &mut Call<'_>) -> Answer {
    let command = call.args().command();
    call.store().pub_sub.answer(command).ok_or_else(|| CommandError::unknown_command(command))
}

/// What the catalog describes like keys are channels, which need no locks.
fn no_keys(_: &Args<'_>, _: usize) -> Result<KeyWords, CommandError> {
    Ok(KeyWords::new())
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn a_command_without_a_connection_publishes_and_does_not_subscribe() {
        let store = TestStore::new();
        store.check([
            ("SUBSCRIBE a", "-ERR the command did not come from a connection"),
            ("SSUBSCRIBE a", "-ERR the command did not come from a connection"),
            ("PUBLISH a hello", ":0"),
            ("SPUBLISH a hello", ":0"),
            ("PUBSUB CHANNELS", "[]"),
            ("PUBSUB NUMSUB a", "[\"a\", :0]"),
            ("PUBSUB NUMPAT", ":0"),
            ("PUBSUB NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try PUBSUB HELP."),
            ("PUBLISH a", "-ERR wrong number of arguments for 'publish' command"),
        ]);
    }
}
