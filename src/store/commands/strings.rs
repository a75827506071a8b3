//! Strings: SET, GET and their like.

use kvstore_protocol::Response;

use crate::store::{
    args::Args,
    context::Context,
    engine::Slots,
    spec::{Answer, Arity, FAST, GROWS, Keys, READ, Spec, WRITE},
    value::Value,
};

pub(super) const SPECS: &[Spec] = &[GET, SET, STRLEN];

/// `GET key`: the string; nil when the key is missing.
const GET: Spec = Spec::new("GET", Arity::exactly(2), Keys::FIRST, READ.and(FAST), get);

fn get(_: &Context<'_>, _: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    Ok(slots.first().string()?.cloned().into())
}

/// `SET key value`: stores the string.
const SET: Spec = Spec::new("SET", Arity::at_least(3), Keys::FIRST, WRITE.and(GROWS), set);

fn set(_: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    slots.first().set(Value::String(args.value(1)));
    Ok(Response::ok())
}

/// `STRLEN key`: how many bytes the string holds; 0 when the key is missing.
const STRLEN: Spec = Spec::new("STRLEN", Arity::exactly(2), Keys::FIRST, READ.and(FAST), strlen);

fn strlen(_: &Context<'_>, _: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    let length = slots.first().string()?.map_or(0, |value| value.len());
    Ok(length.into())
}
