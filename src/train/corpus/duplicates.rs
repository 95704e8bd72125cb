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

/// Characters from here on are words by themselves: scripts written without spaces.
const UNSPACED: char = '\u{2E80}';

/// The words of a text; a character of a script without spaces is one.
fn words_of(text: &[u8]) -> Vec<&[u8]> {
    let spaced = |b: &u8| !(b.is_ascii_alphanumeric() || *b >= 0x80);
    let parts = text.split(spaced).filter(|part| !part.is_empty());
    parts.flat_map(pieces).collect()
}

/// A part between spaces, cut around each character of a script without spaces.
fn pieces(part: &[u8]) -> Vec<&[u8]> {
    // Those characters have at least three bytes.
    let text = std::str::from_utf8(part).unwrap_or_default();
    if !text.chars().any(|c| c >= UNSPACED) {
        return vec![part];
    }
    let mut pieces = Vec::new();
    let mut from = 0;
    for (at, c) in text.char_indices().filter(|(_, c)| *c >= UNSPACED) {
        pieces.extend([&part[from..at], &part[at..at + c.len_utf8()]]);
        from = at + c.len_utf8();
    }
    pieces.push(&part[from..]);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// Signature of a document: the smallest value of each of [`HASHES`] hash functions over its shingles
/// (Broder 1997), a document with fewer words than a shingle being one; `None` of a document without words.
fn signature(text: &[u8]) -> Option<Vec<u32>> {
    // Fixed keys: the same documents are dropped on every machine.
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let words = words_of(text);
    let length = SHINGLE.min(words.len());
    if length == 0 {
        return None;
    }
    let shingles: HashSet<u64> = words.windows(length).map(|w| hasher.hash_one(w)).collect();
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

/// Groups of a band that a document is compared with: more are near copies of each other in that band
/// only by chance.
const COMPARED: usize = 64;

/// For each document the first of its group: documents that have, directly or by way of others, a Jaccard
/// similarity of word shingles of about `similarity` or more.
pub(super) fn groups(documents: &[Vec<u8>], similarity: f64) -> Vec<usize> {
    let signatures: Vec<Option<Vec<u32>>> = documents.iter().map(|d| signature(d)).collect();
    let mut first: Vec<usize> = (0..documents.len()).collect();
    let mut bands: HashMap<(usize, &[u32]), Vec<usize>> = HashMap::new();
    for (at, own) in signatures.iter().enumerate() {
        let Some(own) = own else { continue };
        for (band, hashes) in own.chunks(BAND).enumerate() {
            let alike = bands.entry((band, hashes)).or_default();
            let mut is_new = true;
            for other in alike.iter().take(COMPARED) {
                let (a, b) = (root(&mut first, at), root(&mut first, *other));
                let theirs = signatures[*other].as_deref().unwrap_or_default();
                if a == b || agree(own, theirs, similarity) {
                    first[a.max(b)] = a.min(b);
                    is_new = false;
                }
            }
            // One of a group is enough to be found by, where all of them look alike.
            if is_new {
                alike.push(at);
            }
        }
    }
    (0..documents.len()).map(|at| root(&mut first, at)).collect()
}

/// The first document of the group of `at`; the way there is shortened.
fn root(first: &mut [usize], mut at: usize) -> usize {
    while first[at] != at {
        first[at] = first[first[at]];
        at = first[at];
    }
    at
}

fn agree(a: &[u32], b: &[u32], similarity: f64) -> bool {
    let agreeing = a.iter().zip(b).filter(|(a, b)| a == b).count();
    agreeing as f64 >= similarity * HASHES as f64
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
                alike.iter().any(|at| agree(&own, &references[*at], similarity))
            })
        })
    };
    candidates.map(is_near).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_copies_are_one_group_whatever_their_order_and_number() {
        let text = |i: usize| words(1000 * i, 300);
        let near = |i: usize, k: usize| [text(i), words(900_000 + 10 * k, 5)].concat();
        let mut documents: Vec<Vec<u8>> = (0..10).map(text).collect();
        documents.extend((0..40).map(|k| near(3, k)));
        documents.push(near(7, 99));
        let groups = groups(&documents, 0.8);
        assert!(groups[10..50].iter().all(|g| *g == 3) && groups[50] == 7);
        assert!((0..10).all(|i| groups[i] == i));
        let turned: Vec<Vec<u8>> = documents.into_iter().rev().collect();
        let sizes = |groups: &[usize]| {
            let mut counts = vec![0; groups.len()];
            groups.iter().for_each(|g| counts[*g] += 1);
            counts.retain(|c| *c > 0);
            counts.sort_unstable();
            counts
        };
        assert_eq!(sizes(&super::groups(&turned, 0.8)), sizes(&groups));
    }

    #[test]
    fn short_texts_and_scripts_without_spaces_have_near_copies_too() {
        let near = |a: &str, b: &str| groups(&[a.into(), b.into()], 0.8) == [0, 0];
        assert!(near("hello, world", "hello world!") && !near("hello world", "hello there"));
        let text: String = ('一'..'丿').chain('乙'..'亿').collect();
        assert!(near(&text, &text.replace('三', "四")));
        assert!(!near(&text, &('刀'..'匙').collect::<String>()));
    }

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
