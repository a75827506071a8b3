//! Sorted sets.
//!
//! - `add` ZADD, ZINCRBY; `members` what asks for members: ZSCORE, ZRANK, ZREM …; `pop` ZPOPMIN, ZPOPMAX, ZMPOP
//! - `range` ZRANGE and everything else on a range: `range_options` says which
//! - `combine` ZUNION, ZINTER, ZDIFF
//! - `scored` members with their scores as an answer

pub(super) mod add;
pub(super) mod combine;
pub(super) mod members;
pub(super) mod pop;
pub(super) mod range;
mod range_options;
mod scored;

use kvstore_protocol::CommandError;

const NOT_A_FLOAT: CommandError = CommandError::NOT_A_FLOAT;
const NAN: CommandError = CommandError::new("ERR", "resulting score is not a number (NaN)");

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn other_types_are_refused() {
        TestStore::new().check([
            ("SET k v", "+OK"),
            ("ZADD k 1 a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZINCRBY k 1 a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZREM k a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZCARD k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZSCORE k a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZMSCORE k a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZRANK k a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZREVRANK k a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZRANGE k 0 -1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZRANGEBYSCORE k 0 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZRANGEBYLEX k - +", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZCOUNT k 0 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZLEXCOUNT k - +", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZREMRANGEBYRANK k 0 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZREMRANGEBYSCORE k 0 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZREMRANGEBYLEX k - +", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZRANGESTORE d k 0 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZPOPMAX k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZRANDMEMBER k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZSCAN k 0", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZADD z 1", "-ERR wrong number of arguments for 'zadd' command"),
            ("ZADD z", "-ERR wrong number of arguments for 'zadd' command"),
            ("ZSCORE z", "-ERR wrong number of arguments for 'zscore' command"),
            ("ZREM z", "-ERR wrong number of arguments for 'zrem' command"),
            ("ZRANGE z 0", "-ERR wrong number of arguments for 'zrange' command"),
            ("ZADD z NX", "-ERR wrong number of arguments for 'zadd' command"),
            ("ZADD z 1 a 2", "-ERR syntax error"),
            ("ZADD z 1_0 a", "-ERR value is not a valid float"),
            ("ZADD z '' a", "-ERR value is not a valid float"),
            ("GET k", r#""v""#),
        ]);
    }

    #[test]
    fn the_encoding_follows_the_thresholds() {
        TestStore::new().check([
            ("CONFIG SET zset-max-listpack-entries 3 zset-max-listpack-value 5", "+OK"),
            ("ZADD z 1 a 2 b 3 c", ":3"),
            ("OBJECT ENCODING z", r#""listpack""#),
            ("ZADD z 4 d", ":1"),
            ("OBJECT ENCODING z", r#""skiplist""#),
            ("ZREM z a b c", ":3"),
            ("OBJECT ENCODING z", r#""skiplist""#),
            ("ZADD long 1 12345", ":1"),
            ("OBJECT ENCODING long", r#""listpack""#),
            ("ZADD long 1 123456", ":1"),
            ("OBJECT ENCODING long", r#""skiplist""#),
            ("ZRANGESTORE d z 0 -1", ":1"),
            ("OBJECT ENCODING d", r#""listpack""#),
            ("ZUNIONSTORE d 2 z long", ":3"),
            ("OBJECT ENCODING d", r#""skiplist""#),
            ("ZADD e 1 a 2 b", ":2"),
            ("ZUNIONSTORE d 2 e z", ":3"),
            ("OBJECT ENCODING d", r#""listpack""#),
        ]);
    }
}
