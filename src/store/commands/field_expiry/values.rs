//! The values of fields with their expiry: HGETEX, HSETEX.

use kvstore_protocol::{CommandError, Options, Packed};

use super::{super::expiry::TimeFormat, afford_values, fields, resolve};
use crate::store::{
    args::Args,
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::{Hash, HashRef},
};

pub(in super::super) const SPECS: &[Spec] = &[Spec::new("HGETEX", hgetex), Spec::new("HSETEX", hsetex)];

/// What a command does with the expiry of its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ExpiryChange {
    Keep,
    Remove,
    /// Sets it, in milliseconds since the Unix epoch. A time that has passed removes the field.
    Set(u64),
}

/// Takes the time of EX, PX, EXAT or PXAT behind its keyword, if one of them is next.
fn take_time(call: &Call<'_>, options: &mut Options<'_>) -> Result<Option<ExpiryChange>, CommandError> {
    for (keyword, format) in TimeFormat::OPTIONS {
        if options.keyword(keyword) {
            return resolve(format, call, options.integer()?).map(|at| Some(ExpiryChange::Set(at)));
        }
    }
    Ok(None)
}

/// `HGETEX key [EX seconds | PX milliseconds | EXAT seconds | PXAT milliseconds | PERSIST] FIELDS numfields field [field …]`: the values
/// of fields, whose expiry is set or removed.
fn hgetex(call: &mut Call<'_>) -> Answer {
    let (args, protocol) = (call.args(), call.session().protocol());
    let option = hgetex_option(call, &args);
    if let Ok((_, index)) = option
        && let Ok(fields) = fields(&args, index)
    {
        afford_values(call, fields)?;
    }
    let mut values = call.bounded(Packed::array());
    // A wrong type is told first.
    let found = call.get::<Hash>(0)?;
    let (change, index) = option?;
    let fields = fields(&args, index)?;
    let mut push = |hash: Option<HashRef<'_>>, field: &[u8]| {
        let value = hash.and_then(|hash| hash.get(field, |value| values.push(value)));
        if value.is_none() {
            values.push_null_in(protocol);
        }
        value.is_some()
    };
    if change == ExpiryChange::Keep || found.is_none() {
        fields.for_each(|field| _ = push(found, field));
        return Ok(values.into());
    }
    let now = call.now();
    if let Some(mut hash) = call.edit::<Hash>(0, Event::HEXPIRE)? {
        for field in fields {
            if push(Some(hash.as_ref()), field) {
                hash.update(|hash| change.apply(hash, field, now));
            }
        }
        hash.set_event(match change {
            ExpiryChange::Set(at) if at <= now => Event::HDEL,
            ExpiryChange::Set(_) => Event::HEXPIRE,
            ExpiryChange::Remove | ExpiryChange::Keep => Event::HPERSIST,
        });
    }
    Ok(values.into())
}

/// What HGETEX does with the expiry, and the index behind the option.
fn hgetex_option(call: &Call<'_>, args: &Args<'_>) -> Result<(ExpiryChange, usize), CommandError> {
    let mut options = args.options(1);
    let change = match take_time(call, &mut options)? {
        Some(change) => change,
        None if options.keyword("PERSIST") => ExpiryChange::Remove,
        None => ExpiryChange::Keep,
    };
    // `FIELDS` and a number.
    if options.len() < 2 {
        return Err(CommandError::wrong_arity(call.name()));
    }
    Ok((change, args.len() - options.len()))
}

impl ExpiryChange {
    /// Changes the expiry of a field that is there. Returns whether anything changed.
    fn apply(self, hash: &mut Hash, field: &[u8], now: u64) -> bool {
        match self {
            Self::Keep => false,
            Self::Remove => {
                let expires = hash.as_ref().expiry_of(field).flatten().is_some();
                if expires {
                    hash.set_expiry(field, None);
                }
                expires
            }
            Self::Set(at) if at <= now => hash.remove(field),
            Self::Set(at) => {
                hash.set_expiry(field, Some(at));
                true
            }
        }
    }
}

/// `HSETEX key [NX | XX] [FNX | FXX] [EX seconds | PX milliseconds | EXAT seconds | PXAT milliseconds | KEEPTTL] FIELDS numfields field
/// value [field value …]`: sets fields and their expiry, if the key is missing, or if it is there, and if none of them is there, or if all
/// are. Answers whether it was done. NX and XX are Valkey's.
fn hsetex(call: &mut Call<'_>) -> Answer {
    let (args, limit) = (call.args(), call.thresholds().hash());
    let HsetexOptions { key, condition, change, first } = HsetexOptions::parse(call, &args)?;
    let change = change.unwrap_or(ExpiryChange::Remove);
    let now = if let ExpiryChange::Set(_) = change { call.now() } else { 0 };
    let mut hash = call.edit_or_create::<Hash>(0, Event::HSET)?;
    let fields = || (first..args.len()).step_by(2).map(|index| (args.bytes(index), args.bytes(index + 1)));
    if key.is_some_and(|is_there| is_there == (hash.as_ref().len() == 0)) {
        return Ok(false.into());
    }
    if !condition.is_none_or(|condition| condition.is_met(hash.as_ref(), fields().map(|(field, _)| field))) {
        return Ok(false.into());
    }
    hash.update(|hash| {
        for (field, value) in fields() {
            match change {
                ExpiryChange::Keep => _ = hash.set_value(field, value, limit),
                ExpiryChange::Set(at) if at > now => {
                    hash.set_value(field, value, limit);
                    hash.set_expiry(field, Some(at));
                }
                ExpiryChange::Remove | ExpiryChange::Set(_) => _ = hash.set(field, value, limit),
            }
        }
    });
    drop(hash);
    match change {
        ExpiryChange::Set(at) if at > now => call.tell(0, Event::HEXPIRE),
        // Redis tells of both, also for fields that were missing.
        ExpiryChange::Set(_) => {
            if let Some(mut hash) = call.edit::<Hash>(0, Event::HDEL)? {
                hash.update(|hash| fields().filter(|(field, _)| hash.remove(field)).count());
            }
        }
        ExpiryChange::Keep | ExpiryChange::Remove => {}
    }
    Ok(true.into())
}

/// Which of the fields must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    /// None of them.
    Fnx,
    /// All of them.
    Fxx,
}

impl Condition {
    fn is_met<'a>(self, hash: HashRef<'_>, mut fields: impl Iterator<Item = &'a [u8]>) -> bool {
        fields.all(|field| hash.contains(field) == (self == Self::Fxx))
    }
}

/// The arguments of HSETEX behind the key.
#[derive(Debug)]
struct HsetexOptions {
    /// Whether the key must be there.
    key: Option<bool>,
    condition: Option<Condition>,
    change: Option<ExpiryChange>,
    /// The index of the first field.
    first: usize,
}

impl HsetexOptions {
    fn parse(call: &Call<'_>, args: &Args<'_>) -> Result<Self, CommandError> {
        let (mut parsed, mut options) = (Self { key: None, condition: None, change: None, first: 0 }, args.options(1));
        while !options.keyword("FIELDS") {
            parsed.take_option(call, &mut options)?;
        }
        let count = options.next();
        if options.len() < 2 {
            return Err(CommandError::wrong_arity(call.name()));
        }
        let count = count.and_then(kvstore_protocol::parse_integer).filter(|count| (1..=MOST_FIELDS).contains(count));
        let count = count.ok_or(CommandError::new("ERR", "invalid number of fields"))?;
        if options.len() as i64 != count * 2 {
            return Err(CommandError::wrong_arity(call.name()));
        }
        parsed.first = args.len() - options.len();
        Ok(parsed)
    }

    fn take_option(&mut self, call: &Call<'_>, options: &mut Options<'_>) -> Result<(), CommandError> {
        const ONE_CONDITION: CommandError =
            CommandError::new("ERR", "Only one of FXX or FNX arguments can be specified");
        const ONE_EXPIRY: CommandError =
            CommandError::new("ERR", "Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");
        const ONE_KEY: CommandError = CommandError::new("ERR", "Only one of NX or XX arguments can be specified");
        for (keyword, is_there) in [("NX", false), ("XX", true)] {
            if options.keyword(keyword) {
                return if self.key.replace(is_there).is_none() { Ok(()) } else { Err(ONE_KEY) };
            }
        }
        for (keyword, condition) in [("FNX", Condition::Fnx), ("FXX", Condition::Fxx)] {
            if options.keyword(keyword) {
                return if self.condition.replace(condition).is_none() { Ok(()) } else { Err(ONE_CONDITION) };
            }
        }
        let word = options.peek().unwrap_or_default();
        let is_expiry = |keyword: &str| word.eq_ignore_ascii_case(keyword.as_bytes());
        if !TimeFormat::OPTIONS.iter().any(|(keyword, _)| is_expiry(keyword)) && !is_expiry("KEEPTTL") {
            return Err(CommandError::err(format!("unknown argument: {}", String::from_utf8_lossy(word))));
        }
        if self.change.is_some() {
            return Err(ONE_EXPIRY);
        }
        self.change = match take_time(call, options)? {
            None if options.keyword("KEEPTTL") => Some(ExpiryChange::Keep),
            change => change,
        };
        Ok(())
    }
}

/// The most fields of one HSETEX, as in Redis.
const MOST_FIELDS: i64 = i32::MAX as i64;

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

    #[test]
    fn hgetex_answers_values_and_changes_their_expiry() {
        TestStore::new().check([
            ("HGETEX h EX 10 FIELDS 2 a b", "[(nil), (nil)]"),
            ("HSET h a 1 b 2 c 3", ":3"),
            ("HGETEX h FIELDS 2 a missing", r#"["1", (nil)]"#),
            ("OBJECT ENCODING h", r#""listpack""#),
            ("HGETEX h EX 10 FIELDS 2 a missing", r#"["1", (nil)]"#),
            ("HGETEX h PXAT 1700000005000 fields 1 b", r#"["2"]"#),
            ("HGETEX h FIELDS 1 a", r#"["1"]"#),
            ("HTTL h FIELDS 4 a b c missing", "[:10, :5, :-1, :-2]"),
            ("HGETEX h PERSIST FIELDS 2 a c", r#"["1", "3"]"#),
            ("HTTL h FIELDS 3 a b c", "[:-1, :5, :-1]"),
            ("HGETEX h EXAT 1 FIELDS 3 a a b", r#"["1", (nil), "2"]"#),
            ("HGETALL h", r#"{"c": "3"}"#),
            ("HGETEX h EX 0 FIELDS 1 c", r#"["3"]"#),
            ("EXISTS h", ":0"),
        ]);
    }

    #[test]
    fn hsetex_sets_fields_and_their_expiry() {
        for entries in [512, 1] {
            TestStore::new().check([
                (&*format!("CONFIG SET hash-max-listpack-entries {entries}"), "+OK"),
                ("HSETEX h EX 10 FIELDS 2 a 1 b 2", ":1"),
                ("HTTL h FIELDS 2 a b", "[:10, :10]"),
                ("HSETEX h KEEPTTL FIELDS 2 a 3 c 4", ":1"),
                ("HSETEX h FIELDS 1 b 5", ":1"),
                ("HTTL h FIELDS 3 a b c", "[:10, :-1, :-1]"),
                ("HMGET h a b c", r#"["3", "5", "4"]"#),
                ("HSETEX h PX 5 FIELDS 2 d 1 d 2", ":1"),
                ("HPTTL h FIELDS 1 d", "[:5]"),
                ("HGET h d", r#""2""#),
                ("HSETEX h PXAT 1 FIELDS 3 a 1 b 2 new 3", ":1"),
                ("HLEN h", ":2"),
                ("HSETEX missing EXAT 1 FIELDS 1 a 1", ":1"),
                ("EXISTS missing", ":0"),
                ("HSETEX h EX 0 FIELDS 2 c 1 d 2", ":1"),
                ("EXISTS h", ":0"),
            ]);
        }
    }

    #[test]
    fn hsetex_asks_whether_fields_are_there() {
        let store = TestStore::new();
        store.check([
            ("HSETEX h FXX FIELDS 1 a 1", ":0"),
            ("EXISTS h", ":0"),
            ("HSETEX h FNX PX 100 FIELDS 2 a 1 b 2", ":1"),
            ("HSETEX h FNX FIELDS 2 b 5 c 5", ":0"),
            ("HSETEX h FXX FIELDS 2 b 5 c 5", ":0"),
            ("HSETEX h PX 50 FXX FIELDS 1 b 5", ":1"),
            ("HGETALL h", r#"{"b": "5", "a": "1"}"#),
        ]);
        store.pass(51);
        store.check([("HSETEX h FXX FIELDS 2 a 5 b 5", ":0"), ("HSETEX h FNX FIELDS 1 b 6", ":1")]);
    }

    #[test]
    fn arguments_are_checked_in_the_order_of_redis() {
        const POSITION: &str = "-ERR Mandatory argument FIELDS is missing or not at the right position";
        const COUNT: &str = "-ERR The `numfields` parameter must match the number of arguments";
        const NOT_AN_INTEGER: &str = "-ERR value is not an integer or out of range";
        const HGETEX_ARITY: &str = "-ERR wrong number of arguments for 'hgetex' command";
        const HSETEX_ARITY: &str = "-ERR wrong number of arguments for 'hsetex' command";
        const ONE_EXPIRY: &str = "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";
        const ONE_CONDITION: &str = "-ERR Only one of FXX or FNX arguments can be specified";
        TestStore::new().check([
            ("SET s v", "+OK"),
            ("HSET h b 1", ":1"),
            ("HGETEX s EX 0 FOO 3 a", WRONG_TYPE),
            ("HGETEX h EX x FOO 1 b", NOT_AN_INTEGER),
            ("HGETEX h EX -1 FOO 1 b", "-ERR invalid expire time, must be >= 0"),
            ("HGETEX h EX 9223372036854775807 FIELDS 1 b", "-ERR invalid expire time in 'hgetex' command"),
            ("HGETEX h EX 10 PX 10 FIELDS 1 b", POSITION),
            ("HGETEX h EX 10 PERSIST FIELDS 1 b", POSITION),
            ("HGETEX h KEEPTTL FIELDS 1 b", POSITION),
            ("HGETEX h FIELDS x b", "-ERR Number of fields must be a positive integer"),
            ("HGETEX h FIELDS 0 b", "-ERR Number of fields must be a positive integer"),
            ("HGETEX h FIELDS 1 b EX 10", COUNT),
            ("HGETEX h EX 10 FIELDS 1", COUNT),
            ("HGETEX h EX 10 FIELDS", HGETEX_ARITY),
            ("HGETEX h FIELDS 1", HGETEX_ARITY),
            ("HSETEX s EX x FIELDS 1 a b", NOT_AN_INTEGER),
            ("HSETEX s EX 1 FIELDS 1 a b", WRONG_TYPE),
            ("HSETEX h NX XX FIELDS 1 a b", "-ERR Only one of NX or XX arguments can be specified"),
            ("HSETEX h NX FIELDS 1 a b", ":0"),
            ("HSETEX missing XX FIELDS 1 a b", ":0"),
            ("EXISTS missing", ":0"),
            ("HSETEX new NX FNX EX 10 FIELDS 1 a b", ":1"),
            ("HSETEX new XX KEEPTTL FIELDS 1 a c", ":1"),
            ("HTTL new FIELDS 1 a", "[:10]"),
            ("HSETEX h FNX FXX a b", ONE_CONDITION),
            ("HSETEX h FNX FNX a b", ONE_CONDITION),
            ("HSETEX h FNX PX 10 EX", ONE_EXPIRY),
            ("HSETEX h EX 10 FNX KEEPTTL", ONE_EXPIRY),
            ("HSETEX h EX x FNX FNX", NOT_AN_INTEGER),
            ("HSETEX h EX -1 FIELDS 0 a b", "-ERR invalid expire time, must be >= 0"),
            ("HSETEX h PX 9223372036854775807 FIELDS 0 a b", "-ERR invalid expire time in 'hsetex' command"),
            ("HSETEX h PERSIST FIELDS 1 a 3", "-ERR unknown argument: PERSIST"),
            ("HSETEX h FNX EX 10 FIELDS x", HSETEX_ARITY),
            ("HSETEX h FIELDS x a b", "-ERR invalid number of fields"),
            ("HSETEX h FIELDS 0 a b", "-ERR invalid number of fields"),
            ("HSETEX h FIELDS 9223372036854775807 a b", "-ERR invalid number of fields"),
            ("HSETEX h FIELDS 2 a b", HSETEX_ARITY),
            ("HSETEX h FIELDS 1 a b c", HSETEX_ARITY),
            ("HSETEX h FIELDS 1 a 1 EX 10", HSETEX_ARITY),
            ("HGETALL h", r#"{"b": "1"}"#),
        ]);
    }
}
