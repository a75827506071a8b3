//! Every target on every compiler: the seeds, mutations of them, and noise. The same every time.

use std::{fs, path::Path};

/// How many inputs are made for each target.
const ROUNDS: usize = 50_000;

#[test]
fn every_target_holds_for_seeds_mutations_and_noise() {
    for (name, target) in kvstore_fuzz::TARGETS {
        let seeds = seeds(name);
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let made = (0..ROUNDS).map(|_| random.input(&seeds));
        for input in seeds.iter().cloned().chain(made) {
            let outcome = std::panic::catch_unwind(|| target(&input));
            assert!(outcome.is_ok(), "{name} fails for {}", input.escape_ascii());
        }
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let files = fs::read_dir(&folder).expect("there are seeds for each target");
    let mut paths: Vec<_> = files.map(|file| file.expect("a readable folder").path()).collect();
    // The order of a folder is not the same everywhere.
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a readable seed")).collect()
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        const LIKELY: &[u8] = b"\r\n*$+-:_#,(%~>|=!0123456789 \"'\\x\0\xff";
        match self.below(2) {
            0 => LIKELY[self.below(LIKELY.len())],
            _ => self.below(256) as u8,
        }
    }

    /// One in four is noise, the others are seeds that were changed in a few places.
    fn input(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        if self.below(4) == 0 {
            let length = self.below(64);
            return (0..length).map(|_| self.byte()).collect();
        }
        let mut input = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(4) {
            self.mutate(&mut input, seeds);
        }
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let end = at + self.below(input.len() - at + 1);
        match self.below(6) {
            0 => input.truncate(at),
            1 => drop(input.drain(at..end)),
            2 => input.insert(at, self.byte()),
            3 => input.extend_from_within(at..end),
            4 => {
                let other = &seeds[self.below(seeds.len())];
                let from = self.below(other.len() + 1);
                input.splice(at..end, other[from..].iter().copied());
            }
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = self.byte();
                }
            }
        }
    }
}
