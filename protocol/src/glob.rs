//! [`Pattern`]: glob-style patterns as KEYS and PSUBSCRIBE take them.
//!
//! A pattern is split at its stars. The first part must stand at the start of the text and the last at its end. Those
//! between are searched one after the other, each at its first match: a later match would leave less text for the others.

use std::{borrow::Cow, sync::OnceLock};

use memchr::memmem;

/// The longest part that is searched by comparing it at each index, unless it is literal.
const MAX_NAIVE: usize = 64;

/// A glob-style pattern as Redis has them, for keys and channels.
///
/// - `*` matches any bytes, also none; `?` matches one byte
/// - `[abc]` and `[a-z]` match one of these bytes, `[^a]` one other byte
/// - `\` before a byte takes it literally
///
/// Bytes are compared, not characters. Matching never backtracks, so no pattern makes it slow.
///
/// ```
/// use kvstore_protocol::Pattern;
///
/// let pattern = Pattern::new(b"user:[0-9]*");
/// assert!(pattern.matches(b"user:17"));
/// assert!(!pattern.matches(b"user:ada"));
/// ```
///
/// A pattern borrows its bytes, or owns them:
///
/// ```
/// # use kvstore_protocol::Pattern;
/// let pattern: Pattern<'static> = Pattern::new(b"news.*".to_vec());
/// # assert!(pattern.matches(b"news.art"));
/// ```
#[derive(Clone, Debug)]
pub struct Pattern<'a> {
    pattern: Cow<'a, [u8]>,
    /// The length of the shortest text that matches: one byte for each token but the stars.
    min_len: usize,
    /// Parsed for the first text that is long enough: a pattern that is longer than every key costs no memory.
    parts: OnceLock<Vec<Part>>,
}

impl<'a> Pattern<'a> {
    /// A pattern of these bytes. Every pattern is valid: a class that is not closed ends with the pattern.
    pub fn new(pattern: impl Into<Cow<'a, [u8]>>) -> Self {
        let pattern = pattern.into();
        let min_len = tokens(&pattern).filter(|token| !matches!(token, Token::Star)).count();
        Self { pattern, min_len, parts: OnceLock::new() }
    }

    /// Whether the whole of `text` matches.
    ///
    /// For each byte of the text this takes at most 64 steps, or a sixty-fourth of the longest part between two stars if that
    /// is more.
    pub fn matches(&self, text: &[u8]) -> bool {
        if text.len() < self.min_len {
            return false;
        }
        let parts = self.parts.get_or_init(|| parts(&self.pattern));
        let (first, middle, last) = match &parts[..] {
            [] => return text.is_empty(),
            [all] => return text.len() == all.len() && all.is_match(text),
            [first, middle @ .., last] => (first, middle, last),
        };
        let (start, rest) = text.split_at(first.len());
        let (mut rest, end) = rest.split_at(rest.len() - last.len());
        let is_behind = |part: &Part| part.end_in(rest).map(|end| rest = &rest[end..]).is_some();
        first.is_match(start) && last.is_match(end) && middle.iter().all(is_behind)
    }
}

/// The tokens between two stars.
#[derive(Clone, Debug)]
enum Part {
    Literal(Vec<u8>),
    /// The set of bytes that matches at each index.
    Sets(Vec<ByteSet>),
    Long(ShiftAnd),
}

fn parts(pattern: &[u8]) -> Vec<Part> {
    let tokens: Vec<_> = tokens(pattern).collect();
    let parts: Vec<_> = tokens.split(|token| matches!(token, Token::Star)).collect();
    let last = parts.len() - 1;
    // The first and the last part are compared, not searched.
    let part = |(index, tokens)| Part::new(tokens, index != 0 && index != last);
    parts.into_iter().enumerate().map(part).collect()
}

impl Part {
    fn new(tokens: &[Token], is_searched: bool) -> Self {
        let literal = tokens.iter().map(|token| if let Token::Byte(byte) = token { Some(*byte) } else { None });
        if let Some(literal) = literal.collect() {
            return Self::Literal(literal);
        }
        let sets: Vec<_> = tokens.iter().map(Token::set).collect();
        if is_searched && sets.len() > MAX_NAIVE { Self::Long(ShiftAnd::new(&sets)) } else { Self::Sets(sets) }
    }

    fn len(&self) -> usize {
        match self {
            Self::Literal(bytes) => bytes.len(),
            Self::Sets(sets) => sets.len(),
            Self::Long(search) => search.len,
        }
    }

    /// Whether the part matches a text of its length.
    fn is_match(&self, text: &[u8]) -> bool {
        match self {
            Self::Literal(bytes) => bytes == text,
            Self::Sets(sets) => sets.iter().zip(text).all(|(set, byte)| set.has(*byte)),
            Self::Long(search) => search.end_in(text).is_some(),
        }
    }

    /// The end of the first match in the text.
    fn end_in(&self, text: &[u8]) -> Option<usize> {
        let start = match self {
            Self::Literal(bytes) => memmem::find(text, bytes),
            Self::Sets(sets) => text.windows(sets.len()).position(|window| self.is_match(window)),
            Self::Long(search) => return search.end_in(text),
        };
        start.map(|start| start + self.len())
    }
}

/// The shift-and algorithm: a bit for each prefix of the part that matches the text up to the current byte.
#[derive(Clone, Debug)]
struct ShiftAnd {
    len: usize,
    /// For each byte, the indices that it matches at, as bits: as many words as the state has.
    matching: Vec<u64>,
}

impl ShiftAnd {
    fn new(sets: &[ByteSet]) -> Self {
        let words = sets.len().div_ceil(64);
        let mut matching = vec![0; 256 * words];
        for (index, set) in sets.iter().enumerate() {
            for byte in (0..=u8::MAX).filter(|byte| set.has(*byte)) {
                matching[usize::from(byte) * words + index / 64] |= 1 << (index % 64);
            }
        }
        Self { len: sets.len(), matching }
    }

    fn end_in(&self, text: &[u8]) -> Option<usize> {
        let (words, last) = (self.len.div_ceil(64), self.len - 1);
        let mut state = vec![0_u64; words];
        let is_end = |byte: &u8| {
            let matching = &self.matching[usize::from(*byte) * words..];
            // A match may start at each byte.
            let mut carry = 1;
            for (word, matching) in state.iter_mut().zip(matching) {
                (*word, carry) = ((*word << 1 | carry) & matching, *word >> 63);
            }
            state[last / 64] >> (last % 64) & 1 == 1
        };
        text.iter().position(is_end).map(|end| end + 1)
    }
}

/// A set of bytes, one bit each.
#[derive(Clone, Copy, Debug, Default)]
struct ByteSet([u64; 4]);

impl ByteSet {
    const ALL: Self = Self([u64::MAX; 4]);

    fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte / 64)] >> (byte % 64) & 1 == 1
    }

    fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte / 64)] |= 1 << (byte % 64);
    }

    fn complement(self) -> Self {
        Self(self.0.map(|word| !word))
    }
}

/// One element of a pattern.
#[derive(Clone, Copy, Debug)]
enum Token {
    Star,
    Any,
    Byte(u8),
    Class(ByteSet),
}

impl Token {
    /// The bytes that match. A star has none.
    fn set(&self) -> ByteSet {
        match self {
            Self::Star => ByteSet::default(),
            Self::Any => ByteSet::ALL,
            Self::Class(set) => *set,
            Self::Byte(byte) => {
                let mut set = ByteSet::default();
                set.insert(*byte);
                set
            }
        }
    }
}

fn tokens(pattern: &[u8]) -> impl Iterator<Item = Token> {
    let mut rest = pattern;
    std::iter::from_fn(move || {
        let token;
        (token, rest) = match rest {
            [] => return None,
            [b'*', rest @ ..] => (Token::Star, rest),
            [b'?', rest @ ..] => (Token::Any, rest),
            [b'[', rest @ ..] => class(rest),
            [b'\\', literal, rest @ ..] | [literal, rest @ ..] => (Token::Byte(*literal), rest),
        };
        Some(token)
    })
}

/// The class, and the pattern after it. A class that is not closed ends with the pattern.
fn class(class: &[u8]) -> (Token, &[u8]) {
    let (is_negated, mut rest) = match class {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, class),
    };
    let mut set = ByteSet::default();
    loop {
        let (first, last);
        (first, last, rest) = match rest {
            [b'\\', literal, rest @ ..] => (*literal, *literal, rest),
            [b']', rest @ ..] => return (Token::Class(if is_negated { set.complement() } else { set }), rest),
            [] => return (Token::Class(if is_negated { set.complement() } else { set }), rest),
            [first, b'-', last, rest @ ..] => (*first.min(last), *first.max(last), rest),
            [literal, rest @ ..] => (*literal, *literal, rest),
        };
        (first..=last).for_each(|byte| set.insert(byte));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &[u8], text: &[u8]) -> bool {
        Pattern::new(pattern).matches(text)
    }

    #[track_caller]
    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        for text in matching {
            assert!(matches(pattern.as_bytes(), text.as_bytes()), "{pattern} matches {text}");
        }
        for text in others {
            assert!(!matches(pattern.as_bytes(), text.as_bytes()), "{pattern} does not match {text}");
        }
    }

    #[test]
    fn stars_take_any_bytes_and_question_marks_one() {
        check("*", &["", "a", "abc"], &[]);
        check("h*llo", &["hllo", "heeello", "hello", "hlllo"], &["hell", "hellox", "xhello"]);
        check("h?llo", &["hello", "hallo"], &["hllo", "heello"]);
        check("*a*b*", &["ab", "xaxbx", "aab"], &["ba", "a", ""]);
        check("a**c", &["ac", "abc"], &["a"]);
        check("", &[""], &["a"]);
    }

    #[test]
    fn classes_have_ranges_and_negation() {
        check("h[ae]llo", &["hello", "hallo"], &["hillo", "hllo"]);
        check("h[^e]llo", &["hallo", "hbllo"], &["hello"]);
        check("h[a-c]llo", &["hallo", "hbllo"], &["hdllo"]);
        check("h[c-a]llo", &["hbllo"], &["hdllo"]);
        // As in Redis the bracket is the end of a range here.
        check("[a-]", &["a", "]", "^"], &["b", "-"]);
        check("[]", &[], &["", "]", "a"]);
        check("[^]", &["a", "]"], &[""]);
        check("[\\]]", &["]"], &["\\"]);
    }

    #[test]
    fn a_class_that_is_not_closed_ends_with_the_pattern() {
        check("[ab", &["a", "b"], &["c", "ab", ""]);
        check("[", &[], &["[", "a"]);
        check("[^", &["a"], &[""]);
    }

    #[test]
    fn a_backslash_makes_the_next_byte_literal() {
        check("\\*", &["*"], &["a", "\\*"]);
        check("\\\\", &["\\"], &[]);
        check("a\\", &["a\\"], &["a"]);
        check("[a\\-z]", &["a", "-", "z"], &["b"]);
    }

    #[test]
    fn hostile_patterns_and_keys_come_to_an_end() {
        const LENGTH: usize = 64 * 1024;
        let key = vec![b'a'; LENGTH];
        let with_end = [&key[1..], b"b"].concat();
        let half = LENGTH / 2;
        let patterns = [
            "*".to_owned() + &"a".repeat(half) + "b",
            "*".to_owned() + &"a".repeat(half) + "b*",
            "*".to_owned() + &"a?".repeat(half / 2) + "b*",
            "*".to_owned() + &"a?".repeat(30) + "b*",
            "*".to_owned() + &"[^b]".repeat(half / 4) + "b*",
            "*[".to_owned() + &"b-z".repeat(half / 3 - 1) + "]*",
            "a*".repeat(half) + "b",
            "?*".repeat(half - 1) + "b",
        ];
        for pattern in patterns {
            assert!(!matches(pattern.as_bytes(), &key), "{}", &pattern[..20]);
            assert!(matches(pattern.as_bytes(), &with_end), "{}", &pattern[..20]);
        }
    }

    #[test]
    fn a_pattern_that_is_longer_than_the_text_is_not_looked_at() {
        let pattern = Pattern::new(b"*aaaa*");
        assert!(!pattern.matches(b"aaa") && pattern.parts.get().is_none());
        assert!(pattern.matches(b"aaaa") && pattern.parts.get().is_some());
    }

    proptest! {
        #[test]
        fn a_pattern_matches_what_it_matches_naively(
            pattern in prop::collection::vec(prop::sample::select(&b"*?[]^-\\abcz\xff"[..]), 0..12),
            text in prop::collection::vec(prop::sample::select(&b"*?[]^-\\abcz\xff"[..]), 0..8),
        ) {
            prop_assert_eq!(matches(&pattern, &text), naively_matches(&pattern, &text));
        }

        #[test]
        fn long_parts_are_found_where_they_are_found_naively(
            parts in prop::collection::vec(prop::collection::vec(prop::sample::select(&["a", "?", "[ab]", "[^b]"][..]), 0..140), 2..5),
            text in prop::collection::vec(prop::sample::select(&b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"[..]), 0..500),
        ) {
            let pattern = parts.iter().map(|part| part.concat()).collect::<Vec<_>>().join("*");
            prop_assert_eq!(matches(pattern.as_bytes(), &text), naively_matches(pattern.as_bytes(), &text));
        }
    }

    /// The simplest matcher. In the worst case it takes time proportional to the product of both lengths.
    fn naively_matches(pattern: &[u8], text: &[u8]) -> bool {
        let (mut rest, mut at) = (pattern, 0);
        // Where to go on if the text does not match after the last star: the star takes one more byte. Going back to an
        // earlier star would find nothing more.
        let mut last_star: Option<(&[u8], usize)> = None;
        loop {
            if let [b'*', after @ ..] = rest {
                last_star = Some((after, at));
                rest = after;
                continue;
            }
            if at == text.len() && rest.is_empty() {
                return true;
            }
            if let Some(after) = text.get(at).and_then(|byte| step(rest, *byte)) {
                (rest, at) = (after, at + 1);
                continue;
            }
            match &mut last_star {
                Some((after, taken)) if *taken < text.len() => {
                    *taken += 1;
                    (rest, at) = (*after, *taken);
                }
                _ => return false,
            }
        }
    }

    /// The pattern after its first token, if that matches the byte.
    fn step(pattern: &[u8], byte: u8) -> Option<&[u8]> {
        match pattern {
            [] => None,
            [b'?', rest @ ..] => Some(rest),
            [b'[', class @ ..] => {
                let (is_member, rest) = class_has(class, byte);
                is_member.then_some(rest)
            }
            [b'\\', literal, rest @ ..] | [literal, rest @ ..] => (*literal == byte).then_some(rest),
        }
    }

    /// Whether the class has the byte, and the pattern after it.
    fn class_has(class: &[u8], byte: u8) -> (bool, &[u8]) {
        let (is_negated, mut rest) = match class {
            [b'^', rest @ ..] => (true, rest),
            _ => (false, class),
        };
        let mut is_member = false;
        loop {
            let (first, last);
            (first, last, rest) = match rest {
                [b'\\', literal, rest @ ..] => (*literal, *literal, rest),
                [b']', rest @ ..] => return (is_member != is_negated, rest),
                [] => return (is_member != is_negated, rest),
                [first, b'-', last, rest @ ..] => (*first.min(last), *first.max(last), rest),
                [literal, rest @ ..] => (*literal, *literal, rest),
            };
            is_member |= (first..=last).contains(&byte);
        }
    }
}
