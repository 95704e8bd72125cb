//! The seeds of the fuzz targets and seeded damage to them: no reader panics. The search for more is
//! `fuzz/run`, which needs a nightly compiler. Of a format left out of the build the refusal is tested.

use std::path::PathBuf;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[allow(unreachable_pub, reason = "the fuzz targets are another crate")]
#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

/// Damaged copies of each seed.
const COPIES: usize = 40;

fn damaged(seed: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..rng.random_range(1..6) {
        let at = rng.random_range(0..=bytes.len());
        match rng.random_range(0..5) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
            2 => bytes.insert(at, rng.random()),
            3 => {
                let from = rng.random_range(0..=seed.len());
                let piece = seed[from..(from + 20).min(seed.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let end = (at + rng.random_range(0..9)).min(bytes.len());
                bytes[at..end].fill([0x00, 0xff, b'9', b'"'][rng.random_range(0..4)]);
            }
        }
    }
    bytes
}

#[test]
fn damaged_seeds_of_every_reader_are_read_or_refused_without_a_panic() {
    let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for target in fuzz::TARGETS {
        let mut seeds: Vec<PathBuf> = std::fs::read_dir(corpus.join(target))
            .expect("seeds of the target")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        seeds.sort();
        assert!(!seeds.is_empty(), "{target}");
        for seed in seeds {
            let bytes = std::fs::read(&seed).expect("a seed");
            fuzz::run(target, &bytes);
            for _ in 0..COPIES {
                fuzz::run(target, &damaged(&bytes, &mut rng));
            }
        }
    }
}
