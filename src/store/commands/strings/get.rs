//! Reading strings: GET, GETDEL, GETEX, MGET, STRLEN.

use kvstore_protocol::{CommandError, Packed, Response};

use super::{
    expiry_option::{ExpiryOption, expiry},
    set::replaced,
};
use crate::store::{
    args::Args,
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::{StringRef, StringValue},
};

pub(in super::super) const SPECS: &[Spec] = &[GET, GETDEL, GETEX, MGET, STRLEN];

/// `GET key`: the string; nil if the key is missing.
const GET: Spec = Spec::new("GET", get);

fn get(call: &mut Call<'_>) -> Answer {
    Ok(StringRef::answer(call.get::<StringValue>(0)?))
}

/// `GETDEL key`: the string; the key is removed.
const GETDEL: Spec = Spec::new("GETDEL", getdel);

fn getdel(call: &mut Call<'_>) -> Answer {
    let before = replaced(call)?;
    call.remove(0, Event::DEL);
    Ok(before)
}

/// `GETEX key [EX seconds | PX milliseconds | EXAT seconds | PXAT milliseconds | PERSIST]`: the string; the expiry is set
/// or removed.
const GETEX: Spec = Spec::new("GETEX", getex);

fn getex(call: &mut Call<'_>) -> Answer {
    let option = getex_option(&call.args())?;
    let Some(string) = call.get::<StringValue>(0)? else { return Ok(Response::Null) };
    let found = StringRef::answer(Some(string));
    // The time is parsed after the key is found: Redis answers nil for a missing key, even if the time is invalid.
    let expiry = expiry(option, call)?;
    if option.is_some() {
        call.expire_at(0, expiry);
    }
    Ok(found)
}

fn getex_option<'a>(args: &Args<'a>) -> Result<Option<ExpiryOption<'a>>, CommandError> {
    let (mut option, mut options) = (None, args.options(1));
    loop {
        if options.keyword("PERSIST") {
            ExpiryOption::Persist.set(&mut option)?;
        } else if let Some(time) = ExpiryOption::take_time(&mut options)? {
            time.set(&mut option)?;
        } else {
            break;
        }
    }
    options.finish()?;
    Ok(option)
}

/// `MGET key [key …]`: the strings; nil for a missing key and for another type.
const MGET: Spec = Spec::new("MGET", mget);

fn mget(call: &mut Call<'_>) -> Answer {
    let (mut values, protocol) = (call.bounded(Packed::array()), call.session().protocol());
    for key in 0..call.keys() {
        match call.get::<StringValue>(key) {
            Ok(Some(StringRef::External(string))) => values.push_shared(string.to_reply().into()),
            Ok(Some(string)) => values.push(&string),
            _ => values.push_null_in(protocol),
        }
    }
    Ok(values.into())
}

/// `STRLEN key`: the length of the string in bytes; 0 if the key is missing.
const STRLEN: Spec = Spec::new("STRLEN", strlen);

fn strlen(call: &mut Call<'_>) -> Answer {
    let length = call.get::<StringValue>(0)?.map_or(0, |string| string.len());
    Ok(length.into())
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn getex_changes_the_expiry_when_asked() {
        TestStore::new().check([
            ("SET k v EX 10", "+OK"),
            ("GETEX k", "\"v\""),
            ("TTL k", ":10"),
            ("GETEX k EX 20", "\"v\""),
            ("TTL k", ":20"),
            ("GETEX k PERSIST", "\"v\""),
            ("TTL k", ":-1"),
            ("GETEX k PXAT 1", "\"v\""),
            ("EXISTS k", ":0"),
        ]);
    }
}
