//! Requests: any cut decodes the same, and what was encoded comes back.

use std::{collections::VecDeque, sync::Arc};

use kvstore_protocol::{Codec, Command, Limits, ProtocolError, RequestBatch, ServerCodec, native, resp};
use proptest::{collection::vec, prelude::*};

use crate::arbitrary::{WHOLE, command, cuts, decode_in_pieces, encoded, noise, word};

/// A request on the wire and the command that it is, if it is one.
fn resp_request() -> impl Strategy<Value = (Vec<u8>, Option<Command>)> {
    prop_oneof![
        6 => command().prop_map(|command| {
            (encoded(|output| resp::encode_command(&command, output)), Some(command))
        }),
        2 => inline_command(),
        1 => prop::sample::select(vec!["\r\n", "\n", "*0\r\n", "*-9223372036854775808\r\n", "  \r\n", " \n"])
            .prop_map(|nothing| (nothing.into(), None)),
    ]
}

/// Words of what can be typed and of high bytes, on a line that ends with LF or CR LF.
fn inline_command() -> impl Strategy<Value = (Vec<u8>, Option<Command>)> {
    let word = vec(prop::sample::select(&b"abcXYZ019\x80\xc3\xff"[..]), 1..9);
    let end = prop::sample::select(vec![&b" \r\n"[..], b"\n", b"\r\r\n"]);
    (vec(word, 1..6), end).prop_map(|(words, end)| {
        ([b" ", &words.join(&b"  "[..])[..], end].concat(), Some(Command::new(&words[0]).with_args(&words[1..])))
    })
}

fn native_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        ".{0,90}".prop_map(|key| Command::new("GET").arg(key)),
        (".{0,9}", ".{0,90}").prop_map(|(key, value)| Command::new("SET").arg(key).arg(value)),
        ".{0,9}".prop_map(|key| Command::new("GETDEL").arg(key)),
        ".{1,9}".prop_map(|text| Command::new("PING").arg(text)),
        Just(Command::new("PING")),
    ]
}

fn decode(bytes: &[u8], cuts: &[usize], limits: Limits) -> (Vec<String>, Option<String>) {
    let mut codec = ServerCodec::new(limits);
    let (decoded, error) = decode_in_pieces(bytes, cuts, |input| codec.decode(input));
    (decoded.iter().map(|item| format!("{item:?}")).collect(), error.map(|error| error.to_string()))
}

/// Decodes as a transport does: as many commands at once as there are, and what is left by itself.
fn decode_in_runs(bytes: &[u8], cuts: &[usize], limits: Limits) -> (Vec<Command>, Option<String>) {
    let (mut codec, mut run, mut waiting) = (ServerCodec::new(limits), RequestBatch::default(), VecDeque::new());
    let (commands, error) = decode_in_pieces(bytes, cuts, |input| {
        if waiting.is_empty() {
            run.clear();
            codec.decode_batch(input, &mut run, |name, _, _| name != b"GET");
            let frame = input.split_to(run.bytes()).freeze();
            waiting.extend(run.drain(frame, Arc::default(), 1));
        }
        match waiting.pop_front() {
            Some(command) => Ok(Some(command)),
            None => codec.decode(input).map(|decoded| decoded.map(|(command, _)| command)),
        }
    });
    (commands, error.map(|error| error.to_string()))
}

/// Decodes commands whose last words go past the decoder when they are long and not there, and puts them together again.
fn decode_past(bytes: &[u8], cuts: &[usize], over: usize) -> (Vec<Command>, Option<String>) {
    let mut decoder = resp::RequestDecoder::default();
    let mut open: Option<(Command, usize, Vec<u8>)> = None;
    let (commands, error) = decode_in_pieces(bytes, cuts, |input| {
        let Some((command, left, mut word)) = open.take() else {
            let decoded = decoder.decode(input)?;
            if decoded.is_none()
                && let Some((command, length)) = decoder.decode_head(input, &|_| Some(over))
            {
                open = Some((command, length as usize, Vec::new()));
            }
            return Ok::<_, ProtocolError>(decoded);
        };
        let come = left.min(input.len());
        word.extend_from_slice(&input.split_to(come));
        if come == left {
            return Ok(Some(command.arg(word)));
        }
        open = Some((command, left - come, word));
        Ok(None)
    });
    (commands, error.map(|error| error.to_string()))
}

proptest! {
    #[test]
    fn long_words_that_go_past_are_the_same_words(requests in vec(resp_request(), 0..8), cuts in cuts(), over in 0..50_usize) {
        let (bytes, commands): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
        let decoded = decode_past(&bytes.concat(), &cuts, over);
        prop_assert_eq!(decoded, (commands.into_iter().flatten().collect(), None));
    }

    #[test]
    fn commands_decoded_together_are_those_decoded_one_by_one(
        requests in vec(resp_request(), 0..8), noise in noise(), cuts in cuts(), most in 1..40_usize,
    ) {
        let (mut bytes, _): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
        bytes.push(noise);
        let bytes = bytes.concat();
        for limits in [Limits::default(), Limits::default().max_bulk(most), Limits::default().max_request(2 * most)] {
            let mut codec = ServerCodec::new(limits);
            let (single, error) = decode_in_pieces(&bytes, WHOLE, |input| codec.decode(input));
            let single = single.into_iter().map(|(command, _)| command).collect();
            prop_assert_eq!(decode_in_runs(&bytes, &cuts, limits), (single, error.map(|error| error.to_string())));
        }
    }

    #[test]
    fn noise_means_the_same_when_words_go_past(bytes in noise(), cuts in cuts()) {
        let mut decoder = resp::RequestDecoder::default();
        let (whole, error) = decode_in_pieces(&bytes, WHOLE, |input| decoder.decode(input));
        let (past, past_error) = decode_past(&bytes, &cuts, 0);
        prop_assert_eq!(past_error, error.map(|error| error.to_string()));
        // The last one may have come, and its end not or wrong.
        prop_assert_eq!(&past[..whole.len()], &whole[..]);
        prop_assert!(past.len() <= whole.len() + 1);
    }

    #[test]
    fn a_pipeline_cut_anywhere_is_the_same_pipeline(requests in vec(resp_request(), 0..8), cuts in cuts()) {
        let (bytes, commands): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
        let mut decoder = resp::RequestDecoder::default();
        let decoded = decode_in_pieces(&bytes.concat(), &cuts, |input| decoder.decode(input));
        prop_assert_eq!(decoded, (commands.into_iter().flatten().collect(), None));
    }

    #[test]
    fn a_native_pipeline_cut_anywhere_is_the_same_pipeline(commands in vec(native_command(), 0..8), cuts in cuts()) {
        let (mut bytes, mut tagged) = (Vec::new(), Vec::new());
        for command in commands {
            let tag = |output: &mut _| native::encode_command(&command, output).expect("a native command");
            bytes.extend(encoded(|output| drop(tag(output))));
            let tag = tag(&mut Default::default());
            tagged.push((command, tag));
        }
        let mut decoder = native::RequestDecoder::default();
        prop_assert_eq!(decode_in_pieces(&bytes, &cuts, |input| decoder.decode(input)), (tagged, None));
    }

    #[test]
    fn noise_cut_anywhere_has_the_same_results(bytes in noise(), cuts in cuts()) {
        for limits in [Limits::default(), Limits::default().max_args(2).max_bulk(3).max_inline(6).max_request(20)] {
            prop_assert_eq!(decode(&bytes, &cuts, limits), decode(&bytes, WHOLE, limits));
        }
    }

    #[test]
    fn a_command_survives_the_wire_whatever_it_is_made_of(words in vec(word(), 1..5), outside in word()) {
        let line = format!("\"{}\" x\r\n", outside.escape_ascii());
        let inline = resp::RequestDecoder::default().decode(&mut line.as_bytes().into());
        let inline = inline.expect("well formed").expect("whole");
        for command in [Command::new(&words[0]).with_args(&words[1..]), inline.with_args(&words)] {
            let bytes = encoded(|output| resp::encode_command(&command, output));
            let mut decoder = resp::RequestDecoder::default();
            prop_assert_eq!(decode_in_pieces(&bytes, WHOLE, |input| decoder.decode(input)), (vec![command], None));
        }
    }
}
