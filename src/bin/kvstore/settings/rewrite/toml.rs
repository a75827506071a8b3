//! The keys of a TOML file with new values.

use clap::Command;
use toml_edit::{DocumentMut, Item, TomlError, Value};

use super::{super::flags, Change};

/// The text with the changes: in the place of the key of the setting, or else after the last one.
pub(super) fn rewritten(text: &str, command: &Command, changes: &[Change<'_>]) -> Result<String, TomlError> {
    let mut document: DocumentMut = text.parse()?;
    changes.iter().for_each(|change| replace(&mut document, command, change));
    Ok(document.to_string())
}

fn replace(document: &mut DocumentMut, command: &Command, change: &Change<'_>) {
    let is_of_setting = |name: &str| flags::find(command, name).and_then(|arg| arg.get_long()) == Some(change.flag);
    let key = document.iter().map(|(name, _)| name.to_owned()).find(|name| is_of_setting(name));
    let key = key.unwrap_or_else(|| change.name.to_owned());
    if change.flag == "replicaof" && change.value.is_empty() {
        document.remove(&key);
        return;
    }
    let old = document.get(&key).and_then(Item::as_value);
    let mut new = value(change.value, old);
    if let Some(old) = old {
        // The comment behind it, too.
        new.decor_mut().clone_from(old.decor());
    }
    document[&key] = Item::Value(new);
}

/// A value of the same kind as the old one, if it can be.
fn value(text: &str, old: Option<&Value>) -> Value {
    match (text.parse::<i64>(), text, old) {
        (Ok(number), _, None | Some(Value::Integer(_))) => number.into(),
        (_, "yes", Some(Value::Boolean(_))) => true.into(),
        (_, "no", Some(Value::Boolean(_))) => false.into(),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_replaced_in_their_place_and_comments_stay() {
        let text = "# all of it\nmax-clients = 5 # few\n\n# more\nappendonly = true\ntimeout = \"5m\"\n# the end\n";
        let change = |flag, name, value| Change { flag, name, value };
        let changes = [
            change("max-clients", "maxclients", "7"),
            change("appendonly", "appendonly", "no"),
            change("timeout", "timeout", "9"),
            change("save", "save", "60 1"),
            change("tracking-table-max-keys", "tracking-table-max-keys", "3"),
            change("replicaof", "replicaof", ""),
        ];
        let expected = "# all of it\nmax-clients = 7 # few\n\n# more\nappendonly = false\ntimeout = \"9\"\nsave = \"60 1\"\n\
                        tracking-table-max-keys = 3\n# the end\n";
        assert_eq!(rewritten(text, &flags::command(), &changes).unwrap(), expected);
    }
}
