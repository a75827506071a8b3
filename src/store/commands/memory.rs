//! MEMORY: the memory of keys, and of the store.

use std::sync::atomic::Ordering;

use kvstore_protocol::{CommandError, Response};

use crate::{
    server::ServerStatus,
    store::{
        call::Call,
        spec::{Answer, Hold::InTurn, Scope, Spec},
    },
};

pub(super) const SPECS: &[Spec] = &[MEMORY];

/// `MEMORY USAGE | STATS | DOCTOR | PURGE | MALLOC-STATS`: the memory of a key, and of the store.
const MEMORY: Spec = Spec::family(
    "MEMORY",
    &[
        Spec::new("USAGE", usage),
        Spec::new("STATS", stats).over(Scope::All(InTurn)),
        Spec::new("DOCTOR", doctor),
        Spec::new("PURGE", purge),
        Spec::new("MALLOC-STATS", malloc_stats),
        Spec::help(&[
            "MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
            "DOCTOR",
            "    Return memory problems reports.",
            "MALLOC-STATS",
            "    Return internal statistics report from the memory allocator.",
            "PURGE",
            "    Attempt to purge dirty pages for reclamation by the allocator.",
            "STATS",
            "    Return information about the memory usage of the server.",
            "USAGE <key> [SAMPLES <count>]",
            "    Return memory in bytes used by <key> and its value. The memory is",
            "    known: no values are sampled.",
        ]),
    ],
);

/// `MEMORY USAGE key [SAMPLES count]`: the memory of a key and its value, in bytes. Nothing is sampled, since it is counted.
fn usage(call: &mut Call<'_>) -> Answer {
    let mut options = call.args().options(2);
    while options.keyword("SAMPLES") {
        if options.integer()? < 0 {
            return Err(CommandError::SYNTAX);
        }
    }
    options.finish()?;
    Ok(call.peek(0).map(|entry| entry.memory()).into())
}

/// `MEMORY STATS`: what takes memory, in bytes.
fn stats(call: &mut Call<'_>) -> Answer {
    let memory = UsedMemory::of(call);
    let keys = call.all_facts().keys;
    let fields = [
        ("peak.allocated", memory.peak),
        ("total.allocated", memory.total()),
        ("clients.normal", memory.clients),
        ("keys.count", keys),
        ("keys.bytes-per-key", memory.dataset.checked_div(keys).unwrap_or(0)),
        ("dataset.bytes", memory.dataset),
    ];
    Ok(Response::Map(fields.into_iter().map(|(name, bytes)| (name.into(), bytes.into())).collect()))
}

/// `MEMORY DOCTOR`: the problems that are known. The store looks for none.
fn doctor(_: &mut Call<'_>) -> Answer {
    Ok(Response::Verbatim(*b"txt", "No memory problem is known. MEMORY STATS shows what takes memory.".into()))
}

/// `MEMORY PURGE`: nothing is to be done, since the allocator gives memory back by itself.
fn purge(_: &mut Call<'_>) -> Answer {
    Ok(Response::ok())
}

/// `MEMORY MALLOC-STATS`: the store does not know its allocator.
fn malloc_stats(_: &mut Call<'_>) -> Answer {
    Ok("Stats not supported for the current allocator".into())
}

/// The memory that is in use, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct UsedMemory {
    /// The entries of all databases.
    pub(super) dataset: usize,
    /// The buffers of connections, and the commands of transactions that wait for EXEC.
    pub(super) clients: usize,
    /// The interpreters of scripts, and their sources.
    pub(super) scripts: usize,
    /// The most that was in use when somebody asked: it is not measured in between.
    pub(super) peak: usize,
}

impl UsedMemory {
    /// Measures it: for a command over all shards.
    pub(super) fn of(call: &mut Call<'_>) -> Self {
        let queued = call.store().queued.load(Ordering::Relaxed);
        let clients = call.session().extensions().get().map_or(0, ServerStatus::buffer_memory) + queued;
        let dataset = call.all_facts().memory;
        let scripts = call.store().scripts.memory();
        let scripts = scripts.interpreters.iter().chain(&scripts.sources).sum();
        let used = dataset + clients + scripts;
        let peak = call.store().peak_memory.fetch_max(used, Ordering::Relaxed).max(used);
        Self { dataset, clients, scripts, peak }
    }

    pub(super) fn total(self) -> usize {
        self.dataset + self.clients + self.scripts
    }
}

#[cfg(test)]
mod tests {
    use kvstore_protocol::{Command, Response};

    use crate::store::testing::TestStore;

    fn usage(store: &TestStore, key: &str) -> i64 {
        match store.answer(&format!("MEMORY USAGE {key}")) {
            Response::Integer(bytes) => bytes,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn usage_grows_with_the_value() {
        let store = TestStore::new();
        store.check([("MEMORY USAGE k", "(nil)"), ("SET k v", "+OK"), ("SADD s 1", ":1")]);
        assert!((3..64).contains(&usage(&store, "k")) && (3..64).contains(&usage(&store, "s")));
        let long = "x".repeat(10_000);
        store.answer_to(Command::new("SET").arg("k").arg(&long));
        store.answer_to(Command::new("SADD").arg("s").with_args((0..1000).map(|number| format!("member:{number}"))));
        store.answer_to(Command::new("SET").arg(&long).arg("v"));
        assert!((10_000..12_000).contains(&usage(&store, "k")), "{}", usage(&store, "k"));
        assert!((10_000..40_000).contains(&usage(&store, "s")), "{}", usage(&store, "s"));
        assert!((10_000..12_000).contains(&usage(&store, &long)));
    }

    #[test]
    fn a_small_collection_with_a_long_element_takes_little_memory() {
        let (store, long) = (TestStore::new(), "x".repeat(100));
        store.answer(&format!("HSET h name bob mail b@x.org token {long} n 5"));
        store.answer(&format!("SADD s a b c {long}"));
        store.answer(&format!("ZADD z 1 a 2 b 3 c 4 {long}"));
        for (key, most) in [("h", 1400), ("s", 1300), ("z", 2000)] {
            store.check([(
                &*format!("OBJECT ENCODING {key}"),
                if key == "z" { "\"skiplist\"" } else { "\"hashtable\"" },
            )]);
            assert!(usage(&store, key) <= most, "{key}: {}", usage(&store, key));
        }
    }

    #[test]
    fn a_copy_of_a_hash_whose_fields_expire_takes_as_much_memory() {
        let store = TestStore::new();
        for length in 1..40 {
            let (key, copy) = ("k".repeat(length), "c".repeat(length));
            store.check([
                (&*format!("HSET {key} f1 v1 f3 v3 f4 v4"), ":3"),
                (&*format!("HEXPIRE {key} 2000 FIELDS 1 f1"), "[:1]"),
                (&*format!("COPY {key} {copy}"), ":1"),
            ]);
            assert_eq!(usage(&store, &key), usage(&store, &copy), "{length}");
        }
    }

    #[test]
    fn usage_refuses_invalid_samples() {
        TestStore::new().check([
            ("SET k v", "+OK"),
            ("MEMORY USAGE k SAMPLES", "-ERR syntax error"),
            ("MEMORY USAGE k SAMPLES -1", "-ERR syntax error"),
            ("MEMORY USAGE k SAMPLES x", "-ERR value is not an integer or out of range"),
            ("MEMORY USAGE k FOO", "-ERR syntax error"),
            ("MEMORY USAGE", "-ERR wrong number of arguments for 'memory|usage' command"),
            ("MEMORY USAGE missing SAMPLES 0", "(nil)"),
        ]);
    }

    #[test]
    fn the_other_subcommands_say_what_is_known() {
        let store = TestStore::new();
        store.check([("SET k v", "+OK"), ("MEMORY PURGE", "+OK")]);
        let stats = store.answer("MEMORY STATS").to_string();
        assert!(stats.contains(r#""keys.count": :1, "keys.bytes-per-key""#), "{stats}");
        for line in ["MEMORY DOCTOR", "MEMORY MALLOC-STATS", "MEMORY HELP"] {
            assert!(!store.answer(line).is_error(), "{line}");
        }
    }
}
