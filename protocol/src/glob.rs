//! [`Pattern`]: glob-style patterns as KEYS and PSUBSCRIBE take them.
//!
//! The bytes before the first star must be at the start of the text, and those after the last star at its end. What is between
//! two stars is searched from left to right, each at its first match: a later match would leave less text for the others. The
//! pattern is read again for each text, so it takes no memory but its own bytes.

use std::borrow::Cow;

/// The number of starts that are tried at once when a pattern of more bytes than this is searched.
const BLOCK: usize = 64;

/// A glob-style pattern as Redis has them, for keys and channels.
///
/// - `*` matches any bytes, also none; `?` matches one byte
/// - `[abc]` and `[a-z]` match one of these bytes, `[^a]` one other byte
/// - `\` before a byte takes it literally
///
/// Bytes are compared, not characters. The time of a match is at most proportional to the product of both lengths.
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
    stars: Option<Stars>,
}

/// Where the stars of a pattern are.
#[derive(Clone, Copy, Debug)]
struct Stars {
    first: usize,
    last: usize,
    /// The number of bytes that match after the last star.
    tail_len: usize,
}

impl<'a> Pattern<'a> {
    /// A pattern of these bytes. Every pattern is valid: a class that is not closed ends with the pattern.
    pub fn new(pattern: impl Into<Cow<'a, [u8]>>) -> Self {
        let pattern = pattern.into();
        let (mut min_len, mut stars) = (0, None::<Stars>);
        let mut rest = &pattern[..];
        while let Some((token, after)) = next_token(rest) {
            match (token, &mut stars) {
                (Token::Star, stars) => {
                    let index = pattern.len() - rest.len();
                    *stars = Some(Stars { first: stars.map_or(index, |stars| stars.first), last: index, tail_len: 0 });
                }
                (_, Some(stars)) => (min_len, stars.tail_len) = (min_len + 1, stars.tail_len + 1),
                (_, None) => min_len += 1,
            }
            rest = after;
        }
        Self { pattern, min_len, stars }
    }

    /// Whether the whole of `text` matches. As in Redis, an empty text matches `*` but not `**`.
    #[inline]
    pub fn matches(&self, text: &[u8]) -> bool {
        if text.is_empty() {
            return matches!(&*self.pattern, [] | [b'*']);
        }
        if text.len() < self.min_len {
            return false;
        }
        match &self.stars {
            None => text.len() == self.min_len && match_start(&self.pattern, text).is_some(),
            Some(stars) => self.matches_around(stars, text).is_some(),
        }
    }

    /// Matches the start, the end, and then what is between the stars.
    fn matches_around(&self, stars: &Stars, text: &[u8]) -> Option<()> {
        let (mut text, end) = text.split_at(text.len() - stars.tail_len);
        (_, text) = match_start(&self.pattern[..stars.first], text)?;
        match_start(&self.pattern[stars.last + 1..], end)?;
        let mut pattern = &self.pattern[stars.first..stars.last];
        while let [_, after_star @ ..] = pattern {
            (pattern, text) = match self.pattern.len() {
                ..=BLOCK => find(after_star, text)?,
                _ => find_in_blocks(after_star, text)?,
            };
        }
        Some(())
    }
}

/// A pattern and a text.
type Both<'p, 't> = (&'p [u8], &'t [u8]);

/// Matches the pattern up to its first star at the start of the text, and returns the rest of both.
#[inline]
fn match_start<'p, 't>(mut pattern: &'p [u8], mut text: &'t [u8]) -> Option<Both<'p, 't>> {
    while let [first, after @ ..] = pattern {
        if *first == b'*' {
            break;
        }
        let (byte, rest) = text.split_first()?;
        let (is_match, after) = match (first, after) {
            (b'[', class) => {
                let mut is_member = false;
                let (is_negated, after) = for_ranges(class, |first, last| is_member |= (first..=last).contains(byte));
                (is_member != is_negated, after)
            }
            (b'\\', [literal, after @ ..]) => (byte == literal, after),
            _ => (*first == b'?' || byte == first, after),
        };
        if !is_match {
            return None;
        }
        (pattern, text) = (after, rest);
    }
    Some((pattern, text))
}

/// Finds the first match of the pattern up to its first star, and returns the rest of both.
fn find<'p, 't>(pattern: &'p [u8], text: &'t [u8]) -> Option<Both<'p, 't>> {
    match pattern {
        [byte, after @ ..] if !b"*?[\\".contains(byte) => {
            memchr::memchr_iter(*byte, text).find_map(|at| match_start(after, &text[at + 1..]))
        }
        _ => (0..=text.len()).find_map(|at| match_start(pattern, &text[at..])),
    }
}

/// The same for a long pattern. Each token is compared at many starts before the next one is read.
fn find_in_blocks<'p, 't>(pattern: &'p [u8], text: &'t [u8]) -> Option<Both<'p, 't>> {
    let (len, after) = measure(pattern);
    let starts = (text.len() + 1).checked_sub(len)?;
    let block = |start: usize| find_in_block(pattern, &text[start..], (starts - start).min(BLOCK)).map(|at| start + at);
    let at = (0..starts).step_by(BLOCK).find_map(block)?;
    Some((after, &text[at + len..]))
}

/// The first of `starts` at which the pattern up to its first star matches.
fn find_in_block(mut pattern: &[u8], text: &[u8], starts: usize) -> Option<usize> {
    let mut is_match = [false; BLOCK];
    is_match[..starts].fill(true);
    let mut offset = 0;
    while let Some((token, after)) = next_but_star(pattern) {
        let mut window = [0; BLOCK];
        window[..starts].copy_from_slice(&text[offset..offset + starts]);
        token.retain(&window, &mut is_match);
        if !is_match.iter().fold(false, |any, is_match| any | is_match) {
            return None;
        }
        (pattern, offset) = (after, offset + 1);
    }
    is_match.iter().position(|is_match| *is_match)
}

/// The number of tokens up to the first star, and the pattern from there.
fn measure(mut pattern: &[u8]) -> (usize, &[u8]) {
    let mut count = 0;
    while let Some((_, after)) = next_but_star(pattern) {
        (pattern, count) = (after, count + 1);
    }
    (count, pattern)
}

/// One element of a pattern.
#[derive(Clone, Copy, Debug)]
enum Token<'a> {
    Star,
    Any,
    Byte(u8),
    /// What follows the bracket.
    Class(&'a [u8]),
}

impl Token<'_> {
    /// Retains the matches at which the byte of the window matches.
    fn retain(self, window: &[u8; BLOCK], is_match: &mut [bool; BLOCK]) {
        let both = is_match.iter_mut().zip(window);
        match self {
            Self::Star | Self::Any => {}
            Self::Byte(expected) => both.for_each(|(is_match, byte)| *is_match &= *byte == expected),
            Self::Class(class) => {
                let mut is_member = [false; BLOCK];
                let (is_negated, _) = for_ranges(class, |first, last| {
                    let members = is_member.iter_mut().zip(window);
                    members.for_each(|(is_member, byte)| *is_member |= first <= *byte && *byte <= last);
                });
                is_match.iter_mut().zip(is_member).for_each(|(is_match, member)| *is_match &= member != is_negated);
            }
        }
    }
}

/// The first token, and the pattern after it.
fn next_token(pattern: &[u8]) -> Option<(Token<'_>, &[u8])> {
    Some(match pattern {
        [] => return None,
        [b'*', after @ ..] => (Token::Star, after),
        [b'?', after @ ..] => (Token::Any, after),
        [b'[', class @ ..] => (Token::Class(class), for_ranges(class, |_, _| {}).1),
        [b'\\', byte, after @ ..] | [byte, after @ ..] => (Token::Byte(*byte), after),
    })
}

/// The first token, unless it is a star, and the pattern after it.
fn next_but_star(pattern: &[u8]) -> Option<(Token<'_>, &[u8])> {
    next_token(pattern).filter(|(token, _)| !matches!(token, Token::Star))
}

/// Calls `each` with the ranges of a class. Returns whether it is negated, and the pattern after it. A class that is not
/// closed ends with the pattern.
#[inline]
fn for_ranges(class: &[u8], mut each: impl FnMut(u8, u8)) -> (bool, &[u8]) {
    let (is_negated, mut rest) = match class {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, class),
    };
    loop {
        let (first, last);
        (first, last, rest) = match rest {
            [b'\\', byte, rest @ ..] => (*byte, *byte, rest),
            [b']', rest @ ..] => return (is_negated, rest),
            [] => return (is_negated, rest),
            [first, b'-', last, rest @ ..] => (*first.min(last), *first.max(last), rest),
            [byte, rest @ ..] => (*byte, *byte, rest),
        };
        each(first, last);
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
        check("**", &["a", "abc"], &[""]);
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
        const LENGTH: usize = 8 * 1024;
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
        if text.is_empty() {
            return matches!(pattern, [] | [b'*']);
        }
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
