//! Reading strings: GET, GETDEL, GETEX, MGET, STRLEN.

use kvstore_protocol::{CommandError, Response};

use super::expiry_option::{ExpiryOption, expiry};
use crate::store::{
    args::Args,
    context::Context,
    slots::Slots,
    spec::{Answer, Arity, FAST, Keys, READ, Spec, WRITE},
    value::StringRef,
};

pub(in super::super) const SPECS: &[Spec] = &[GET, GETDEL, GETEX, MGET, STRLEN];

/// `GET key`: the string; nil if the key is missing.
const GET: Spec = Spec::new("GET", Arity::exactly(2), Keys::FIRST, READ.and(FAST), get)
    .about("Returns the string of a key.", "1.0.0");

fn get(_: &Context<'_>, _: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    Ok(StringRef::answer(slots.first().string()?))
}

/// `GETDEL key`: the string; the key is removed.
const GETDEL: Spec = Spec::new("GETDEL", Arity::exactly(2), Keys::FIRST, WRITE.and(FAST), getdel)
    .about("Returns the string of a key and deletes the key.", "6.2.0");

fn getdel(_: &Context<'_>, _: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    let mut slot = slots.first();
    let before = StringRef::answer(slot.string()?);
    slot.remove();
    Ok(before)
}

/// `GETEX key [EX seconds | PX milliseconds | EXAT seconds | PXAT milliseconds | PERSIST]`: the string; the expiry is set
/// or removed.
const GETEX: Spec = Spec::new("GETEX", Arity::at_least(2), Keys::FIRST, WRITE.and(FAST), getex)
    .about("Returns the string of a key after setting or removing its expiry.", "6.2.0");

fn getex(context: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    let option = getex_option(args)?;
    let mut slot = slots.first();
    let Some(found) = slot.string()?.map(|string| StringRef::answer(Some(string))) else { return Ok(Response::Null) };
    // The time is parsed after the key is found: Redis answers nil for a missing key, even if the time is invalid.
    let expiry = expiry(option, context, "getex")?;
    if option.is_some() {
        slot.expire_at(expiry);
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
const MGET: Spec = Spec::new("MGET", Arity::at_least(2), Keys::ALL, READ.and(FAST), mget)
    .about("Returns the strings of several keys.", "1.0.0");

fn mget(_: &Context<'_>, _: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    let indices = 0..slots.len();
    Ok(Response::array(indices.map(|index| StringRef::answer(slots.at(index).string().ok().flatten()))))
}

/// `STRLEN key`: the length of the string in bytes; 0 if the key is missing.
const STRLEN: Spec = Spec::new("STRLEN", Arity::exactly(2), Keys::FIRST, READ.and(FAST), strlen)
    .about("Returns the length of the string of a key.", "2.2.0");

fn strlen(_: &Context<'_>, _: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    let length = slots.first().string()?.map_or(0, |string| string.len());
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
