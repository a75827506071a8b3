//! The values of settings, from text.

use std::{convert::Infallible, time::Duration};

use kvstore::store::{Fsync, parse_bytes};

/// A TCP port, or `none` for no TCP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Port(pub(crate) Option<u16>);

/// Addresses and host names to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addresses(pub(crate) Vec<String>);

/// After how much time, and how many changes, a snapshot is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SavePoints(pub(crate) Vec<(Duration, u64)>);

/// The address of a master; `None` for `no one`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Master(pub(crate) Option<(String, u16)>);

/// The minimum rate of a client that sends a request: bytes in a window of time; `None` for no minimum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SendRate(pub(crate) Option<(usize, Duration)>);

/// The limits of a request: the most words, the longest word, and the size of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestLimits {
    pub(crate) words: usize,
    pub(crate) word: usize,
    pub(crate) request: usize,
}

pub(super) fn port(text: &str) -> Result<Port, String> {
    match text {
        "none" => Ok(Port(None)),
        _ => text.parse().map(|port| Port(Some(port))).map_err(|_| "a number from 0 to 65535, or none".to_owned()),
    }
}

/// Addresses with spaces between them, as in Redis, or commas.
pub(super) fn addresses(text: &str) -> Result<Addresses, Infallible> {
    let words = text.split(|letter: char| letter == ',' || letter.is_whitespace()).filter(|word| !word.is_empty());
    Ok(Addresses(words.map(str::to_owned).collect()))
}

/// `300`, `300s`, `5m`, `250ms`: a bare number is seconds, as in Redis.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => humantime::parse_duration(text).map_err(|error| error.to_string()),
    }
}

/// A time with a unit as a number of seconds. What is none, or no whole number, stays as it is.
pub(super) fn in_seconds(text: &str) -> String {
    match duration(text) {
        Ok(time) if time.subsec_nanos() == 0 => time.as_secs().to_string(),
        _ => text.to_owned(),
    }
}

/// `700`: digits of base 8.
pub(super) fn permissions(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777).ok_or_else(|| "octal digits such as 700".to_owned())
}

/// `100`, `1k`, `1kb`, `1mb`, `1gb`, as in Redis.
pub(super) fn size(text: &str) -> Result<usize, String> {
    parse_bytes(text.as_bytes()).ok_or_else(|| "a number of bytes, such as 1048576 or 1mb".to_owned())
}

/// A number that is not 0.
pub(super) fn count(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "it must be a number of at least 1".to_owned())
}

/// A host and a port, with a space between them, or `no one`.
pub(super) fn master(text: &str) -> Result<Master, String> {
    if text.trim().is_empty() || text.eq_ignore_ascii_case("no one") {
        return Ok(Master(None));
    }
    let parsed = text.trim().rsplit_once([' ', ':']).and_then(|(host, port)| Some((host.trim(), port.parse().ok()?)));
    match parsed {
        Some((host, port)) if !host.is_empty() => Ok(Master(Some((host.to_owned(), port)))),
        _ => Err("it is no host with a port, such as \"10.0.0.1 6379\"".to_owned()),
    }
}

/// A size and a time, with a space between them; `0` for no minimum.
pub(super) fn send_rate(text: &str) -> Result<SendRate, String> {
    match text.split_whitespace().collect::<Vec<_>>()[..] {
        [] | ["0"] => Ok(SendRate(None)),
        [bytes, window] => Ok(SendRate(Some((size(bytes)?, duration(window)?)))),
        _ => Err("a size and a time, such as \"1kb 30s\"".to_owned()),
    }
}

/// A number of words, and two sizes.
pub(super) fn request_limits(text: &str) -> Result<RequestLimits, String> {
    match text.split_whitespace().collect::<Vec<_>>()[..] {
        [words, word, request] => {
            Ok(RequestLimits { words: count(words)?, word: size(word)?, request: size(request)? })
        }
        _ => Err("a number and two sizes, such as \"10 16kb 64kb\"".to_owned()),
    }
}

pub(super) fn yes_or_no(text: &str) -> Result<bool, String> {
    match &*text.to_ascii_lowercase() {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err("yes or no".to_owned()),
    }
}

pub(super) fn fsync(text: &str) -> Result<Fsync, String> {
    Fsync::named(text).ok_or_else(|| "always, everysec or no".to_owned())
}

pub(super) fn save_points(text: &str) -> Result<SavePoints, String> {
    let numbers: Result<Vec<u64>, _> = text.split_whitespace().map(str::parse).collect();
    let numbers = numbers.map_err(|_| "pairs of seconds and changes")?;
    match numbers.as_chunks::<2>() {
        (pairs, []) if pairs.iter().all(|[seconds, _]| *seconds > 0) => {
            Ok(SavePoints(pairs.iter().map(|[seconds, changes]| (Duration::from_secs(*seconds), *changes)).collect()))
        }
        _ => Err("pairs of seconds and changes".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_a_unit() {
        assert_eq!(duration("300"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert!(duration("soon").is_err());
    }

    #[test]
    fn addresses_are_between_spaces_and_commas() {
        let words = |text| addresses(text).unwrap().0;
        assert_eq!(words(" 127.0.0.1  -::1,*"), ["127.0.0.1", "-::1", "*"]);
        assert!(words("").is_empty());
    }

    #[test]
    fn a_master_is_a_host_and_a_port() {
        let at = |host: &str, port| Ok(Master(Some((host.to_owned(), port))));
        assert_eq!([master("10.0.0.1 6379"), master("some-host:1")], [at("10.0.0.1", 6379), at("some-host", 1)]);
        assert_eq!([master("NO ONE"), master("")], [Ok(Master(None)), Ok(Master(None))]);
        assert!(master("6379").is_err() && master("host port").is_err() && master(" 1").is_err());
    }

    #[test]
    fn save_points_are_pairs() {
        let points = |text| save_points(text).map(|points| points.0);
        assert_eq!(points(""), Ok(vec![]));
        assert_eq!(points("60 1000 5 1"), Ok(vec![(Duration::from_secs(60), 1000), (Duration::from_secs(5), 1)]));
        assert!(points("60").is_err() && points("0 1").is_err() && points("a b").is_err());
    }

    #[test]
    fn a_rate_is_a_size_and_a_time() {
        assert_eq!(send_rate("1kb 30"), Ok(SendRate(Some((1024, Duration::from_secs(30))))));
        assert_eq!(send_rate("0"), Ok(SendRate(None)));
        assert!(send_rate("1kb").is_err() && send_rate("a b").is_err());
    }

    #[test]
    fn limits_of_requests_are_a_number_and_two_sizes() {
        assert_eq!(request_limits("1 2 3kb"), Ok(RequestLimits { words: 1, word: 2, request: 3072 }));
        assert!(request_limits("1 2").is_err() && request_limits("0 1 1").is_err());
    }
}
