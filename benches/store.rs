//! The cost of a command in the store: finding the key, modifying the entry, creating the response.

use divan::{Bencher, black_box};
use kvstore::{protocol::Command, store::Store};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The numbers of keys: few enough that all entries are in the caches of the processor, and far too many.
const KEYS: [usize; 2] = [1000, 1_000_000];

/// The number of commands that are created beforehand, each with a random key.
const COMMANDS: usize = 4096;

fn main() {
    divan::main();
}

/// A store for one thread, with so many keys of 16 bytes and values of 64 bytes.
fn store(keys: usize) -> Store {
    let store = Store::builder().threads(1).build();
    for number in 0..keys {
        store.execute(&Command::new("SET").arg(key(number)).arg([b'x'; 64]));
    }
    store
}

fn key(number: usize) -> String {
    format!("key:{number:012}")
}

/// Executes the commands that `command` creates of random keys.
fn bench(bencher: Bencher<'_, '_>, keys: usize, command: impl Fn(&mut dyn FnMut() -> String) -> Command) {
    let (store, mut random) = (store(keys), fastrand::Rng::with_seed(7));
    let mut draw = || key(random.usize(..keys));
    let commands: Vec<Command> = (0..COMMANDS).map(|_| command(&mut draw)).collect();
    let mut turn = commands.iter().cycle();
    bencher.bench_local(|| turn.next().map(|command| store.execute(black_box(command))));
}

#[divan::bench(args = KEYS, sample_size = 1000)]
fn get_hit(bencher: Bencher<'_, '_>, keys: usize) {
    bench(bencher, keys, |key| Command::new("GET").arg(key()));
}

#[divan::bench(args = KEYS, sample_size = 1000)]
fn get_miss(bencher: Bencher<'_, '_>, keys: usize) {
    bench(bencher, keys, |key| Command::new("GET").arg(key() + "?"));
}

#[divan::bench(args = KEYS, sample_size = 1000)]
fn exists(bencher: Bencher<'_, '_>, keys: usize) {
    bench(bencher, keys, |key| Command::new("EXISTS").arg(key()));
}

#[divan::bench(args = KEYS, sample_size = 1000)]
fn set_overwrite(bencher: Bencher<'_, '_>, keys: usize) {
    bench(bencher, keys, |key| Command::new("SET").arg(key()).arg([b'y'; 64]));
}

/// Two commands: each key is new, and is deleted again.
#[divan::bench(args = KEYS, sample_size = 1000)]
fn set_new_and_del(bencher: Bencher<'_, '_>, keys: usize) {
    let (store, mut random) = (store(keys), fastrand::Rng::with_seed(7));
    let numbers = (0..COMMANDS).map(|_| keys + random.usize(..keys));
    let commands: Vec<_> = numbers
        .map(|number| (Command::new("SET").arg(key(number)).arg([b'x'; 64]), Command::new("DEL").arg(key(number))))
        .collect();
    let mut turn = commands.iter().cycle();
    bencher
        .bench_local(|| turn.next().map(|(set, del)| (store.execute(black_box(set)), store.execute(black_box(del)))));
}

#[divan::bench(args = KEYS, sample_size = 1000)]
fn incr(bencher: Bencher<'_, '_>, keys: usize) {
    bench(bencher, keys, |key| Command::new("INCR").arg("n:".to_owned() + &key()));
}

#[divan::bench(args = KEYS, sample_size = 1000)]
fn append(bencher: Bencher<'_, '_>, keys: usize) {
    bench(bencher, keys, |key| Command::new("APPEND").arg("a:".to_owned() + &key()).arg("x"));
}

#[divan::bench(args = KEYS, sample_size = 1000)]
fn expire(bencher: Bencher<'_, '_>, keys: usize) {
    bench(bencher, keys, |key| Command::new("EXPIRE").arg(key()).arg(1000));
}

#[divan::bench(args = KEYS, sample_size = 100)]
fn mget_10(bencher: Bencher<'_, '_>, keys: usize) {
    bench(bencher, keys, |key| Command::new("MGET").with_args((0..10).map(|_| key())));
}

#[divan::bench(args = KEYS, sample_size = 100)]
fn mset_10(bencher: Bencher<'_, '_>, keys: usize) {
    bench(bencher, keys, |key| Command::new("MSET").with_args((0..10).flat_map(|_| [key(), "y".repeat(64)])));
}

/// A batch of a pipeline: 64 commands, with and without prefetching their keys before.
#[divan::bench(args = KEYS, consts = [false, true], sample_size = 100)]
fn batch_of_64<const IS_PREFETCHED: bool>(bencher: Bencher<'_, '_>, keys: usize) {
    let (store, mut random) = (store(keys), fastrand::Rng::with_seed(7));
    let prefetch = store.prefetch();
    let commands: Vec<Command> = (0..COMMANDS).map(|_| Command::new("GET").arg(key(random.usize(..keys)))).collect();
    let mut turn = commands.chunks(64).cycle();
    bencher.bench_local(|| {
        let Some(batch) = turn.next() else { return };
        if IS_PREFETCHED {
            prefetch(black_box(batch));
        }
        batch.iter().for_each(|command| _ = black_box(store.execute(black_box(command))));
    });
}
