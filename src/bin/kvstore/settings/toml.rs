//! Settings in TOML: one key for each, by the name of its flag.

use std::path::Path;

use toml_edit::{Document, Item, Value};

use super::file::Entry;

/// Reads the keys of a file. What is wrong is added to `problems`.
pub(super) fn read(path: &Path, text: &str, problems: &mut Vec<String>) -> Vec<Entry> {
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            problems.push(format!("{}: {}", path.display(), error.to_string().trim_end()));
            return Vec::new();
        }
    };
    let mut entries = Vec::new();
    for (name, item) in document.iter() {
        let line = item.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        match item.as_value().map(values) {
            Some(Some(values)) => entries.push(Entry { name: name.to_owned(), values, path: path.to_owned(), line }),
            _ => problems.push(format!("{}:{line}: `{name}` is {}", path.display(), kind(item))),
        }
    }
    entries
}

fn kind(item: &Item) -> String {
    format!("a value of the type {}, and no setting has one", item.type_name())
}

/// The text of a value, or of each value of an array.
fn values(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(array) => array.iter().map(text).collect(),
        other => Some(vec![text(other)?]),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.value().clone()),
        Value::Integer(number) => Some(number.value().to_string()),
        Value::Float(number) => Some(number.value().to_string()),
        Value::Boolean(is_on) => Some(if *is_on.value() { "yes" } else { "no" }.to_owned()),
        Value::Datetime(_) | Value::Array(_) | Value::InlineTable(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Result<Vec<Entry>, Vec<String>> {
        let mut problems = Vec::new();
        let entries = read(Path::new("a.toml"), text, &mut problems);
        if problems.is_empty() { Ok(entries) } else { Err(problems) }
    }

    #[test]
    fn numbers_booleans_texts_and_lists_are_values() {
        let found = entries("# comment\nport = 1\nbind = \"::1\"\nsave = [\"60 1\", 7]\nappendonly = true\n").unwrap();
        let expected =
            [("port", &["1"][..], 2), ("bind", &["::1"], 3), ("save", &["60 1", "7"], 4), ("appendonly", &["yes"], 5)];
        assert_eq!(found.len(), expected.len());
        for (Entry { name, values, line, .. }, (its_name, its_values, its_line)) in found.into_iter().zip(expected) {
            assert_eq!((&*name, line), (its_name, its_line));
            assert_eq!(values, its_values);
        }
    }

    #[test]
    fn each_mistake_has_its_line() {
        assert!(entries("port = ").unwrap_err()[0].contains("line 1"));
        let problems = entries("port = 1\nsave = { a = 1 }\n[server]\nport = 2\n").unwrap_err();
        assert_eq!(problems.len(), 2);
        assert!(problems[0].starts_with("a.toml:2: `save` is") && problems[1].starts_with("a.toml:3: `server` is"));
    }
}
