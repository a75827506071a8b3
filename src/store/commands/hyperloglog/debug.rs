//! PFDEBUG and PFSELFTEST.

use std::fmt::Write;

use kvstore_protocol::{CommandError, Response};

use super::{corrupted, of};
use crate::store::{
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::{
        DataType, StringRef, StringValue,
        hyperloglog::{HyperLogLogBuffer, REGISTERS, self_test},
    },
};

pub(in super::super) const SPECS: &[Spec] = &[Spec::new("PFDEBUG", pfdebug), Spec::new("PFSELFTEST", pfselftest)];

const MISSING: CommandError = CommandError::new("ERR", "The specified key does not exist");
const NOT_SPARSE: CommandError = CommandError::new("ERR", "HLL encoding is not sparse");

/// `PFDEBUG GETREG | DECODE | ENCODING | TODENSE key`: the registers, which makes it dense; the runs of a sparse one; the encoding;
/// makes it dense.
fn pfdebug(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let is_dense = of(&string(call)?)?.is_dense();
    match () {
        () if args.is(0, "GETREG") => {
            make_dense(call)?;
            let string = string(call)?;
            let found = of(&string)?;
            Ok(Response::array((0..REGISTERS).map(|index| i64::from(found.dense_register(index)))))
        }
        () if args.is(0, "DECODE") => {
            if is_dense {
                return Err(NOT_SPARSE);
            }
            decoded(call)
        }
        () if args.is(0, "ENCODING") => Ok(Response::simple(if is_dense { "dense" } else { "sparse" })),
        () if args.is(0, "TODENSE") => {
            make_dense(call)?;
            Ok(i64::from(!is_dense).into())
        }
        () => {
            let name = String::from_utf8_lossy(args.bytes(0));
            Err(CommandError::err(format!("Unknown PFDEBUG subcommand '{name}'")))
        }
    }
}

fn string<'a>(call: &'a Call<'_>) -> Result<StringRef<'a>, CommandError> {
    StringValue::read(call.entry(0).ok_or(MISSING)?)
}

fn make_dense(call: &mut Call<'_>) -> Result<(), CommandError> {
    let found = string(call)?;
    let found = of(&found)?;
    if found.is_dense() {
        return Ok(());
    }
    let mut buffer = HyperLogLogBuffer::from(found);
    buffer.make_dense().map_err(corrupted)?;
    if let Some(mut string) = call.edit::<StringValue>(0, Event::PFDEBUG)? {
        string.update(|string| *string = StringValue::new(buffer.into_bytes()));
    }
    Ok(())
}

/// The runs, as `Z:16383 v:2,1`: zeros in two bytes or, with a small z, in one; a value and how often it is there.
fn decoded(call: &Call<'_>) -> Answer {
    let mut text = String::new();
    let decoded = of(&string(call)?)?.for_each_run(|value, length, is_long| {
        let space = if text.is_empty() { "" } else { " " };
        let written = match (value, is_long) {
            (0, true) => write!(text, "{space}Z:{length}"),
            (0, false) => write!(text, "{space}z:{length}"),
            _ => write!(text, "{space}v:{value},{length}"),
        };
        written.expect("a string takes any text");
    });
    decoded.map_err(corrupted)?;
    Ok(text.into())
}

/// `PFSELFTEST`: tests registers and estimates.
fn pfselftest(call: &mut Call<'_>) -> Answer {
    call.afford(usize::MAX)?;
    self_test(call.seed(), call.thresholds().sparse_hyperloglog()).map_err(CommandError::err)?;
    Ok(Response::ok())
}

#[cfg(test)]
mod tests {
    use crate::store::testing::{TestStore, command};

    #[test]
    fn pfdebug_shows_how_it_is_stored() {
        let store = TestStore::new();
        store.check([
            ("PFADD k a abcdefghijklmno", ":1"),
            ("PFDEBUG DECODE k", r#""Z:12377 v:4,1 Z:333 v:2,1 Z:3672""#),
            ("PFDEBUG encoding k", "+sparse"),
            ("PFDEBUG TODENSE k", ":1"),
            ("PFDEBUG TODENSE k", ":0"),
            ("PFDEBUG ENCODING k", "+dense"),
            ("PFDEBUG DECODE k", "-ERR HLL encoding is not sparse"),
            ("PFDEBUG NOSUCH k", "-ERR Unknown PFDEBUG subcommand 'NOSUCH'"),
            ("PFDEBUG GETREG missing", "-ERR The specified key does not exist"),
            ("PFCOUNT k", ":2"),
            ("PFADD other a", ":1"),
        ]);
        let registers = |key: &str| store.answer(&format!("PFDEBUG GETREG {key}")).to_string();
        let is_set = |register: &&str| *register != ":0";
        assert_eq!(
            registers("k").trim_matches(['[', ']']).split(", ").filter(is_set).collect::<Vec<_>>(),
            [":4", ":2"]
        );
        assert_eq!(registers("other").split(", ").count(), 16384);
        store.check([("PFDEBUG ENCODING other", "+dense")]);
    }

    #[test]
    fn pfselftest_tests_where_nobody_waits() {
        let store = TestStore::new();
        assert!(store.postpones(&command("PFSELFTEST")));
        store.check([("PFSELFTEST", "+OK")]);
    }
}
