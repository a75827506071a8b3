//! Streams.
//!
//! - `add` XADD, XSETID; `trim` XTRIM, and the options that XADD shares with it; `delete` XDEL, XDELEX, XACKDEL
//! - `range` XLEN, XRANGE, XREVRANGE; `read` XREAD; `info` XINFO
//! - `groups` XGROUP; `read_group` XREADGROUP; `pending` XACK, XPENDING; `claim` XCLAIM, XAUTOCLAIM
//! - `ids` how identifiers are parsed; `read_options` what XREAD and XREADGROUP share; `no_group` their refusals; `reply` how entries
//!   are answered

pub(super) mod add;
pub(super) mod claim;
pub(super) mod delete;
pub(super) mod groups;
mod ids;
pub(super) mod info;
mod no_group;
pub(super) mod pending;
pub(super) mod range;
pub(super) mod read;
pub(super) mod read_group;
mod read_options;
mod reply;
pub(super) mod trim;

#[cfg(test)]
mod tests {
    use kvstore_protocol::Command;

    use crate::store::testing::{TestStore, command};

    #[test]
    fn what_visits_many_entries_is_executed_where_no_connection_waits() {
        let store = TestStore::new();
        for id in 1..=33_000 {
            store.answer(&format!("XADD s {id} a 1"));
        }
        for group in ["g", "h", "i"] {
            store.answer(&format!("XGROUP CREATE s {group} 0"));
            store.answer(&format!("XREADGROUP GROUP {group} c STREAMS s >"));
            store.answer(&format!("XGROUP CREATECONSUMER s {group} idle"));
        }
        let is_postponed = |line| store.postpones(&command(line));
        for line in [
            "XINFO STREAM s FULL COUNT 3000",
            "XPENDING s g IDLE 1 - + 1",
            "XGROUP DELCONSUMER s g c",
            "XGROUP DESTROY s h",
            "XTRIM s MAXLEN 100 DELREF",
            "XTRIM s MAXLEN 32999 ACKED",
            "XADD s MAXLEN 100 DELREF * a 1",
            "XADD s MINID 32999 ACKED * a 1",
        ] {
            assert!(is_postponed(line), "{line}");
        }
        for line in [
            "XINFO STREAM s FULL",
            "XINFO CONSUMERS s g",
            "XGROUP DELCONSUMER s g idle",
            "XTRIM s MAXLEN 33000 ACKED",
            "XTRIM s MAXLEN 32999 DELREF",
            "XADD s MAXLEN ~ 1 LIMIT 100 DELREF * a 1",
        ] {
            assert!(!is_postponed(line), "{line}");
        }
    }

    #[test]
    fn an_entry_is_added_once_when_so_many_are_removed_as_take_long_to_look_at() {
        let store = TestStore::new();
        for group in 0..64 {
            store.answer(&format!("XGROUP CREATE s {group} $ MKSTREAM"));
        }
        for id in 1..512 {
            store.answer(&format!("XADD s {id} a 1"));
        }
        // With the new one they are just so many.
        store.check([("XADD s MAXLEN 0 DELREF 600 a 1", "\"600-0\""), ("XLEN s", ":0")]);
        let info = store.answer_to(Command::new("XINFO").arg("STREAM").arg("s")).to_string();
        assert!(info.contains("\"entries-added\": :512"), "{info}");
    }
}
