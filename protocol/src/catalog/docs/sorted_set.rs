//! The commands on sorted sets.

use super::{CommandDocs, row};

pub(super) static ROWS: &[CommandDocs] = &[
    row(
        "BZMPOP",
        "7.0.0",
        "O(K)+O(M*log(N)) for K keys and M of N members",
        "Removes and returns members of the first sorted set that is not empty. Waits for one if there is none.",
    )
    .takes("timeout numkeys key... where<MIN | MAX> [COUNT count]"),
    row(
        "BZPOPMAX",
        "5.0.0",
        "O(log(N)) for N members",
        "Removes and returns the member with the highest score. Waits for one if there is none.",
    )
    .takes("key... timeout"),
    row(
        "BZPOPMIN",
        "5.0.0",
        "O(log(N)) for N members",
        "Removes and returns the member with the lowest score. Waits for one if there is none.",
    )
    .takes("key... timeout"),
    row(
        "ZADD",
        "1.2.0",
        "O(log(N)) for each member added to N",
        "Adds members to a sorted set, or changes their scores.",
    )
    .takes("key [condition<NX | XX>] [comparison<GT | LT>] [change=CH] [increment=INCR] data(score member)..."),
    row("ZCARD", "1.2.0", "O(1)", "Returns the number of members of a sorted set.").takes("key"),
    row("ZCOUNT", "2.0.0", "O(log(N)) for N members", "Counts the members with scores in a range.")
        .takes("key min:double max:double"),
    row(
        "ZDIFF",
        "6.2.0",
        "O(L+(N-K)*log(N)) for L members of all sets, N of the first, K of the result",
        "Returns the members of the first sorted set that no other one has.",
    )
    .takes("numkeys key... [WITHSCORES]"),
    row(
        "ZDIFFSTORE",
        "6.2.0",
        "O(L+(N-K)*log(N)) for L members of all sets, N of the first, K of the result",
        "Stores the members of the first sorted set that no other one has.",
    )
    .takes("destination numkeys key..."),
    row("ZINCRBY", "1.2.0", "O(log(N)) for N members", "Increments the score of a member.")
        .takes("key increment member"),
    row(
        "ZINTER",
        "6.2.0",
        "O(N*K)+O(M*log(M)) for K sets, N members of the smallest, M of the result",
        "Returns the members that all sorted sets have.",
    )
    .takes("numkeys key... [WEIGHTS weight...] [AGGREGATE aggregate<SUM | MIN | MAX>] [WITHSCORES]"),
    row(
        "ZINTERCARD",
        "7.0.0",
        "O(N*K) for K sets and N members of the smallest",
        "Counts the members that all sorted sets have.",
    )
    .takes("numkeys key... [LIMIT limit]"),
    row(
        "ZINTERSTORE",
        "2.0.0",
        "O(N*K)+O(M*log(M)) for K sets, N members of the smallest, M of the result",
        "Stores the members that all sorted sets have.",
    )
    .takes("destination numkeys key... [WEIGHTS weight...] [AGGREGATE aggregate<SUM | MIN | MAX>]"),
    row("ZLEXCOUNT", "2.8.9", "O(log(N)) for N members", "Counts the members in a lexicographic range.")
        .takes("key min max"),
    row(
        "ZMPOP",
        "7.0.0",
        "O(K)+O(M*log(N)) for K keys and M of N members",
        "Removes and returns members of the first sorted set that is not empty.",
    )
    .takes("numkeys key... where<MIN | MAX> [COUNT count]"),
    row("ZMSCORE", "6.2.0", "O(N) for N given members", "Returns the scores of members.").takes("key member..."),
    row(
        "ZPOPMAX",
        "5.0.0",
        "O(M*log(N)) for M of N members",
        "Removes and returns the members with the highest scores.",
    )
    .takes("key [count]"),
    row(
        "ZPOPMIN",
        "5.0.0",
        "O(M*log(N)) for M of N members",
        "Removes and returns the members with the lowest scores.",
    )
    .takes("key [count]"),
    row("ZRANDMEMBER", "6.2.0", "O(N) for N returned members", "Returns random members of a sorted set.")
        .takes("key [options(count [WITHSCORES])]"),
    row(
        "ZRANGE",
        "1.2.0",
        "O(log(N)+M) for M of N members",
        "Returns a range of members by rank, score or lexicographic order.",
    )
    .takes(
        "key start:string stop:string [sortby<BYSCORE | BYLEX>] [REV] [LIMIT limit(offset count)] \
             [WITHSCORES]",
    ),
    row("ZRANGEBYLEX", "2.8.9", "O(log(N)+M) for M of N members", "Returns the members in a lexicographic range.")
        .takes("key min max [LIMIT limit(offset count)]")
        .deprecated("6.2.0", "`ZRANGE` with `BYLEX`"),
    row("ZRANGEBYSCORE", "1.0.5", "O(log(N)+M) for M of N members", "Returns the members with scores in a range.")
        .takes("key min:double max:double [WITHSCORES] [LIMIT limit(offset count)]")
        .deprecated("6.2.0", "`ZRANGE` with `BYSCORE`"),
    row("ZRANGESTORE", "6.2.0", "O(log(N)+M) for M of N members", "Stores a range of members in another key.")
        .takes("dst src min max [sortby<BYSCORE | BYLEX>] [REV] [LIMIT limit(offset count)]"),
    row("ZRANK", "2.0.0", "O(log(N)) for N members", "Returns the rank of a member, from the lowest score.")
        .takes("key member [WITHSCORE]"),
    row("ZREM", "1.2.0", "O(M*log(N)) for M of N members", "Removes members of a sorted set.").takes("key member..."),
    row("ZREMRANGEBYLEX", "2.8.9", "O(log(N)+M) for M of N members", "Removes the members in a lexicographic range.")
        .takes("key min max"),
    row("ZREMRANGEBYRANK", "2.0.0", "O(log(N)+M) for M of N members", "Removes the members in a range of ranks.")
        .takes("key start stop"),
    row("ZREMRANGEBYSCORE", "1.2.0", "O(log(N)+M) for M of N members", "Removes the members with scores in a range.")
        .takes("key min:double max:double"),
    row(
        "ZREVRANGE",
        "1.2.0",
        "O(log(N)+M) for M of N members",
        "Returns a range of members by rank, from the highest score.",
    )
    .takes("key start stop [WITHSCORES]")
    .deprecated("6.2.0", "`ZRANGE` with `REV`"),
    row(
        "ZREVRANGEBYLEX",
        "2.8.9",
        "O(log(N)+M) for M of N members",
        "Returns the members in a lexicographic range, in reverse order.",
    )
    .takes("key max min [LIMIT limit(offset count)]")
    .deprecated("6.2.0", "`ZRANGE` with `REV` and `BYLEX`"),
    row(
        "ZREVRANGEBYSCORE",
        "2.2.0",
        "O(log(N)+M) for M of N members",
        "Returns the members with scores in a range, from the highest score.",
    )
    .takes("key max:double min:double [WITHSCORES] [LIMIT limit(offset count)]")
    .deprecated("6.2.0", "`ZRANGE` with `REV` and `BYSCORE`"),
    row("ZREVRANK", "2.0.0", "O(log(N)) for N members", "Returns the rank of a member, from the highest score.")
        .takes("key member [WITHSCORE]"),
    row(
        "ZSCAN",
        "2.8.0",
        "O(1) for each call",
        "Returns some members of a sorted set, and the cursor of the next ones.",
    )
    .takes("key cursor [MATCH pattern] [COUNT count] [NOSCORES]"),
    row("ZSCORE", "1.2.0", "O(1)", "Returns the score of a member.").takes("key member"),
    row(
        "ZUNION",
        "6.2.0",
        "O(N)+O(M*log(M)) for N members of all sets and M of the result",
        "Returns the members of all sorted sets together.",
    )
    .takes("numkeys key... [WEIGHTS weight...] [AGGREGATE aggregate<SUM | MIN | MAX>] [WITHSCORES]"),
    row(
        "ZUNIONSTORE",
        "2.0.0",
        "O(N)+O(M*log(M)) for N members of all sets and M of the result",
        "Stores the members of all sorted sets together.",
    )
    .takes("destination numkeys key... [WEIGHTS weight...] [AGGREGATE aggregate<SUM | MIN | MAX>]"),
];
