//! The arguments of XREAD and XREADGROUP.

use std::time::Duration;

use kvstore_protocol::{CommandError, parse_integer};
use smallvec::SmallVec;

use super::super::timeout::parse_milliseconds;
use crate::store::{args::Args, call::Call, spec::KeyWords};

/// One of the two commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    Alone,
    OfGroup,
}

/// The options of XREAD and XREADGROUP.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadOptions<'a> {
    /// The names of the group and of the consumer. Empty for XREAD.
    pub(super) group: (&'a [u8], &'a [u8]),
    /// The most entries of each stream.
    pub(super) count: usize,
    /// Whether it waits, and for how long.
    pub(super) block: Option<Option<Duration>>,
    /// Whether what is delivered is acknowledged at once.
    pub(super) no_ack: bool,
    /// From how many milliseconds on entries that are pending for others are taken over.
    pub(super) claim: Option<u64>,
    /// The number of the first key among the arguments, and the number of streams.
    pub(super) streams: (usize, usize),
}

/// A stream that is read: the number of its key in the call, and that of its identifier among the arguments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) key: usize,
    pub(super) id: usize,
}

impl<'a> ReadOptions<'a> {
    pub(super) fn parse(args: &Args<'a>, reader: Reader) -> Result<Self, CommandError> {
        const OF_GROUP: CommandError =
            CommandError::new("ERR", "The GROUP option is only supported by XREADGROUP. You called XREAD instead.");
        const NO_ACK: CommandError =
            CommandError::new("ERR", "The NOACK option is only supported by XREADGROUP. You called XREAD instead.");
        const NO_GROUP: CommandError = CommandError::new("ERR", "Missing GROUP option for XREADGROUP");
        let mut options =
            Self { group: (b"", b""), count: usize::MAX, block: None, no_ack: false, claim: None, streams: (0, 0) };
        let (mut at, mut has_group) = (0, false);
        while at < args.len() {
            let more = args.len() - at - 1;
            if more > 0 && args.is(at, "BLOCK") {
                options.block = Some(parse_milliseconds(args.bytes(at + 1))?);
                at += 1;
            } else if more > 0 && args.is(at, "COUNT") {
                options.count = parse_count(args.bytes(at + 1))?;
                at += 1;
            } else if more > 0 && args.is(at, "STREAMS") {
                options.streams = (at + 1, balanced(more, reader)?);
                break;
            } else if more > 1 && args.is(at, "GROUP") {
                options.group = (args.bytes(at + 1), args.bytes(at + 2));
                has_group = true;
                at += 2;
            } else if args.is(at, "NOACK") {
                options.no_ack = true;
            } else if reader == Reader::OfGroup && more > 0 && args.is(at, "CLAIM") {
                options.claim = Some(parse_idle(args.bytes(at + 1))?);
                at += 1;
            } else {
                return Err(CommandError::SYNTAX);
            }
            match reader {
                Reader::Alone if has_group => return Err(OF_GROUP),
                Reader::Alone if options.no_ack => return Err(NO_ACK),
                _ => at += 1,
            }
        }
        match options.streams {
            (_, 0) => Err(CommandError::SYNTAX),
            _ if reader == Reader::OfGroup && !has_group => Err(NO_GROUP),
            _ => Ok(options),
        }
    }

    /// The words of the keys. With arguments that are refused there are none.
    pub(super) fn locate(args: &Args<'_>, reader: Reader, database: usize) -> KeyWords {
        let (first, streams) = ReadOptions::parse(args, reader).map_or((0, 0), |options| options.streams);
        // The name of the command is a word too.
        (first..first + streams).map(|at| (at + 1, database)).collect()
    }

    /// The streams that are read. One that is served has the keys that have changed alone, which may be named more than once.
    pub(super) fn asked(&self, call: &Call<'_>) -> SmallVec<[Asked; 4]> {
        let ((first, streams), args) = (self.streams, call.args());
        let asked = |(number, key)| Asked { key, id: first + streams + number };
        if call.keys() == streams {
            return (0..streams).map(|number| asked((number, number))).collect();
        }
        let changed = |number| (0..call.keys()).find(|key| args.bytes(first + number) == call.key_name(*key));
        (0..streams).filter_map(|number| Some(asked((number, changed(number)?)))).collect()
    }
}

/// The most entries; all for 0.
fn parse_count(text: &[u8]) -> Result<usize, CommandError> {
    match parse_integer(text).ok_or(CommandError::NOT_AN_INTEGER)? {
        ..=0 => Ok(usize::MAX),
        count => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
    }
}

fn parse_idle(text: &[u8]) -> Result<u64, CommandError> {
    const NOT_AN_INTEGER: CommandError = CommandError::new("ERR", "min-idle-time is not an integer");
    const NEGATIVE: CommandError = CommandError::new("ERR", "min-idle-time must be a positive integer");
    u64::try_from(parse_integer(text).ok_or(NOT_AN_INTEGER)?).map_err(|_| NEGATIVE)
}

/// The number of streams that so many arguments name.
fn balanced(words: usize, reader: Reader) -> Result<usize, CommandError> {
    const ALONE: CommandError = CommandError::new(
        "ERR",
        "Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' must be specified.",
    );
    const OF_GROUP: CommandError = CommandError::new(
        "ERR",
        "Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified.",
    );
    match (words.is_multiple_of(2), reader) {
        (true, _) => Ok(words / 2),
        (false, Reader::Alone) => Err(ALONE),
        (false, Reader::OfGroup) => Err(OF_GROUP),
    }
}
