//! Commands that set scores: ZADD, ZINCRBY.

use kvstore_protocol::{CommandError, Response};
use smallvec::SmallVec;

use super::{NAN, NOT_A_FLOAT};
use crate::store::{
    args::Args,
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::{SortedSet, parse_double},
};

pub(in super::super) const SPECS: &[Spec] = &[Spec::new("ZADD", zadd), Spec::new("ZINCRBY", zincrby)];

/// The options of ZADD, of which GEOADD has some.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct AddOptions {
    /// Members that exist are left alone.
    pub(in super::super) nx: bool,
    /// Members that are missing are left alone.
    pub(in super::super) xx: bool,
    /// Scores are only raised.
    gt: bool,
    /// Scores are only lowered.
    lt: bool,
    /// Changed members are counted, not only new ones.
    pub(in super::super) ch: bool,
    /// The score is added to the one that the member has.
    incr: bool,
}

impl AddOptions {
    /// Parses the options behind the key. Returns also the index of what is after them.
    fn parse(args: &Args<'_>) -> Result<(Self, usize), CommandError> {
        let (mut parsed, mut index) = (Self::default(), 1);
        loop {
            let option = match () {
                () if args.is(index, "NX") => &mut parsed.nx,
                () if args.is(index, "XX") => &mut parsed.xx,
                () if args.is(index, "GT") => &mut parsed.gt,
                () if args.is(index, "LT") => &mut parsed.lt,
                () if args.is(index, "CH") => &mut parsed.ch,
                () if args.is(index, "INCR") => &mut parsed.incr,
                () => break,
            };
            *option = true;
            index += 1;
        }
        parsed.check(args.len() - index)?;
        Ok((parsed, index))
    }

    fn check(self, words: usize) -> Result<(), CommandError> {
        if words == 0 || !words.is_multiple_of(2) {
            return Err(CommandError::SYNTAX);
        }
        if self.nx && self.xx {
            return Err(CommandError::new("ERR", "XX and NX options at the same time are not compatible"));
        }
        if self.gt && self.lt || self.nx && (self.gt || self.lt) {
            let text = "GT, LT, and/or NX options at the same time are not compatible";
            return Err(CommandError::new("ERR", text));
        }
        if self.incr && words > 2 {
            return Err(CommandError::new("ERR", "INCR option supports a single increment-element pair"));
        }
        Ok(())
    }

    /// The new score of a member, if it gets one. `before` is the score that it has.
    fn new_score(self, before: Option<f64>, score: f64) -> Result<Option<f64>, CommandError> {
        let Some(before) = before else { return Ok((!self.xx).then_some(score)) };
        if self.nx {
            return Ok(None);
        }
        let score = if self.incr { before + score } else { score };
        if score.is_nan() {
            return Err(NAN);
        }
        let is_refused = self.gt && score <= before || self.lt && score >= before;
        Ok((!is_refused).then_some(score))
    }
}

/// `ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member …]`: sets the scores of members, which are added if
/// they are missing. Answers how many are new; with INCR, the new score.
fn zadd(call: &mut Call<'_>) -> Answer {
    let (options, first) = AddOptions::parse(&call.args())?;
    let counts = set_words(call, options, first)?;
    if options.incr {
        return Ok(counts.score.map_or(Response::Null, Response::Double));
    }
    Ok(counts.counted(options).into())
}

/// `ZINCRBY key increment member`: adds a number to the score of a member. Answers the sum.
fn zincrby(call: &mut Call<'_>) -> Answer {
    // Redis takes the options of ZADD here too, though the arity leaves no room for any.
    let (options, first) = AddOptions::parse(&call.args())?;
    let counts = set_words(call, AddOptions { incr: true, ..options }, first)?;
    Ok(counts.score.map_or(Response::Null, Response::Double))
}

/// What a command has done.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Counts {
    added: usize,
    updated: usize,
    /// The new score of the last member.
    score: Option<f64>,
}

impl Counts {
    /// The number of members that ZADD answers.
    pub(in super::super) fn counted(self, options: AddOptions) -> usize {
        self.added + if options.ch { self.updated } else { 0 }
    }
}

/// Sets the scores of the members from an argument on.
fn set_words(call: &mut Call<'_>, options: AddOptions, first: usize) -> Result<Counts, CommandError> {
    let args = call.args();
    // All are parsed before the first change.
    let scored = (first..args.len()).step_by(2).map(|index| {
        let score = parse_double(args.bytes(index)).ok_or(NOT_A_FLOAT)?;
        Ok((score, args.bytes(index + 1)))
    });
    let scored = scored.collect::<Result<SmallVec<[_; 4]>, CommandError>>()?;
    set_scores(call, options, &scored, if options.incr { Event::ZINCR } else { Event::ZADD })
}

/// Sets the scores of members.
pub(in super::super) fn set_scores(
    call: &mut Call<'_>,
    options: AddOptions,
    scored: &[(f64, &[u8])],
    event: Event,
) -> Result<Counts, CommandError> {
    let limit = call.thresholds().sorted_set();
    let mut set = call.edit_or_create::<SortedSet>(0, event)?;
    let mut counts = Counts::default();
    for (score, member) in scored {
        let place = set.find(member);
        counts.score = options.new_score(place.score, *score)?;
        let Some(score) = counts.score else { continue };
        match place.score {
            None => counts.added += 1,
            Some(before) if before == score => continue,
            Some(_) => counts.updated += 1,
        }
        set.update(|set| set.set_at(place, member, score, limit));
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn options_say_which_scores_are_set() {
        TestStore::new().check([
            ("ZADD z 1 a 2 b", ":2"),
            ("ZADD z NX 5 a 3 c", ":1"),
            ("ZADD z XX CH 5 a 4 d", ":1"),
            ("ZADD z GT CH 4 a 4 b", ":1"),
            ("ZADD z LT CH 4 a 5 b", ":1"),
            ("ZADD z GT 1 new", ":1"),
            ("ZADD z CH 4 a", ":0"),
            ("ZADD z INCR 1.5 a", "5.5"),
            ("ZADD z NX INCR 1 a", "(nil)"),
            ("ZADD z XX INCR 1 nobody", "(nil)"),
            ("ZADD z GT INCR -1 a", "(nil)"),
            ("ZINCRBY z -1 a", "4.5"),
            ("ZINCRBY z inf a", "inf"),
            ("ZINCRBY z -inf a", "-ERR resulting score is not a number (NaN)"),
            ("ZSCORE z a", "inf"),
        ]);
    }

    #[test]
    fn bad_arguments_change_nothing() {
        TestStore::new().check([
            ("ZADD z 1 a x b", "-ERR value is not a valid float"),
            ("ZADD z 1 a 2", "-ERR syntax error"),
            ("ZADD z NX XX 1 a", "-ERR XX and NX options at the same time are not compatible"),
            ("ZADD z GT LT 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible"),
            ("ZADD z NX GT 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible"),
            ("ZADD z INCR 1 a 2 b", "-ERR INCR option supports a single increment-element pair"),
            ("ZADD z nan a", "-ERR value is not a valid float"),
            ("ZINCRBY z x a", "-ERR value is not a valid float"),
            ("ZINCRBY z NX 10", "-ERR syntax error"),
            ("ZADD z XX 1 a", ":0"),
            ("EXISTS z", ":0"),
        ]);
    }
}
