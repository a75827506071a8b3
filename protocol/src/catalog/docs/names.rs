//! What the name of an argument tells: its type, and how it is shown.

use super::argument::ArgumentType;

/// The names of the arguments of each type. All others are strings.
const TYPES: [(ArgumentType, &str); 5] = [
    (
        ArgumentType::KeyName,
        "destination destkey dst key key1 key2 keys newkey source sourcekey src storedistkey storekey",
    ),
    (
        ArgumentType::Integer,
        "bit bits client-id cluster-bus-port config-epoch count cursor db decrement destination-db end \
         end-slot entries-added entriesread frequency increment index index1 index2 integer-increment len \
         limit maxage milliseconds min-match-len ms num-matches num-vertices numfields numids numkeys \
         numlocal numreplicas offset port protover rank seconds slot start start-slot stop ttl version \
         weight",
    ),
    (
        ArgumentType::Double,
        "float-increment height latitude longitude lower-bound radius score timeout upper-bound width",
    ),
    (ArgumentType::Pattern, "by-pattern get-pattern pattern"),
    (ArgumentType::UnixTime, "unix-time-milliseconds unix-time-seconds"),
];

/// The names that are shown as another word.
const DISPLAYED: [(&str, &str); 13] = [
    ("addr", "ip:port"),
    ("auth", "password"),
    ("by-pattern", "pattern"),
    ("entriesread", "entries-read"),
    ("get-pattern", "pattern"),
    ("importing", "node-id"),
    ("keys", "key"),
    ("laddr", "ip:port"),
    ("migrating", "node-id"),
    ("node", "node-id"),
    ("old-format", "ip:port"),
    ("storedistkey", "key"),
    ("storekey", "key"),
];

/// Returns the type of the arguments with this name.
pub(super) fn type_of(name: &str) -> ArgumentType {
    let row = TYPES.iter().find(|(_, names)| names.split(' ').any(|known| known == name));
    row.map_or(ArgumentType::Text, |(kind, _)| *kind)
}

/// Returns the text that is shown for the arguments with this name, if it is another.
pub(super) fn display_text(name: &str) -> Option<&'static str> {
    DISPLAYED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// Returns the type that `COMMAND DOCS` calls by this name.
pub(super) fn type_called(name: &str) -> Option<ArgumentType> {
    const TYPES: [ArgumentType; 6] = [
        ArgumentType::Text,
        ArgumentType::Integer,
        ArgumentType::Double,
        ArgumentType::KeyName,
        ArgumentType::Pattern,
        ArgumentType::UnixTime,
    ];
    TYPES.into_iter().find(|kind| kind.to_string() == name)
}
