//! LZF, the compression of strings in RDB files.
//!
//! ```text
//! 000lllll | bytes         l + 1 bytes as they are
//! lllooooo o               l + 2 bytes from o + 1 bytes before, for l from 1 to 6
//! 111ooooo llllllll o      l + 9 bytes from o + 1 bytes before
//! ```
//!
//! The format leaves open which repetitions are found. Here they are those that Redis finds, so that the bytes are the same.

mod compress;
mod decompress;

pub(super) use compress::Compressor;
pub(super) use decompress::decompress;

/// The most bytes that are stored together as they are.
const MAX_LITERALS: usize = 32;

/// The most bytes of a repetition, and how far back it may be.
const MAX_LENGTH: usize = 264;
const MAX_DISTANCE: usize = 1 << 13;

/// The length from which on a repetition takes three bytes.
const LONG: usize = 9;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compressed(input: &[u8]) -> Option<Vec<u8>> {
        Compressor::default().compress(input)
    }

    #[test]
    fn bytes_are_those_of_redis() {
        // `SET k <text>` and `DUMP k` with Redis 7.0.15.
        for (text, expected) in [
            (vec![b'a'; 21], &b"\x01aa\xE0\x0A\x00"[..]),
            (b"abcabcabcabcabcabcabcabcabc".to_vec(), b"\x03abca\xE0\x0C\x02\x01bc"),
        ] {
            assert_eq!(
                compressed(&text).expect("a shorter text").escape_ascii().to_string(),
                expected.escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn what_does_not_get_shorter_is_not_compressed() {
        let input: Vec<u8> = (0..=255).collect();
        assert_eq!(compressed(&input), None);
        assert_eq!(compressed(b""), None);
        assert_eq!(compressed(b"aaaa"), None);
    }

    #[test]
    fn a_compressor_forgets_what_it_compressed_before() {
        let mut compressor = Compressor::default();
        let (one, other) = ([&[b'x'; 50][..], b"0123456789"].concat(), [&[b'y'; 50][..], b"0123456789"].concat());
        for input in [&one, &other, &one] {
            assert_eq!(compressor.compress(input), compressed(input));
        }
    }

    #[test]
    fn invalid_input_is_refused() {
        for (input, len) in [
            (&b"\x05abc"[..], 6),
            (b"\x00a\x20", 4),
            (b"\x00a\xE0", 4),
            (b"\x00a\xE0\x00", 4),
            (b"\x00a\x20\x01", 4),
            (b"\x20\x00", 3),
            (b"\x00a\x20\x00", 3),
            (b"\x00a\x20\x00", 5),
            (b"\x00a\x20\x00", usize::MAX),
            (b"", usize::MAX),
        ] {
            assert_eq!(decompress(input, len), None, "{}", input.escape_ascii());
        }
        assert_eq!(decompress(b"\x00a\x20\x00", 4), Some(b"aaaa".to_vec()));
        assert_eq!(decompress(b"", 0), Some(vec![]));
    }

    proptest! {
        #[test]
        fn what_was_compressed_is_decompressed(
            parts in prop::collection::vec(("[ab]{1,20}|[a-z]{1,60}", 1..80_usize), 0..30),
        ) {
            let input: Vec<u8> = parts.iter().flat_map(|(part, times)| part.repeat(*times).into_bytes()).collect();
            if let Some(shorter) = compressed(&input) {
                prop_assert!(shorter.len() <= input.len() - 4);
                prop_assert_eq!(decompress(&shorter, input.len()), Some(input));
            }
        }

        #[test]
        fn any_input_is_decompressed_or_refused(input in prop::collection::vec(any::<u8>(), 0..200), len in 0..2000_usize) {
            prop_assert!(decompress(&input, len).is_none_or(|output| output.len() == len));
        }
    }
}
