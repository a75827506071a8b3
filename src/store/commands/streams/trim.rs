//! XTRIM, and the options by which XADD trims.

use kvstore_protocol::{Command, CommandError, parse_integer};

use super::ids::{NewId, parse_strict};
use crate::store::{
    args::Args,
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::{
        Stream, Thresholds,
        stream::{Bound, References, Trim},
    },
};

pub(in super::super) const SPECS: &[Spec] = &[Spec::new("XTRIM", xtrim)];

const BOTH: CommandError =
    CommandError::new("ERR", "syntax error, MAXLEN and MINID options at the same time are not compatible");
const NEGATIVE_LENGTH: CommandError = CommandError::new("ERR", "The MAXLEN argument must be >= 0.");
const NEGATIVE_LIMIT: CommandError = CommandError::new("ERR", "The LIMIT argument must be >= 0.");
const LIMIT_ALONE: CommandError =
    CommandError::new("ERR", "syntax error, LIMIT cannot be used without specifying a trimming strategy");
const LIMIT_OF_EXACT: CommandError =
    CommandError::new("ERR", "syntax error, LIMIT cannot be used without the special ~ option");
const NO_STRATEGY: CommandError =
    CommandError::new("ERR", "syntax error, XTRIM must be called with a trimming strategy");

/// The most entries that are trimmed approximately, if the size of nodes does not tell.
const DEFAULT_LIMIT: u64 = 10_000;
const MAX_DEFAULT_LIMIT: u64 = 1_000_000;

/// The options of XADD and XTRIM.
#[derive(Debug, Default)]
pub(super) struct TrimOptions {
    bound: Option<Bound>,
    is_approximate: bool,
    limit: Option<u64>,
    references: Option<References>,
    /// Whether no stream is created.
    pub(super) no_mkstream: bool,
    /// The identifier of XADD, and the number of its argument.
    pub(super) id: Option<(NewId, usize)>,
}

impl TrimOptions {
    /// Parses the options behind the key: up to the identifier for XADD.
    pub(super) fn parse(args: &Args<'_>, is_add: bool) -> Result<Self, CommandError> {
        let (mut options, mut at) = (Self::default(), 1);
        while at < args.len() {
            let has_more = at + 1 < args.len();
            if is_add && args.bytes(at) == b"*" {
                options.id = Some((NewId::Auto, at));
                break;
            } else if has_more && (args.is(at, "MAXLEN") || args.is(at, "MINID")) {
                at = options.parse_bound(args, at)?;
            } else if has_more && args.is(at, "LIMIT") {
                let limit = args.integer(at + 1)?;
                options.limit = Some(u64::try_from(limit).map_err(|_| NEGATIVE_LIMIT)?);
                at += 1;
            } else if is_add && args.is(at, "NOMKSTREAM") {
                options.no_mkstream = true;
            } else if let (None, Some(references)) = (options.references, parse_references(args.bytes(at))) {
                options.references = Some(references);
            } else if is_add {
                options.id = Some((NewId::parse(args.bytes(at))?, at));
                break;
            } else {
                return Err(CommandError::SYNTAX);
            }
            at += 1;
        }
        options.check(is_add)?;
        Ok(options)
    }

    /// How the stream is trimmed, if it is.
    pub(super) fn trim(&self, thresholds: &Thresholds) -> Option<Trim> {
        let default_limit = || match (thresholds.node().entries as u64).saturating_mul(100) {
            u64::MAX => DEFAULT_LIMIT,
            limit => limit.min(MAX_DEFAULT_LIMIT),
        };
        let approximate = self.is_approximate.then(|| self.limit.unwrap_or_else(default_limit));
        Some(Trim { bound: self.bound?, approximate, references: self.references.unwrap_or_default() })
    }

    /// Parses MAXLEN or MINID with its threshold. Returns the number of the last argument.
    fn parse_bound(&mut self, args: &Args<'_>, at: usize) -> Result<usize, CommandError> {
        if self.bound.is_some() {
            return Err(BOTH);
        }
        let mut threshold = at + 1;
        self.is_approximate = args.bytes(threshold) == b"~" && threshold + 1 < args.len();
        if self.is_approximate || args.bytes(threshold) == b"=" && threshold + 1 < args.len() {
            threshold += 1;
        }
        self.bound = Some(if args.is(at, "MINID") {
            Bound::MinId(parse_strict(args.bytes(threshold))?)
        } else {
            let length = parse_integer(args.bytes(threshold)).ok_or(CommandError::NOT_AN_INTEGER)?;
            Bound::MaxLen(u64::try_from(length).map_err(|_| NEGATIVE_LENGTH)?)
        });
        Ok(threshold)
    }

    fn check(&self, is_add: bool) -> Result<(), CommandError> {
        match self.bound {
            None if self.limit.is_some_and(|limit| limit > 0) => Err(LIMIT_ALONE),
            None if !is_add => Err(NO_STRATEGY),
            _ if self.limit.is_some() && !self.is_approximate => Err(LIMIT_OF_EXACT),
            _ => Ok(()),
        }
    }
}

/// What becomes of references to entries that are removed.
pub(super) fn parse_references(word: &[u8]) -> Option<References> {
    let words = [("KEEPREF", References::Keep), ("DELREF", References::Delete), ("ACKED", References::Acknowledged)];
    words.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes())).map(|(_, references)| references)
}

/// The word for that.
fn word_of(references: References) -> &'static str {
    match references {
        References::Keep => "KEEPREF",
        References::Delete => "DELREF",
        References::Acknowledged => "ACKED",
    }
}

/// `XTRIM key MAXLEN | MINID [= | ~] threshold [LIMIT count] [KEEPREF | DELREF | ACKED]`: removes the oldest entries. Answers how
/// many.
fn xtrim(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let options = TrimOptions::parse(&args, false)?;
    let Some(trim) = options.trim(call.thresholds()) else { return Err(NO_STRATEGY) };
    afford(call, &trim)?;
    let removed = trim_stream(call, &trim)?;
    if removed > 0 && trim.approximate.is_some() {
        let len = length(call)?.to_string();
        call.record(|| Command::new("XTRIM").arg(args.bytes(0)).with_args(exact(&trim, &len)));
    }
    Ok(removed.into())
}

/// Declares what a trim looks at. Called before the first change.
pub(super) fn afford(call: &mut Call<'_>, trim: &Trim) -> Result<(), CommandError> {
    let Some(log) = call.find::<Stream>(0)? else { return Ok(()) };
    let entries = log.work_of_trim(trim);
    match trim.references {
        References::Keep => call.afford(entries),
        // Each entry is searched for in each group.
        References::Delete | References::Acknowledged => {
            let groups = log.groups().len().max(1);
            call.afford_elements(entries.saturating_mul(groups))
        }
    }
}

/// Trims the stream. Returns how many entries were removed.
pub(super) fn trim_stream(call: &mut Call<'_>, trim: &Trim) -> Result<usize, CommandError> {
    let Some(mut stream) = call.edit::<Stream>(0, Event::XTRIM)? else { return Ok(0) };
    Ok(stream.update(|log| log.trim(trim)))
}

/// The number of entries.
pub(super) fn length(call: &Call<'_>) -> Result<u64, CommandError> {
    Ok(call.find::<Stream>(0)?.map_or(0, |log| log.len() as u64))
}

/// The options of a trim that leaves as many entries, whatever the sizes of nodes are.
pub(super) fn exact<'a>(trim: &Trim, len: &'a str) -> [&'a [u8]; 4] {
    [b"MAXLEN", b"=", len.as_bytes(), word_of(trim.references).as_bytes()]
}
