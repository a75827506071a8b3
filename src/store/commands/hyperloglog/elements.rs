//! PFADD, PFCOUNT and PFMERGE.

use kvstore_protocol::{CommandError, Response};
use smallvec::SmallVec;

use super::{corrupted, of};
use crate::store::{
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::{
        DataType, StringValue,
        hyperloglog::{self, HyperLogLog, HyperLogLogBuffer, REGISTERS, Register, Registers},
    },
};

pub(in super::super) const SPECS: &[Spec] =
    &[Spec::new("PFADD", pfadd), Spec::new("PFCOUNT", pfcount).caching(), Spec::new("PFMERGE", pfmerge)];

/// `PFADD key [element …]`: adds elements. Answers whether the estimate may have changed, or the key is new.
fn pfadd(call: &mut Call<'_>) -> Answer {
    let (args, limit) = (call.args(), call.thresholds().sparse_hyperloglog());
    let registers: SmallVec<[Register; 4]> = args.from(1).map(Register::of).collect();
    let Some(string) = call.entry(0).map(StringValue::read).transpose()? else {
        let mut new = HyperLogLogBuffer::default();
        new.raise(registers.into_iter(), limit).map_err(corrupted)?;
        new.make_stale();
        call.create(0, StringValue::new(new.into_bytes()), Event::PFADD);
        return Ok(1.into());
    };
    let found = of(&string)?;
    let work = if found.is_dense() { 0 } else { string.len() * registers.len() };
    let Some(first) = first_raised(found, &registers)? else { return Ok(0.into()) };
    call.afford(work)?;
    let Some(mut string) = call.edit::<StringValue>(0, Event::PFADD)? else { return Ok(0.into()) };
    string.update(|string| raise(string, &registers[first..], limit))?;
    Ok(1.into())
}

/// The index of the first register that is lower. Mostly none is: then nothing is written.
fn first_raised(found: HyperLogLog<'_>, registers: &[Register]) -> Result<Option<usize>, CommandError> {
    for (index, register) in registers.iter().enumerate() {
        if found.is_raised_by(*register).map_err(corrupted)? {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

/// Raises registers of a HyperLogLog: a dense one in place.
fn raise(string: &mut StringValue, registers: &[Register], limit: usize) -> Result<(), CommandError> {
    let found = of(string.as_bytes())?;
    let registers = registers.iter().copied();
    if found.is_dense() {
        string.modify(|bytes| hyperloglog::raise_dense(bytes, registers));
        return Ok(());
    }
    let mut buffer = HyperLogLogBuffer::from(found);
    buffer.raise(registers, limit).map_err(corrupted)?;
    *string = StringValue::new(buffer.into_bytes());
    Ok(())
}

/// `PFCOUNT key [key …]`: how many different elements were added, estimated. That of one key is cached in its value.
fn pfcount(call: &mut Call<'_>) -> Answer {
    if call.keys() > 1 {
        afford_strings(call)?;
        let (registers, _) = merged(call)?;
        let estimate = hyperloglog::estimate(&registers).map_err(corrupted)?;
        return Ok((estimate as i64).into());
    }
    let Some(string) = call.get::<StringValue>(0)? else { return Ok(0.into()) };
    let found = of(&string)?;
    if let Some(cached) = found.cached() {
        return Ok((cached as i64).into());
    }
    let estimate = found.estimate().map_err(corrupted)?;
    if call.may_cache()
        && let Some(mut string) = call.edit::<StringValue>(0, Event::PFCOUNT)?
    {
        string.update(|string| string.modify(|bytes| hyperloglog::cache(bytes, estimate)));
    }
    Ok((estimate as i64).into())
}

/// `PFMERGE destination [key …]`: stores what counts the elements of all keys, those of the destination too.
fn pfmerge(call: &mut Call<'_>) -> Answer {
    afford_strings(call)?;
    let limit = call.thresholds().sparse_hyperloglog();
    let (registers, any_dense) = merged(call)?;
    let merge = |mut buffer: HyperLogLogBuffer| {
        if any_dense {
            buffer.make_dense()?;
        }
        buffer.raise_all(&registers, limit)?;
        Ok(StringValue::new(buffer.into_bytes()))
    };
    let Some(mut string) = call.edit::<StringValue>(0, Event::PFADD)? else {
        let new = merge(HyperLogLogBuffer::default()).map_err(corrupted)?;
        call.create(0, new, Event::PFADD);
        return Ok(Response::ok());
    };
    let changed = merge(of(string.as_bytes())?.into()).map_err(corrupted)?;
    string.update(|string| *string = changed);
    Ok(Response::ok())
}

/// The highest value of each register of all keys, and whether a key is dense.
fn merged(call: &Call<'_>) -> Result<(Box<Registers>, bool), CommandError> {
    let (mut registers, mut any_dense) = (Box::new([0; REGISTERS]), false);
    for key in 0..call.keys() {
        let Some(string) = call.get::<StringValue>(key)? else { continue };
        let found = of(&string)?;
        any_dense |= found.is_dense();
        found.merge_into(&mut registers).map_err(corrupted)?;
    }
    Ok((registers, any_dense))
}

/// Many keys are merged where nobody waits for it.
fn afford_strings(call: &mut Call<'_>) -> Result<(), CommandError> {
    let found = (0..call.keys()).filter_map(|key| call.find::<StringValue>(key).ok().flatten());
    let work = found.map(|string| string.len()).sum();
    call.afford(work)
}

#[cfg(test)]
mod tests {
    use kvstore_protocol::Command;

    use crate::store::testing::{TestStore, command};

    const NOT_ONE: &str = "-WRONGTYPE Key is not a valid HyperLogLog string value.";
    const CORRUPTED: &str = "-INVALIDOBJ Corrupted HLL object detected";

    /// What Redis stores for the elements a, b and c.
    const REDIS: &[u8] = b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80`\xf3\x80P\xb1\x84K\xfb\x80BZ";

    fn bytes(store: &TestStore, line: &str) -> Vec<u8> {
        store.answer(line).as_bytes().expect("a string").to_vec()
    }

    #[test]
    fn elements_are_counted_once() {
        TestStore::new().check([
            ("PFADD k a b c", ":1"),
            ("PFADD k a b", ":0"),
            ("PFADD k d a", ":1"),
            ("PFCOUNT k", ":4"),
            ("PFCOUNT k", ":4"),
            ("PFADD empty", ":1"),
            ("PFADD empty", ":0"),
            ("PFCOUNT empty", ":0"),
            ("PFCOUNT missing", ":0"),
            ("TYPE k", "+string"),
            ("EXPIRE k 10", ":1"),
            ("PFADD k e", ":1"),
            ("PFCOUNT k", ":5"),
            ("TTL k", ":10"),
        ]);
    }

    #[test]
    fn keys_are_counted_together_and_merged() {
        TestStore::new().check([
            ("PFADD a 1 2 3", ":1"),
            ("PFADD b 3 4", ":1"),
            ("PFCOUNT a b missing", ":4"),
            ("PFCOUNT missing nothing", ":0"),
            ("PFMERGE to a b missing", "+OK"),
            ("PFCOUNT to", ":4"),
            ("PFADD to 5", ":1"),
            ("PFMERGE to a", "+OK"),
            ("PFCOUNT to", ":5"),
            ("PFMERGE to", "+OK"),
            ("PFCOUNT to", ":5"),
            ("PFMERGE new", "+OK"),
            ("PFCOUNT new", ":0"),
            ("PFDEBUG ENCODING to", "+sparse"),
            ("PFDEBUG TODENSE b", ":1"),
            ("PFMERGE to b", "+OK"),
            ("PFDEBUG ENCODING to", "+dense"),
            ("PFCOUNT to", ":5"),
        ]);
    }

    #[test]
    fn values_are_those_of_redis() {
        let store = TestStore::new();
        store.check([("PFADD k a b c", ":1")]);
        assert_eq!(bytes(&store, "GET k"), REDIS);
    }

    #[test]
    fn the_estimate_is_cached_in_the_value() {
        let store = TestStore::new();
        store.check([("PFADD k a b c", ":1")]);
        assert_eq!(bytes(&store, "GETRANGE k 8 15"), [0, 0, 0, 0, 0, 0, 0, 0x80]);
        store.check([("PFCOUNT k", ":3")]);
        assert_eq!(bytes(&store, "GETRANGE k 8 15"), [3, 0, 0, 0, 0, 0, 0, 0]);
        // What is cached is answered.
        store.check([("SETRANGE k 8 9", ":27"), ("PFCOUNT k", ":57"), ("PFADD k d", ":1"), ("PFCOUNT k", ":4")]);
    }

    #[test]
    fn it_becomes_dense_when_it_is_large() {
        let store = TestStore::new();
        let add = |numbers: std::ops::Range<u32>| {
            store.answer_to(Command::new("PFADD").arg("k").with_args(numbers.map(|number| number.to_string())))
        };
        for start in (0..10_000).step_by(500) {
            add(start..start + 500);
        }
        store.check([("PFDEBUG ENCODING k", "+dense"), ("STRLEN k", ":12304"), ("PFADD k 1 2", ":0")]);
        let estimate: i64 = store.answer("PFCOUNT k").to_string()[1..].parse().expect("a number");
        assert!((9500..10_500).contains(&estimate), "{estimate}");
        // A reply that shares the buffer is left alone.
        let before = bytes(&store, "GET k");
        let reply = store.answer("GET k");
        add(20_000..20_500);
        store.check([("PFCOUNT k", &*store.answer("PFCOUNT k missing").to_string())]);
        assert_eq!(reply.as_bytes(), Some(&before[..]));
        assert_ne!(bytes(&store, "GET k"), before);
        store.check([
            ("CONFIG SET hll-sparse-max-bytes 30", "+OK"),
            ("CONFIG GET hll-sparse-max-bytes", r#"{"hll-sparse-max-bytes": "30"}"#),
            ("PFADD small a b c d e f g h i j", ":1"),
            ("PFDEBUG ENCODING small", "+dense"),
            ("PFCOUNT small", ":10"),
        ]);
    }

    #[test]
    fn what_is_none_is_refused_and_left_alone() {
        let store = TestStore::new();
        let values: [&[u8]; 6] =
            [b"", b"foo", b"HYLL", b"HYLL\x02___\0\0\0\0\0\0\0\0", b"HYLL\0___\0\0\0\0\0\0\0\0xyz", b"10"];
        for value in values {
            store.answer_to(Command::new("SET").arg("k").arg(value.to_vec()));
            for line in
                ["PFADD k a", "PFADD k", "PFCOUNT k", "PFCOUNT k x", "PFMERGE k", "PFMERGE x k", "PFDEBUG GETREG k"]
            {
                store.check([(line, NOT_ONE)]);
            }
            assert_eq!(bytes(&store, "GET k"), value);
        }
        store.check([
            ("RPUSH list a", ":1"),
            ("PFADD list a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("PFCOUNT list", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("PFMERGE x list", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("EXISTS x", ":0"),
        ]);
    }

    #[test]
    fn what_is_corrupted_is_refused_and_left_alone() {
        const RUNS: [&[u8]; 7] = [b"", b"\x7f", b"\x7f\xfe", b"\x7f\xff\x80", b"\x7f\xff\0", b"\x40", b"\x80"];
        let store = TestStore::new();
        for runs in RUNS {
            let value = [b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80", runs].concat();
            store.answer_to(Command::new("SET").arg("k").arg(value.clone()));
            let lines =
                ["PFCOUNT k", "PFCOUNT k x", "PFMERGE k", "PFMERGE x k", "PFDEBUG GETREG k", "PFDEBUG TODENSE k"];
            for line in lines {
                store.check([(line, CORRUPTED)]);
            }
            assert_eq!(bytes(&store, "GET k"), value);
        }
        // The register of the element is not there.
        store.check([("SETRANGE k 16 \u{1}", ":17"), ("PFADD k a", CORRUPTED), ("PFADD k", ":0"), ("EXISTS x", ":0")]);
    }

    #[test]
    fn registers_that_have_no_estimate_are_corrupted() {
        let store = TestStore::new();
        let value = [&b"HYLL\0\0\0\0\0\0\0\0\0\0\0\x80"[..], &[0xFF; 12288]].concat();
        store.answer_to(Command::new("SET").arg("k").arg(value));
        store.check([
            ("PFADD other a", ":1"),
            ("PFCOUNT k", CORRUPTED),
            ("PFCOUNT k other", CORRUPTED),
            ("PFCOUNT other k", CORRUPTED),
            ("PFMERGE both k other", "+OK"),
            ("PFCOUNT both", CORRUPTED),
            ("PFADD k a", ":0"),
        ]);
    }

    #[test]
    fn many_keys_are_merged_where_nobody_waits() {
        let store = TestStore::new();
        let keys: Vec<_> = (0..100).map(|number| format!("k{number}")).collect();
        store.check([("PFADD k0 a", ":1"), ("PFDEBUG TODENSE k0", ":1")]);
        for key in &keys[1..] {
            store.check([(&*format!("COPY k0 {key}"), ":1")]);
        }
        for name in ["PFCOUNT", "PFMERGE"] {
            let command = Command::new(name).with_args(&keys);
            assert!(store.postpones(&command));
        }
        assert!(!store.postpones(&command("PFCOUNT k0 k1 k2")));
        assert_eq!(store.answer_to(Command::new("PFCOUNT").with_args(&keys)).to_string(), ":1");
    }
}
