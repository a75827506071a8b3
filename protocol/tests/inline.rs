//! Inline commands: what is quoted comes back.

use kvstore_protocol::{Command, Limits, resp::RequestDecoder};
use proptest::{collection::vec, prelude::*};

use crate::arbitrary::word;

/// As `redis-cli` quotes: what can be read as it is, the rest escaped.
fn double_quoted(word: &[u8]) -> String {
    let escaped = word.iter().map(|byte| match byte {
        b'"' | b'\\' => format!("\\{}", char::from(*byte)),
        b'\n' => "\\n".into(),
        b'\r' => "\\r".into(),
        b'\t' => "\\t".into(),
        0x07 => "\\a".into(),
        0x08 => "\\b".into(),
        b' '..=b'~' => char::from(*byte).to_string(),
        other => format!("\\x{other:02x}"),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

fn decode(line: &[u8]) -> Command {
    let mut input = [line, b"\r\n"].concat().as_slice().into();
    let mut decoder = RequestDecoder::default();
    decoder.set_limits(Limits::default().max_inline(1024 * 1024));
    decoder.decode(&mut input).expect("well formed").expect("whole")
}

proptest! {
    #[test]
    fn double_quotes_bring_any_bytes_back(words in vec(word(), 1..6)) {
        let line: Vec<String> = words.iter().map(|word| double_quoted(word)).collect();
        prop_assert_eq!(decode(line.join(" ").as_bytes()), Command::new(&words[0]).with_args(&words[1..]));
    }

    #[test]
    fn single_quotes_escape_nothing_but_themselves(text in "[^\\\\\r\n]{0,40}", after in "[ \t\x0b\x0c]{1,3}") {
        let line = format!("ECHO '{}'{after}end", text.replace('\'', "\\'"));
        prop_assert_eq!(decode(line.as_bytes()), Command::new("ECHO").with_args([text.as_str(), "end"]));
    }
}
