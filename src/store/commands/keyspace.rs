//! A database as a whole: KEYS, SCAN, DBSIZE, FLUSHALL …

use kvstore_protocol::{ByteString, CommandError, Response};

use crate::store::{
    Shared,
    args::{Args, SYNTAX},
    context::Context,
    engine::Keyspace,
    glob,
    spec::{Answer, Arity, DANGEROUS, FAST, READ, Spec, WRITE},
};

pub(super) const SPECS: &[Spec] = &[KEYS, SCAN, RANDOMKEY, DBSIZE, FLUSHDB, FLUSHALL];

/// `KEYS pattern`: all keys that match.
const KEYS: Spec = Spec::over_keyspace("KEYS", Arity::exactly(2), READ.and(DANGEROUS), keys);

fn keys(context: &Context<'_>, args: &Args<'_>, keyspace: &dyn Keyspace) -> Answer {
    let pattern = args.bytes(0);
    let mut found = Vec::new();
    keyspace.each(context, &mut |entry| {
        if glob::matches(pattern, entry.key()) {
            found.push(Response::from(entry.key()));
        }
    });
    Ok(Response::Array(found))
}

/// `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`: some keys, and where to go on.
const SCAN: Spec = Spec::over_keyspace("SCAN", Arity::at_least(2), READ, scan);

fn scan(context: &Context<'_>, args: &Args<'_>, keyspace: &dyn Keyspace) -> Answer {
    let cursor = cursor(args.bytes(0))?;
    let options = ScanOptions::parse(args)?;
    let mut found = Vec::new();
    let next = keyspace.scan(context, cursor, options.count, &mut |entry| {
        let is_meant = options.pattern.is_none_or(|pattern| glob::matches(pattern, entry.key()))
            && options.kind.is_none_or(|kind| kind.eq_ignore_ascii_case(entry.value.type_name().as_bytes()));
        if is_meant {
            found.push(Response::from(entry.key()));
        }
    });
    let next = ByteString::from(itoa::Buffer::new().format(next));
    Ok(Response::Array(vec![next.into(), Response::Array(found)]))
}

fn cursor(bytes: &[u8]) -> Result<u64, CommandError> {
    let digits = std::str::from_utf8(bytes).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).ok_or(CommandError::new("ERR", "invalid cursor"))
}

#[derive(Debug)]
struct ScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    count: usize,
    kind: Option<&'a [u8]>,
}

impl<'a> ScanOptions<'a> {
    fn parse(args: &Args<'a>) -> Result<Self, CommandError> {
        let mut options = Self { pattern: None, count: 10, kind: None };
        let mut index = 1;
        while index < args.len() {
            let value = index + 1;
            if value == args.len() {
                return Err(SYNTAX);
            }
            if args.is(index, "MATCH") {
                options.pattern = Some(args.bytes(value));
            } else if args.is(index, "TYPE") {
                options.kind = Some(args.bytes(value));
            } else if args.is(index, "COUNT") {
                options.count = usize::try_from(args.integer(value)?).ok().filter(|count| *count > 0).ok_or(SYNTAX)?;
            } else {
                return Err(SYNTAX);
            }
            index += 2;
        }
        Ok(options)
    }
}

/// `RANDOMKEY`: some key; nil when there is none.
const RANDOMKEY: Spec = Spec::over_keyspace("RANDOMKEY", Arity::exactly(1), READ, randomkey);

fn randomkey(context: &Context<'_>, _: &Args<'_>, keyspace: &dyn Keyspace) -> Answer {
    Ok(keyspace.random(context).into())
}

/// `DBSIZE`: how many keys there are.
const DBSIZE: Spec = Spec::over_keyspace("DBSIZE", Arity::exactly(1), READ.and(FAST), dbsize);

fn dbsize(_: &Context<'_>, _: &Args<'_>, keyspace: &dyn Keyspace) -> Answer {
    Ok(keyspace.len().into())
}

/// `FLUSHDB [ASYNC | SYNC]`: removes every key of the selected database. Nobody waits for the memory either way.
const FLUSHDB: Spec = Spec::over_keyspace("FLUSHDB", Arity::at_least(1), WRITE.and(DANGEROUS), flushdb);

fn flushdb(_: &Context<'_>, args: &Args<'_>, keyspace: &dyn Keyspace) -> Answer {
    check_flush_option(args)?;
    keyspace.clear();
    Ok(Response::ok())
}

/// `FLUSHALL [ASYNC | SYNC]`: removes every key.
const FLUSHALL: Spec = Spec::over_store("FLUSHALL", Arity::at_least(1), WRITE.and(DANGEROUS), flushall);

fn flushall(_: &Context<'_>, args: &Args<'_>, store: &Shared) -> Answer {
    check_flush_option(args)?;
    store.keyspaces().for_each(Keyspace::clear);
    Ok(Response::ok())
}

fn check_flush_option(args: &Args<'_>) -> Result<(), CommandError> {
    match args.len() {
        0 => Ok(()),
        1 if args.is(0, "ASYNC") || args.is(0, "SYNC") => Ok(()),
        _ => Err(SYNTAX),
    }
}
