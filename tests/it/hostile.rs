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

/// Lines of every trainer, mutated: an answer, or a refusal that names the file or says what to do.
mod lines_of_trainers {
    use isoloss::data::{ReadOptions, read};
    use proptest::prelude::*;

    use super::fuzz::{PRINTED, as_stdout};

    /// What stands in a line where a number or a separator stood.
    const ODD: [&str; 12] = [
        "nan",
        "-inf",
        "1e999",
        "-1",
        "99999999999999999999",
        "",
        "\r",
        "\0",
        "\u{1b}[31m",
        "{",
        "\n\n",
        "\u{202e}",
    ];

    /// The file with a few of its characters replaced, and a few of its lines repeated or moved up.
    fn mutated(text: &str, odd: &[(usize, usize)], moved: &[(usize, usize)]) -> String {
        let mut text = text.to_owned();
        for (at, odd) in odd {
            let places = text.char_indices().filter(|(_, c)| !c.is_alphabetic());
            let places: Vec<usize> = places.map(|(place, _)| place).collect();
            let Some(place) = places.get(at % places.len().max(1)) else { continue };
            let end = place + text[*place..].chars().next().map_or(0, char::len_utf8);
            text.replace_range(*place..end, ODD[odd % ODD.len()]);
        }
        let mut lines: Vec<&str> = text.split_inclusive(['\n', '\r']).collect();
        for (from, to) in moved {
            let (from, to) = (from % lines.len(), to % lines.len());
            lines.insert(to, lines[from]);
        }
        lines.concat()
    }

    fn piece(trainer: usize, steps: u8) -> [u8; 3] {
        [2, u8::try_from(trainer).expect("few trainers"), steps]
    }

    /// The count of runs, or why there are none.
    fn answer(text: &str, strict: bool) -> Result<usize, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("stdout.log");
        std::fs::write(&path, text).expect("written");
        let given = ["seq_len=128", "batch_size=8", "n_params=1e6"];
        let given = given.iter().map(|fact| fact.parse().expect("a fact")).collect();
        let options = ReadOptions { strict, given, ..ReadOptions::default() };
        match read(&[path], &options) {
            Ok(table) => Ok(table.runs.len()),
            Err(error) => {
                assert!(error.is_bad_input(), "{error}");
                Err(error.to_string())
            }
        }
    }

    #[test]
    fn lines_as_they_are_printed_are_known() {
        for trainer in 0..PRINTED.len() {
            let text = as_stdout(&piece(trainer, 31));
            let text = String::from_utf8(text).expect("text");
            if let Err(error) = answer(&text, false) {
                assert!(!error.contains("no pattern knows"), "{trainer}: {error}\n{text}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 120,
            rng_seed: proptest::test_runner::RngSeed::Fixed(29),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn mutated_lines_are_read_or_refused(
            runs in prop::collection::vec((0..PRINTED.len(), 1..32_u8), 1..4),
            odd in prop::collection::vec((0..5000_usize, 0..ODD.len()), 0..6),
            moved in prop::collection::vec((0..200_usize, 0..200_usize), 0..4),
            strict in any::<bool>(),
        ) {
            let pieces = runs.iter().flat_map(|(trainer, steps)| piece(*trainer, *steps));
            let text = as_stdout(&pieces.collect::<Vec<u8>>());
            let text = mutated(std::str::from_utf8(&text).expect("text"), &odd, &moved);
            match answer(&text, strict) {
                Ok(found) => prop_assert!((1..=text.lines().count()).contains(&found)),
                Err(error) => prop_assert!(error.len() > 20 && error.len() < 20_000, "{error}"),
            }
        }
    }
}
