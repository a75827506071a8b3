//! The syntax of a command, as a row of the documentation has it.
//!
//! | Syntax | Meaning |
//! |---|---|
//! | `seconds` | an argument, whose type follows from its [name](super::names) |
//! | `timeout:integer` | an argument of this type |
//! | `key@1` | a key that the key specification 1 finds; without a number, the keys are counted |
//! | `KEEPTTL` | a token; its name is the same in lower case |
//! | `change=CH` | a token with a name |
//! | `EX seconds` | an argument behind a token |
//! | `limit(offset count)` | a block with its name |
//! | `where<LEFT \| RIGHT>` | one of several, with its name |
//! | `[count]` | an optional argument |
//! | `key...` | one or more arguments |
//! | `[GET pattern]...` | any number of arguments, with the token in front of each |

use super::{
    argument::{Argument, ArgumentType},
    names,
};

/// Parses a syntax. What is not valid is left out.
pub(super) fn parse(syntax: &'static str) -> Vec<Argument> {
    Parser { rest: syntax, keys: 0 }.arguments()
}

/// Whether nothing of a syntax is left out.
#[cfg(test)]
pub(super) fn is_valid(syntax: &'static str) -> bool {
    let mut parser = Parser { rest: syntax, keys: 0 };
    parser.arguments();
    let brackets = |open, close| syntax.matches(open).count() == syntax.matches(close).count();
    parser.rest.is_empty() && brackets('[', ']') && brackets('(', ')') && brackets('<', '>')
}

struct Parser {
    rest: &'static str,
    /// How many keys there were.
    keys: usize,
}

impl Parser {
    /// Parses the arguments up to the end, or to a closing bracket.
    fn arguments(&mut self) -> Vec<Argument> {
        std::iter::from_fn(|| self.argument()).collect()
    }

    fn argument(&mut self) -> Option<Argument> {
        self.skips("|");
        if self.skips("[") {
            return self.optional();
        }
        let word = self.word()?;
        let argument = match word.starts_with(is_name) {
            true => self.named(word),
            false if self.rest.trim_start().starts_with(is_name) => Argument { token: Some(word), ..self.argument()? },
            false => Argument { token: Some(word), ..Argument::new(word.to_lowercase(), ArgumentType::Token) },
        };
        Some(argument)
    }

    /// Parses an optional argument behind its opening bracket.
    fn optional(&mut self) -> Option<Argument> {
        let argument = self.argument()?;
        self.skips("]");
        let repeats_token = self.skips("...");
        let is_multiple = argument.is_multiple || repeats_token;
        Some(Argument { is_optional: true, is_multiple, repeats_token, ..argument })
    }

    /// Parses what follows the name of an argument.
    fn named(&mut self, word: &'static str) -> Argument {
        let mut argument = match word.split_once('=') {
            Some((name, token)) => Argument { token: Some(token), ..Argument::new(name, ArgumentType::Token) },
            None if self.skips("(") => self.group(word, ArgumentType::Block, ")"),
            None if self.skips("<") => self.group(word, ArgumentType::OneOf, ">"),
            None => self.value(word),
        };
        argument.is_multiple = self.skips("...");
        argument
    }

    fn group(&mut self, name: &'static str, kind: ArgumentType, close: &str) -> Argument {
        let arguments = self.arguments();
        self.skips(close);
        Argument { arguments, ..Argument::new(name, kind) }
    }

    fn value(&mut self, word: &'static str) -> Argument {
        let (word, spec) = word.split_once('@').unwrap_or((word, ""));
        let (name, kind) = word.split_once(':').unwrap_or((word, ""));
        let kind = names::type_called(kind).unwrap_or_else(|| names::type_of(name));
        let key_spec = spec.parse().ok().or_else(|| (kind == ArgumentType::KeyName).then_some(self.keys));
        self.keys += usize::from(kind == ArgumentType::KeyName);
        Argument { key_spec, ..Argument::new(name, kind) }
    }

    /// Takes a word off the text. It ends before a space, a bracket or dots.
    fn word(&mut self) -> Option<&'static str> {
        let rest = self.rest.trim_start();
        let end = rest.find([' ', '[', ']', '(', ')', '<', '>']).unwrap_or(rest.len());
        let end = rest[..end].find("...").unwrap_or(end);
        let (word, rest) = rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    /// Takes `text` off the text, if that is next.
    fn skips(&mut self, text: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

/// Whether an argument whose name starts with `letter` is no token.
fn is_name(letter: char) -> bool {
    letter.is_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(argument: &Argument) -> String {
        let Argument { name, kind, token, key_spec, .. } = argument;
        let flags = [argument.is_optional, argument.is_multiple, argument.repeats_token].map(u8::from);
        let arguments: Vec<_> = argument.arguments.iter().map(shown).collect();
        let (token, key) = (token.unwrap_or("-"), key_spec.map_or("-".to_owned(), |spec| spec.to_string()));
        format!(
            "{name} {kind} {token} {key} {flags:?}{}",
            arguments.iter().map(|a| format!(" ({a})")).collect::<String>()
        )
    }

    #[test]
    fn each_form_is_an_argument() {
        for (syntax, expected) in [
            ("seconds", "seconds integer - - [0, 0, 0]"),
            ("timeout", "timeout double - - [0, 0, 0]"),
            ("timeout:integer", "timeout integer - - [0, 0, 0]"),
            ("key", "key key - 0 [0, 0, 0]"),
            ("by-pattern@1", "by-pattern pattern - 1 [0, 0, 0]"),
            ("KEEPTTL", "keepttl pure-token KEEPTTL - [0, 0, 0]"),
            ("auto-id=*", "auto-id pure-token * - [0, 0, 0]"),
            ("EX seconds", "seconds integer EX - [0, 0, 0]"),
            ("[count]", "count integer - - [1, 0, 0]"),
            ("member...", "member string - - [0, 1, 0]"),
            ("[ID client-id...]", "client-id integer ID - [1, 1, 0]"),
            ("[GET pattern]...", "pattern pattern GET - [1, 1, 1]"),
            (
                "LIMIT limit(offset count)",
                "limit block LIMIT - [0, 0, 0] (offset integer - - [0, 0, 0]) (count integer - - [0, 0, 0])",
            ),
            (
                "[where<MAX | seconds>...]",
                "where oneof - - [1, 1, 0] (max pure-token MAX - [0, 0, 0]) (seconds integer - - [0, 0, 0])",
            ),
        ] {
            assert_eq!(parse(syntax).iter().map(shown).collect::<Vec<_>>(), [expected], "{syntax}");
            assert!(is_valid(syntax));
        }
    }

    #[test]
    fn keys_are_counted() {
        let keys: Vec<_> = parse("key [STORE destination]").iter().map(|argument| argument.key_spec).collect();
        assert_eq!(keys, [Some(0), Some(1)]);
    }

    #[test]
    fn a_token_before_a_bracket_stands_alone() {
        assert_eq!(parse("full-block(FULL [COUNT count])")[0].arguments.len(), 2);
    }

    #[test]
    fn unbalanced_brackets_are_not_valid() {
        assert!(["key]", "[key", "a(b", "a<b", "key )"].iter().all(|syntax| !is_valid(syntax)));
    }
}
