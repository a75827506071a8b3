//! The error codes that are labels.

use std::sync::{Mutex, PoisonError};

/// The largest number of codes that are labels: a script may invent any number of codes.
const MAX: usize = 32;

/// The label of all other codes.
const OTHER: &str = "error";

#[derive(Debug, Default)]
pub(super) struct ErrorCodes {
    known: Mutex<Vec<Box<str>>>,
}

impl ErrorCodes {
    /// The label for a code.
    pub(super) fn label<'a>(&self, code: &'a str) -> &'a str {
        if !looks_like_a_code(code) {
            return OTHER;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.iter().any(|known| **known == *code) {
            return code;
        }
        if known.len() >= MAX {
            return OTHER;
        }
        known.push(code.into());
        code
    }
}

fn looks_like_a_code(code: &str) -> bool {
    (1..=32).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_no_code_is_an_error() {
        let codes = ErrorCodes::default();
        assert_eq!(codes.label("WRONGTYPE"), "WRONGTYPE");
        for text in ["", "wrongtype", "A-B", "A\n", "ok", &"X".repeat(33)] {
            assert_eq!(codes.label(text), "error");
        }
    }

    #[test]
    fn codes_that_a_script_invents_are_not_all_labels() {
        let codes = ErrorCodes::default();
        let labels = (0..100).map(|number| codes.label(&format!("E{number}")) == "error");
        assert_eq!(labels.filter(|is_other| *is_other).count(), 100 - MAX);
        assert_eq!(codes.label("E0"), "E0");
    }
}
