//! Near duplicates by MinHash: training documents that are nearly the same as a validation document.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

/// Words of one shingle.
const SHINGLE: usize = 5;
/// Hashes kept of a document; a similarity s has a standard error of sqrt(s (1 - s) / this), at most
/// 0.045.
const HASHES: usize = 128;
/// Hashes of one band: documents that agree in one band are compared.
const BAND: usize = 4;

/// Signature of a document: the smallest value of each of [`HASHES`] hash functions over its shingles
/// (Broder 1997); `None` of a document with fewer words than a shingle.
fn signature(text: &[u8]) -> Option<Vec<u32>> {
    // Fixed keys: the same documents are dropped on every machine.
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let words: Vec<&[u8]> = text
        .split(|b| !(b.is_ascii_alphanumeric() || *b >= 0x80))
        .filter(|w| !w.is_empty())
        .collect();
    let shingles: HashSet<u64> = words.windows(SHINGLE).map(|w| hasher.hash_one(w)).collect();
    if shingles.is_empty() {
        return None;
    }
    // The order in which shingles are visited does not matter: minima commute.
    let mut shingles: Vec<u64> = shingles.into_iter().collect();
    shingles.sort_unstable();
    let mut smallest = vec![u32::MAX; HASHES];
    for shingle in shingles {
        for (i, smallest) in smallest.iter_mut().enumerate() {
            // An odd multiplier of its own for each function (Dietzfelbinger et al. 1997).
            let factor = (2 * i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            *smallest = (*smallest).min((shingle.wrapping_mul(factor) >> 32) as u32);
        }
    }
    Some(smallest)
}

/// For each of `candidates`, whether one of `references` has a Jaccard similarity of word shingles of
/// about `similarity` or more with it.
pub(super) fn near<'a>(
    candidates: impl Iterator<Item = &'a [u8]>,
    references: impl Iterator<Item = &'a [u8]>,
    similarity: f64,
) -> Vec<bool> {
    let references: Vec<Vec<u32>> = references.filter_map(signature).collect();
    let mut bands: HashMap<(usize, &[u32]), Vec<usize>> = HashMap::new();
    for (at, reference) in references.iter().enumerate() {
        for (band, hashes) in reference.chunks(BAND).enumerate() {
            bands.entry((band, hashes)).or_default().push(at);
        }
    }
    let is_near = |text: &[u8]| {
        let Some(own) = signature(text) else { return false };
        own.chunks(BAND).enumerate().any(|(band, hashes)| {
            bands.get(&(band, hashes)).is_some_and(|alike| {
                alike.iter().any(|at| {
                    let agreeing = own.iter().zip(&references[*at]).filter(|(a, b)| a == b).count();
                    agreeing as f64 >= similarity * HASHES as f64
                })
            })
        })
    };
    candidates.map(is_near).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(from: usize, count: usize) -> Vec<u8> {
        (from..from + count).map(|i| format!("word{i} ")).collect::<String>().into_bytes()
    }

    #[test]
    fn a_document_with_few_changes_is_found_and_a_different_one_is_not() {
        let reference = words(0, 400);
        let mut edited = words(0, 395);
        edited.extend(words(9000, 5));
        let half = [words(0, 200), words(5000, 200)].concat();
        let other = words(1000, 400);
        let short = words(0, 3);
        let candidates = [&edited, &half, &other, &short];
        // Shingles of 396: 391 of 401 are shared with the first, 196 of 596 with the second.
        let found = near(
            candidates.iter().map(|c| c.as_slice()),
            std::iter::once(reference.as_slice()),
            0.8,
        );
        assert_eq!(found, [true, false, false, false]);
    }
}
