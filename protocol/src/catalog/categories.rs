//! The ACL categories that follow from the group and the flags of a command.

use super::Flags;

/// Returns the ACL category of the commands of a group: `keyspace` for `generic`. A group that says nothing of data, as
/// `server`, has none, nor has a group that Redis does not know.
///
/// ```
/// use kvstore_protocol::catalog::category_of_group;
///
/// assert_eq!(category_of_group("sorted-set"), Some("sortedset"));
/// assert_eq!(category_of_group("server"), None);
/// ```
pub fn category_of_group(group: &str) -> Option<&'static str> {
    const CATEGORIES: [(&str, &str); 13] = [
        ("bitmap", "bitmap"),
        ("connection", "connection"),
        ("generic", "keyspace"),
        ("geo", "geo"),
        ("hash", "hash"),
        ("hyperloglog", "hyperloglog"),
        ("list", "list"),
        ("scripting", "scripting"),
        ("set", "set"),
        ("sorted-set", "sortedset"),
        ("stream", "stream"),
        ("string", "string"),
        ("transactions", "transaction"),
    ];
    CATEGORIES.iter().find(|(name, _)| *name == group).map(|(_, category)| *category)
}

/// Returns the ACL categories of a command with these flags, beside those of its group.
///
/// ```
/// use kvstore_protocol::catalog::{Flags, categories_of_flags};
///
/// assert_eq!(categories_of_flags(Flags::READ | Flags::FAST).collect::<Vec<_>>(), ["read", "fast"]);
/// ```
pub fn categories_of_flags(flags: Flags) -> impl Iterator<Item = &'static str> {
    const CATEGORIES: [(Flags, &str); 7] = [
        (Flags::READ, "read"),
        (Flags::WRITE, "write"),
        (Flags::PUBSUB, "pubsub"),
        (Flags::ADMIN, "admin"),
        (Flags::FAST, "fast"),
        (Flags::BLOCKING, "blocking"),
        (Flags::ADMIN.and(Flags::DANGEROUS), "dangerous"),
    ];
    // In Redis, no script is in the category `read`.
    let hidden = if flags.has(Flags::RUNS_COMMANDS) { Flags::READ } else { Flags::PLAIN };
    let slow = (!flags.has(Flags::FAST)).then_some("slow");
    let shown = CATEGORIES.iter().filter(move |(flag, _)| flags.has(*flag) && *flag != hidden);
    shown.map(|(_, name)| *name).chain(slow)
}
