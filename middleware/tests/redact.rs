//! The rules of what of a command may be shown.

use kvstore_middleware::{Hide, Redact};
use kvstore_protocol::Command;

fn shown(redact: &Redact, words: &str) -> String {
    let mut words = words.split(' ');
    let command = Command::new(words.next().unwrap_or_default()).with_args(words);
    redact.show(&command).to_string()
}

#[test]
fn passwords_are_hidden_in_any_case_and_the_rest_is_shown() {
    let redact = Redact::new();
    for name in ["auth", "HELLO", "Acl", "config", "MIGRATE"] {
        assert_eq!(shown(&redact, &format!("{name} alice secret")), format!("{} (redacted)", name.to_uppercase()));
    }
    assert_eq!(shown(&redact, "set key value"), r#"SET "key" "value""#);
    assert_eq!(shown(&redact, "ping"), "PING");
}

#[test]
fn rule_hides_all_arguments_or_the_values_or_those_from_one_on() {
    let redact = Redact::new().hide("get", Hide::All).hide("SET", Hide::Values).hide("EVAL", Hide::From(2));
    assert_eq!(shown(&redact, "GET key"), "GET (redacted)");
    assert_eq!(shown(&redact, "set key value EX 10"), r#"SET "key" (redacted)"#);
    assert_eq!(shown(&redact, "EVAL script 1 key secret"), r#"EVAL "script" "1" (redacted)"#);
}

#[test]
fn values_are_told_from_keys_by_what_is_known_of_a_command() {
    let redact = Redact::new().hide("MSET", Hide::Values).hide("DEL", Hide::Values).hide("MINE", Hide::Values);
    assert_eq!(shown(&redact, "mset a 1 b 2"), r#"MSET "a" (redacted) "b" (redacted)"#);
    assert_eq!(shown(&redact, "del a b"), r#"DEL "a" "b""#);
    assert_eq!(shown(&redact, "mine a b"), r#"MINE "a" (redacted)"#);
}

#[test]
fn hiding_values_shows_the_keys_of_known_commands_and_nothing_of_others() {
    let redact = Redact::new().hide_values();
    assert_eq!(shown(&redact, "SETEX key 10 value"), r#"SETEX "key" (redacted)"#);
    assert_eq!(shown(&redact, "MGET a b"), r#"MGET "a" "b""#);
    assert_eq!(shown(&redact, "MINE key value"), "MINE (redacted)");
    assert_eq!(shown(&redact, "AUTH secret"), "AUTH (redacted)");
    assert_eq!(shown(&redact, "DBSIZE"), "DBSIZE");
}

#[test]
fn rule_for_one_command_holds_before_and_after_hiding_values() {
    for redact in
        [Redact::new().hide("GET", Hide::All).hide_values(), Redact::new().hide_values().hide("GET", Hide::All)]
    {
        assert_eq!(shown(&redact, "GET key"), "GET (redacted)");
    }
    let redact = Redact::new().hide_values().hide("MINE", Hide::From(usize::MAX));
    assert_eq!(shown(&redact, "MINE a b"), r#"MINE "a" "b""#);
}

#[test]
fn whatever_is_shown_is_escaped_and_bounded() {
    let huge = vec![b'\n'; 10_000];
    let command = Command::new(&huge).with_args((0..1000).map(|_| &huge[..]));
    let text = Redact::new().show(&command).to_string();
    assert!(text.len() < 2500 && !text.contains('\n'), "{}", text.len());
}

#[test]
fn debug_form_hides_as_much() {
    let command = Command::new("AUTH").arg("secret");
    assert_eq!(format!("{:?}", Redact::new().show(&command)), "AUTH (redacted)");
}
