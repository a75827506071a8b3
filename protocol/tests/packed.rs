//! A packed collection is sent as the one that is not packed, in both versions of RESP.

use kvstore_protocol::{
    Packed, Protocol, Response,
    native::{self, Tag},
    resp::encode_response,
};
use proptest::{collection::vec, prelude::*};

use crate::arbitrary::{encoded, response};

fn pack(mut packed: Packed, items: &[Response]) -> Response {
    for item in items {
        match item {
            Response::Bulk(bytes) => packed.push(bytes),
            Response::Integer(integer) => packed.push_integer(*integer),
            Response::Double(double) => packed.push_double(*double),
            Response::Null => packed.push_null(),
            item => packed.push_response(item),
        }
    }
    packed.into()
}

fn sent(response: &Response, protocol: Protocol) -> Vec<u8> {
    encoded(|output| encode_response(response, protocol, output))
}

proptest! {
    #[test]
    fn it_is_sent_as_the_collection_that_is_not_packed(items in vec(response(), 0..20)) {
        let pairs = || items.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
        let even = &items[..items.len() / 2 * 2];
        let pair = |(key, value)| Response::Array(vec![key, value]);
        for (packed, plain) in [
            (pack(Packed::array(), &items), Response::Array(items.clone())),
            (pack(Packed::set(), &items), Response::Set(items.clone())),
            (pack(Packed::map(), even), Response::Map(pairs().collect())),
            (pack(Packed::pairs(), even), Response::Array(pairs().map(pair).collect())),
        ] {
            prop_assert_eq!(&packed, &plain);
            prop_assert_eq!(packed.to_string(), plain.to_string());
            prop_assert_eq!(sent(&packed, Protocol::Resp3), sent(&plain, Protocol::Resp3));
            let native = |response| encoded(|output| native::encode_response(response, &Tag::Get, output));
            prop_assert_eq!(native(&packed), native(&plain));
            // Inside of another, and packed once more.
            let outer = Response::Array(vec![plain.clone()]);
            prop_assert_eq!(sent(&Response::Array(vec![packed.clone()]), Protocol::Resp3), sent(&outer, Protocol::Resp3));
            prop_assert_eq!(pack(Packed::array(), &[packed]), outer);
        }
        for (kind, items) in [(Packed::array(), &items[..]), (Packed::set(), &items), (Packed::map(), even), (Packed::pairs(), even)] {
            let (packed, flat) = (pack(kind, items), Response::Array(items.to_vec()));
            prop_assert_eq!(sent(&packed, Protocol::Resp2), sent(&flat, Protocol::Resp2));
            let [packed, flat] = [packed, flat].map(|response| Response::Array(vec![response]));
            prop_assert_eq!(sent(&packed, Protocol::Resp2), sent(&flat, Protocol::Resp2));
        }
    }
}
