//! GEOADD.

use kvstore_protocol::CommandError;
use smallvec::SmallVec;

use super::{
    super::sorted_sets::add::{AddOptions, set_scores},
    hash::{Cell, STEPS},
    parse_point,
};
use crate::store::{
    args::Args,
    call::Call,
    change::Event,
    spec::{Answer, Spec},
};

pub(in super::super) const SPECS: &[Spec] = &[Spec::new("GEOADD", geoadd)];

/// `GEOADD key [NX | XX] [CH] longitude latitude member [longitude latitude member …]`: sets the positions of members, which are added if
/// they are missing. Answers how many are new.
fn geoadd(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let (options, first) = parse_options(&args)?;
    let positions = (first..args.len()).step_by(3).map(|index| {
        let point = parse_point(args.bytes(index), args.bytes(index + 1))?;
        Ok((Cell::of(point, STEPS).score(), args.bytes(index + 2)))
    });
    // All are parsed before the first change.
    let scored = positions.collect::<Result<SmallVec<[_; 4]>, CommandError>>()?;
    let counts = set_scores(call, options, &scored, Event::ZADD)?;
    Ok(counts.counted(options).into())
}

/// Parses the options behind the key. Returns also the index of what is after them.
fn parse_options(args: &Args<'_>) -> Result<(AddOptions, usize), CommandError> {
    let (mut options, mut index) = (AddOptions::default(), 1);
    loop {
        let option = match () {
            () if args.is(index, "NX") => &mut options.nx,
            () if args.is(index, "XX") => &mut options.xx,
            () if args.is(index, "CH") => &mut options.ch,
            () => break,
        };
        *option = true;
        index += 1;
    }
    let words = args.len() - index;
    let is_valid = words > 0 && words.is_multiple_of(3) && !(options.nx && options.xx);
    if is_valid { Ok((options, index)) } else { Err(CommandError::SYNTAX) }
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn positions_are_scores() {
        TestStore::new().check([
            ("GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", ":2"),
            ("ZRANGE g 0 -1 WITHSCORES", r#"["Palermo", "3479099956230698", "Catania", "3479447370796909"]"#),
            ("GEOADD g 13.361389 38.115556 Palermo", ":0"),
            ("GEOADD g CH 13 38 Palermo 1 1 x", ":2"),
            ("GEOADD g NX CH 14 38 Palermo 1 1 y", ":1"),
            ("GEOADD g XX CH 14 38 Palermo 1 1 z", ":1"),
            ("GEOADD edges 0 0 zero -180 -85.05112878 corner 180 85.05112878 top", ":3"),
            (
                "ZRANGE edges 0 -1 WITHSCORES",
                r#"["corner", "0", "zero", "3377699720527872", "top", "13510798882111488"]"#,
            ),
            ("GEOADD none XX 1 1 a", ":0"),
            ("EXISTS none", ":0"),
        ]);
    }

    #[test]
    fn bad_arguments_change_nothing() {
        TestStore::new().check([
            ("GEOADD g 1 1 a 2 2", "-ERR syntax error"),
            ("GEOADD g NX XX 1 1 a", "-ERR syntax error"),
            ("GEOADD g NX CH CH", "-ERR syntax error"),
            ("GEOADD g CH NX 1", "-ERR syntax error"),
            ("GEOADD g x 1 a", "-ERR value is not a valid float"),
            ("GEOADD g 1 nan a", "-ERR value is not a valid float"),
            ("GEOADD g 1 1 a 1 86 b", "-ERR invalid longitude,latitude pair 1.000000,86.000000"),
            ("GEOADD g inf 1 a", "-ERR invalid longitude,latitude pair inf,1.000000"),
            ("EXISTS g", ":0"),
            ("SET s v", "+OK"),
            ("GEOADD s 1 1 a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ]);
    }
}
