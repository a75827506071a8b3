//! CONFIG SET `appendonly` while the store runs.

use super::{ALWAYS, close, save};
use crate::store::{
    disk::simulated::{PowerLoss, SimulatedDisk},
    testing::TestStore,
};

const LOSSES: [PowerLoss; 4] =
    [PowerLoss::LosesAll, PowerLoss::LosesNothing, PowerLoss::KeepsPrefix(512), PowerLoss::KeepsAny(512)];

const ON: (&str, &str) = ("CONFIG SET appendonly yes", "+OK");
const ALWAYS_SYNCED: (&str, &str) = ("CONFIG SET appendfsync always", "+OK");
const OFF: (&str, &str) = ("CONFIG SET appendonly no", "+OK");

fn open(disk: &SimulatedDisk, has_journal: bool) -> TestStore {
    TestStore::durable(disk, has_journal.then_some(ALWAYS), 2).unwrap()
}

/// The store as it is after a power loss at this moment.
fn after_power_loss(disk: &SimulatedDisk) -> TestStore {
    let copy = disk.copy();
    copy.lose_power(PowerLoss::LosesAll);
    open(&copy, true)
}

#[test]
fn after_no_the_data_of_that_moment_is_kept() {
    let disk = SimulatedDisk::new(1);
    let store = open(&disk, true);
    store.check([("INCR n", ":1"), OFF, OFF, ("CONFIG GET appendonly", "{\"appendonly\": \"no\"}"), ("INCR n", ":2")]);
    assert!(store.answer("INFO persistence").to_string().contains("aof_enabled:0"));
    store.check([("WAITAOF 1 0 0", "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.")]);
    after_power_loss(&disk).check([("GET n", "\"1\"")]);
    save(&store).unwrap();
    store.check([("INCR n", ":3")]);
    after_power_loss(&disk).check([("GET n", "\"2\"")]);
}

#[test]
fn after_yes_everything_is_kept() {
    for has_journal in [true, false] {
        let disk = SimulatedDisk::new(1);
        let store = open(&disk, has_journal);
        store.check([("INCR n", ":1"), OFF, ALWAYS_SYNCED, ("INCR n", ":2"), ON, ON]);
        after_power_loss(&disk).check([("GET n", "\"2\"")]);
        store.check([("INCR n", ":3"), ("CONFIG GET appendonly", "{\"appendonly\": \"yes\"}")]);
        after_power_loss(&disk).check([("GET n", "\"3\"")]);
        save(&store).unwrap();
        store.check([("INCR n", ":4"), OFF, ("INCR n", ":5"), ON, ("INCR n", ":6"), ("WAITAOF 1 0 0", "[:1, :0]")]);
        after_power_loss(&disk).check([("GET n", "\"6\"")]);
        let shown = store.answer("INFO persistence").to_string();
        for field in [
            "aof_enabled:1",
            "aof_rewrite_in_progress:0",
            "aof_rewrites:",
            "aof_last_bgrewrite_status:ok",
            "aof_current_size:",
        ] {
            assert!(shown.contains(field), "{field} in {shown}");
        }
        close(store);
        disk.restart();
        open(&disk, true).check([("INCR n", ":7")]);
    }
}

#[test]
fn a_store_in_memory_alone_has_no_journal_to_begin() {
    let store = TestStore::new();
    let answer = store.answer("CONFIG SET appendonly yes").to_string();
    assert!(answer.contains("the store has no directory: start it with"), "{answer}");
    store.check([OFF]);
}

#[test]
fn in_a_transaction_it_is_refused() {
    let store = open(&SimulatedDisk::new(1), true);
    let mut client = store.client();
    client.check([("MULTI", "+OK"), ("CONFIG SET appendonly no", "+QUEUED"), ("CONFIG SET appendonly yes", "+QUEUED")]);
    let answer = client.answer("EXEC").to_string();
    assert!(answer.contains("cannot be set inside of MULTI") && answer.contains("+OK"), "{answer}");
    store.check([("CONFIG GET appendonly", "{\"appendonly\": \"yes\"}")]);
}

#[test]
fn a_disk_without_room_leaves_the_store_without_a_journal() {
    let disk = SimulatedDisk::new(1);
    let store = open(&disk, false);
    store.check([("INCR n", ":1"), ALWAYS_SYNCED]);
    for room in [0, 100, 200, 300] {
        disk.set_capacity(disk.size() + room);
        assert!(store.answer("CONFIG SET appendonly yes").to_string().starts_with("-ERR CONFIG SET failed"), "{room}");
        store.check([("CONFIG GET appendonly", "{\"appendonly\": \"no\"}"), ("SET other 1", "+OK")]);
    }
    disk.set_capacity(usize::MAX);
    store.check([ON, ("INCR n", ":2")]);
    after_power_loss(&disk).check([("GET n", "\"2\"")]);
}

/// What is known of a counter: the least value that is durable, and the last that was asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    durable: i64,
    issued: i64,
}

impl Known {
    fn count(&mut self, store: &TestStore, is_durable: bool) -> Option<()> {
        self.issued += 1;
        let answer = store.answer("INCR n").to_string();
        let is_counted = answer == format!(":{}", self.issued);
        is_counted.then(|| self.durable = if is_durable { self.issued } else { self.durable })
    }

    fn check(&mut self, store: &TestStore, what: &str) {
        let found = store.answer("GET n").to_string().trim_matches('"').parse().unwrap_or(0);
        assert!(self.durable <= found && found <= self.issued, "{what}: {found} of {self:?}");
        *self = Self { durable: found, issued: found };
    }
}

/// Counts, with a journal and without. Ends early at a crash.
fn run(disk: &SimulatedDisk, known: &mut Known, what: &str) -> Option<()> {
    let store = match TestStore::durable(disk, ALWAYS, 1) {
        Ok(store) => store,
        Err(_) if disk.has_crashed() => return None,
        Err(error) => panic!("{what}: {error}"),
    };
    known.check(&store, what);
    for _ in 0..2 {
        known.count(&store, true)?;
        is_ok(&store, OFF)?;
        known.count(&store, false)?;
        known.count(&store, false)?;
        is_ok(&store, ON)?;
        known.durable = known.issued;
        known.count(&store, true)?;
    }
    save(&store).ok()?;
    known.count(&store, true)?;
    tokio_test::block_on(store.store().close()).ok()
}

fn is_ok(store: &TestStore, (line, expected): (&str, &str)) -> Option<()> {
    (store.answer(line).to_string() == expected).then_some(())
}

#[test]
fn a_crash_at_any_operation_loses_nothing_that_was_durable() {
    let (disk, mut known) = (SimulatedDisk::new(0), Known::default());
    run(&disk, &mut known, "without a crash").unwrap();
    for at in 1..=disk.operations() {
        for loss in LOSSES {
            let (disk, mut known) = (SimulatedDisk::new(at), Known::default());
            let what = format!("a crash at operation {at} that {loss:?}");
            disk.crash_after(at);
            run(&disk, &mut known, &what);
            disk.lose_power(loss);
            run(&disk, &mut known, &what).expect("the disk works again");
            disk.lose_power(loss);
            known.check(&open(&disk, true), &what);
        }
    }
}

#[test]
fn what_is_written_while_it_is_switched_is_kept_from_the_answer_on() {
    let disk = SimulatedDisk::new(1);
    let store = open(&disk, false);
    store.check([ALWAYS_SYNCED]);
    for _ in 0..20 {
        std::thread::scope(|scope| {
            let counting = scope.spawn(|| (0..300).for_each(|_| _ = store.answer("INCR n")));
            store.check([ON]);
            counting.join().unwrap();
        });
        let shown = store.answer("GET n").to_string();
        after_power_loss(&disk).check([("GET n", &*shown)]);
        store.check([OFF]);
    }
}
