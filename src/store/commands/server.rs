//! TIME.

use kvstore_protocol::{ByteString, Response};

use crate::store::{
    call::Call,
    spec::{Answer, Spec},
};

pub(super) const SPECS: &[Spec] = &[TIME];

/// `TIME`: the seconds since the Unix epoch, and the microseconds of the current second.
const TIME: Spec = Spec::new("TIME", time);

fn time(call: &mut Call<'_>) -> Answer {
    let now = call.time();
    let parts = [now.as_secs() as i64, i64::from(now.subsec_micros())];
    Ok(Response::array(parts.map(ByteString::from_integer)))
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn time_is_read_from_the_clock() {
        let store = TestStore::new();
        store.pass(1234);
        store.check([("TIME", "[\"1700000001\", \"234000\"]")]);
    }
}
