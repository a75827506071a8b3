//! Replies: what was encoded comes back, written down as the protocol version demands, in any pieces.

use bytes::BytesMut;
use kvstore_protocol::{
    Limits, Protocol, ProtocolError, Response, native,
    resp::{ReplyDecoder, encode_response},
};
use proptest::{collection::vec, prelude::*};

use crate::arbitrary::{WHOLE, cuts, decode_in_pieces, encoded, noise, response, unruly_response};

fn reply(response: &Response, protocol: Protocol) -> Vec<u8> {
    encoded(|output| encode_response(response, protocol, output))
}

fn decode(bytes: &[u8], cuts: &[usize], limits: Limits) -> (Vec<String>, Option<String>) {
    let mut decoder = ReplyDecoder::default();
    decoder.set_limits(limits);
    decoder.set_max_depth(4);
    let (decoded, error) = decode_in_pieces(bytes, cuts, |input| decoder.decode(input));
    // As text: a double that is not a number is not equal to itself.
    (decoded.iter().map(|item| format!("{item:?}")).collect(), error.map(|error| error.to_string()))
}

/// Whether there is no message at all.
fn is_silent(response: &Response) -> bool {
    match response {
        Response::Close(last) => is_silent(last),
        response => *response == Response::Silent,
    }
}

/// What a peer of `protocol` reads where `response` stands inside of another.
fn as_read(response: &Response, protocol: Protocol) -> Response {
    let is_resp3 = protocol == Protocol::Resp3;
    let all = |items: &[Response]| items.iter().map(|item| as_read(item, protocol)).collect::<Vec<_>>();
    let one_line = |text: &[u8]| {
        text.iter().map(|byte| if b"\r\n".contains(byte) { b' ' } else { *byte }).collect::<Vec<_>>().into()
    };
    match response {
        Response::Simple(text) => Response::Simple(one_line(text)),
        Response::Error(text) => Response::Error(one_line(text)),
        Response::Array(items) | Response::Push(items) => Response::Array(all(items)),
        Response::PackedPush(_) => as_read(&response.clone().unpacked(), protocol),
        Response::Silent | Response::Messages(_) | Response::Close(_) => Response::Null,
        Response::NullArray if is_resp3 => Response::Null,
        Response::Set(items) if is_resp3 => Response::Set(all(items)),
        Response::Set(items) => Response::Array(all(items)),
        Response::Map(pairs) => {
            let mut pairs = pairs.iter().map(|(key, value)| (as_read(key, protocol), as_read(value, protocol)));
            match is_resp3 {
                true => Response::Map(pairs.collect()),
                false => Response::Array(pairs.by_ref().flat_map(|(key, value)| [key, value]).collect()),
            }
        }
        Response::Double(number) if !is_resp3 => Response::bulk(Response::Double(*number).to_string()),
        Response::Boolean(flag) if !is_resp3 => Response::Integer((*flag).into()),
        Response::BigNumber(text) | Response::Verbatim(_, text) if !is_resp3 => Response::Bulk(text.clone()),
        other => other.clone(),
    }
}

/// Decodes as a transport that takes the bytes of long bulks off itself.
fn by_heads(over: usize) -> impl FnMut(&mut BytesMut) -> Result<Option<Response>, ProtocolError> {
    let (mut decoder, mut begun) = (ReplyDecoder::default(), None::<(usize, BytesMut)>);
    move |input| {
        if begun.is_none() {
            begun = decoder.decode_head(input, over).map(|length| (length as usize, BytesMut::new()));
        }
        let Some((length, taken)) = &mut begun else { return decoder.decode(input) };
        taken.unsplit(input.split_to(input.len().min(*length - taken.len())));
        if taken.len() < *length {
            return Ok(None);
        }
        Ok(begun.take().map(|(_, taken)| Response::bulk(taken.freeze())))
    }
}

proptest! {
    #[test]
    fn resp3_brings_every_response_back(responses in vec(response(), 0..5), cuts in cuts()) {
        let bytes: Vec<u8> = responses.iter().flat_map(|response| reply(response, Protocol::Resp3)).collect();
        let mut decoder = ReplyDecoder::default();
        prop_assert_eq!(decode_in_pieces(&bytes, &cuts, |input| decoder.decode(input)), (responses, None));
        prop_assert!(decoder.is_idle());
    }

    #[test]
    fn a_response_is_one_reply_whatever_is_nested_in_it(response in unruly_response(), cuts in cuts()) {
        for protocol in [Protocol::Resp2, Protocol::Resp3] {
            let mut decoder = ReplyDecoder::default();
            let decoded = decode_in_pieces(&reply(&response, protocol), &cuts, |input| decoder.decode(input));
            prop_assert_eq!(decoded, (vec![as_read(&response, protocol)], None));
        }
    }

    #[test]
    fn resp2_brings_back_what_the_response_is_written_down_to(response in response(), cuts in cuts()) {
        let mut decoder = ReplyDecoder::default();
        let decoded = decode_in_pieces(&reply(&response, Protocol::Resp2), &cuts, |input| decoder.decode(input));
        prop_assert_eq!(decoded, (vec![as_read(&response, Protocol::Resp2)], None));
    }

    #[test]
    fn noise_cut_anywhere_has_the_same_results(bytes in noise(), cuts in cuts()) {
        for limits in [Limits::default(), Limits::default().max_args(3).max_bulk(5).max_request(20)] {
            prop_assert_eq!(decode(&bytes, &cuts, limits), decode(&bytes, WHOLE, limits));
        }
        let mut decoder = native::ReplyDecoder::default();
        let mut whole = native::ReplyDecoder::default();
        prop_assert_eq!(
            decode_in_pieces(&bytes, &cuts, |input| decoder.decode(input)),
            decode_in_pieces(&bytes, WHOLE, |input| whole.decode(input))
        );
    }

    #[test]
    fn bulks_taken_by_their_heads_are_the_same_however_they_are_cut(
        responses in vec(response(), 0..5),
        noise in noise(),
        over in 0_usize..20,
        cuts in cuts(),
    ) {
        let replies = responses.iter().flat_map(|response| reply(response, Protocol::Resp3));
        let bytes: Vec<u8> = replies.chain(noise).collect();
        let mut decoder = ReplyDecoder::default();
        let (whole, error) = decode_in_pieces(&bytes, WHOLE, |input| decoder.decode(input));
        let (taken, error_of_taken) = decode_in_pieces(&bytes, &cuts, by_heads(over));
        // As text: a double that is not a number is not equal to itself.
        let [whole, taken] = [whole, taken].map(|items| items.iter().map(|item| format!("{item:?}")).collect::<Vec<_>>());
        prop_assert!(taken.starts_with(&whole));
        // A text is taken before it is known whether its end follows.
        prop_assert!(taken.len() <= whole.len() + 1);
        // One byte is enough to know that it does not.
        let knows_more = error.is_none() && error_of_taken == Some(ProtocolError::InvalidReply("expected CRLF"));
        prop_assert!(error_of_taken == error || knows_more, "{error_of_taken:?} {error:?}");
    }

    #[test]
    fn a_native_response_is_one_reply_whatever_it_is(response in unruly_response(), cuts in cuts()) {
        let Response::Array(items) = response else { unreachable!("it is an array") };
        for response in items.iter().filter(|item| !is_silent(item)) {
            let bytes = encoded(|output| native::encode_response(response, &native::Tag::Get, output));
            let mut decoder = native::ReplyDecoder::default();
            let (decoded, error) = decode_in_pieces(&bytes, &cuts, |input| decoder.decode(input));
            prop_assert_eq!((decoded.len(), error), (1, None));
        }
    }
}
