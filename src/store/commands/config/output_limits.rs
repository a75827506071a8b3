//! `client-output-buffer-limit`: for each class of clients its name, the hard limit, the soft limit, and for how many seconds.

use std::time::Duration;

use kvstore_protocol::parse_integer;

use super::bytes::parse_bytes;
use crate::server::{ClientClass, OutputLimit, ServerStatus};

const CLASSES: [(&str, ClientClass); 3] =
    [("normal", ClientClass::Normal), ("slave", ClientClass::Replica), ("pubsub", ClientClass::PubSub)];

const CLASS: &str = "Invalid client class specified in buffer limit configuration.";
const COUNT: &str = "Wrong number of arguments in buffer limit configuration.";
const NUMBER: &str = "Error in hard, soft or soft_seconds setting in buffer limit configuration.";

/// The value of the parameter.
pub(super) fn read(server: &ServerStatus) -> String {
    let shown = CLASSES.map(|(name, class)| {
        let OutputLimit { hard, soft, soft_for } = server.output_limit(class);
        format!("{name} {hard} {soft} {}", soft_for.as_secs())
    });
    shown.join(" ")
}

/// Parses the value. Classes that it does not name keep their limits.
pub(super) fn parse(value: &[u8]) -> Result<Vec<(ClientClass, OutputLimit)>, &'static str> {
    let words: Vec<&[u8]> = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    if !words.len().is_multiple_of(4) {
        return Err(COUNT);
    }
    words.as_chunks().0.iter().map(parse_class).collect()
}

fn parse_class([name, hard, soft, seconds]: &[&[u8]; 4]) -> Result<(ClientClass, OutputLimit), &'static str> {
    let is_replica = name.eq_ignore_ascii_case(b"replica");
    let class = CLASSES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()));
    let class = class.map(|(_, class)| *class).or(is_replica.then_some(ClientClass::Replica)).ok_or(CLASS)?;
    let seconds = parse_integer(seconds).and_then(|seconds| u64::try_from(seconds).ok()).ok_or(NUMBER)?;
    let (hard, soft) = (parse_bytes(hard).ok_or(NUMBER)?, parse_bytes(soft).ok_or(NUMBER)?);
    Ok((class, OutputLimit { hard, soft, soft_for: Duration::from_secs(seconds) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_classes_are_parsed_at_once() {
        let limit = |hard, soft, seconds| OutputLimit { hard, soft, soft_for: Duration::from_secs(seconds) };
        assert_eq!(
            parse(b"pubsub 1mb 1k 10  Replica 5 0 0"),
            Ok(vec![(ClientClass::PubSub, limit(1 << 20, 1000, 10)), (ClientClass::Replica, limit(5, 0, 0))])
        );
        assert_eq!(parse(b""), Ok(vec![]));
    }

    #[test]
    fn an_error_says_what_is_wrong() {
        for (value, reason) in [
            ("pubsub 1 2", COUNT),
            ("master 0 0 0", CLASS),
            ("bogus 1 2 3", CLASS),
            ("normal -1 0 0", NUMBER),
            ("normal abc 0 0", NUMBER),
            ("normal 1mib 0 0", NUMBER),
            ("normal 0 0 -1", NUMBER),
            ("normal 99999999999gb 0 0", NUMBER),
        ] {
            assert_eq!(parse(value.as_bytes()), Err(reason), "{value}");
        }
    }
}
