//! Patterns as KEYS takes them: `*`, `?`, `[a-z]`, `[^a-z]`, and `\\` in front of what is meant literally.

/// Whether the whole of `text` matches. Takes at most the product of both lengths, whatever the pattern.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut rest, mut at) = (pattern, 0);
    // Where to go on when what follows the last star does not match: the star takes one byte more. To go back behind an
    // earlier star would find nothing that this does not.
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

/// The pattern behind its first part, when that matches the byte.
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

/// Whether the class has the byte, and the pattern behind it. A class that is not closed ends with the pattern.
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

#[cfg(test)]
mod tests {
    use super::*;

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
        // As in Redis the bracket is the end of the range here.
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
    fn a_hostile_pattern_takes_no_more_than_the_product_of_the_lengths() {
        let pattern = "a*".repeat(1000) + "b";
        assert!(!matches(pattern.as_bytes(), &[b'a'; 10_000]));
        assert!(matches(pattern.as_bytes(), &[&[b'a'; 10_000][..], b"b"].concat()));
    }
}
