//! The commands on channels.

use super::{CommandDocs, DEPENDS, help, row};

pub(super) static ROWS: &[CommandDocs] = &[
    row("PSUBSCRIBE", "2.0.0", "O(N) for N patterns", "Subscribes to the channels that match patterns.")
        .takes("pattern..."),
    row(
        "PUBLISH",
        "2.0.0",
        "O(N+M) for N subscribers and M patterns of all clients",
        "Sends a message to the subscribers of a channel.",
    )
    .takes("channel message"),
    row("PUBSUB", "2.8.0", DEPENDS, "Shows channels and subscribers."),
    row("PUBSUB CHANNELS", "2.8.0", "O(N) for N channels", "Lists the channels that have subscribers.")
        .takes("[pattern]"),
    help("PUBSUB HELP", "6.2.0"),
    row("PUBSUB NUMPAT", "2.8.0", "O(1)", "Returns the number of patterns that are subscribed to."),
    row("PUBSUB NUMSUB", "2.8.0", "O(N) for N given channels", "Returns the number of subscribers of channels.")
        .takes("[channel...]"),
    row("PUBSUB SHARDCHANNELS", "7.0.0", "O(N) for N channels", "Lists the shard channels that have subscribers.")
        .takes("[pattern]"),
    row(
        "PUBSUB SHARDNUMSUB",
        "7.0.0",
        "O(N) for N given channels",
        "Returns the number of subscribers of shard channels.",
    )
    .takes("[shardchannel...]"),
    row("PUNSUBSCRIBE", "2.0.0", "O(N) for N patterns", "Ends subscriptions to patterns.").takes("[pattern...]"),
    row("SPUBLISH", "7.0.0", "O(N) for N subscribers", "Sends a message to the subscribers of a shard channel.")
        .takes("shardchannel message"),
    row("SSUBSCRIBE", "7.0.0", "O(N) for N channels", "Subscribes to shard channels.").takes("shardchannel..."),
    row("SUBSCRIBE", "2.0.0", "O(N) for N channels", "Subscribes to channels.").takes("channel..."),
    row("SUNSUBSCRIBE", "7.0.0", "O(N) for N channels", "Ends subscriptions to shard channels.")
        .takes("[shardchannel...]"),
    row("UNSUBSCRIBE", "2.0.0", "O(N) for N channels", "Ends subscriptions to channels.").takes("[channel...]"),
];
