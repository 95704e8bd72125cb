//! Which documents are for training and which for validation.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

/// Validation is large enough when its share is this near to the share asked for.
const NEAR: f64 = 0.01;

/// Documents each once, in the order of a hash of what they say: the same documents in any order, files
/// or number of copies give the same list.
pub(super) fn unique(documents: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut ranked: Vec<([u8; 32], Vec<u8>)> =
        documents.into_iter().map(|text| (Sha256::digest(&text).into(), text)).collect();
    ranked.sort_unstable();
    ranked.dedup_by(|a, b| a.0 == b.0);
    ranked.into_iter().map(|(_, text)| text).collect()
}

/// Two sides of one document: its beginning, and its last `share` for validation.
pub(super) fn halves(mut document: Vec<u8>, share: f64) -> [Vec<Vec<u8>>; 2] {
    let mut cut = (document.len() as f64 * (1.0 - share)).round() as usize;
    // A cut within a character would leave invalid UTF-8 on both sides.
    while cut < document.len() && document[cut] & 0xC0 == 0x80 {
        cut += 1;
    }
    let tail = document.split_off(cut);
    [document, tail].map(|side| if side.is_empty() { vec![] } else { vec![side] })
}

/// For each document its side, `true` for validation, and whether it is dropped: a near copy of a document
/// that validation keeps.
///
/// - `sizes`: bytes of unique documents, in an order that does not depend on where they came from.
/// - `groups`: the first document of the group of near copies each belongs to.
/// - `share`: of the bytes that are kept, as nearly as whole groups allow; at least one group on each side.
///
/// A group is on one side as a whole. Validation keeps one document of it, the first.
pub(super) fn sides(sizes: &[usize], groups: &[usize], share: f64) -> Sides {
    let mut whole = vec![0_usize; sizes.len()];
    groups.iter().zip(sizes).for_each(|(group, size)| whole[*group] += size);
    let heads: Vec<usize> = (0..sizes.len()).filter(|i| groups[*i] == *i).collect();
    let (mut train, mut held_out) = (sizes.iter().sum::<usize>() as f64, 0.0_f64);
    let mut chosen = HashSet::new();
    // The share with one group more in validation.
    let with = |head: usize, train: f64, held_out: f64| {
        let (train, held_out) = (train - whole[head] as f64, held_out + sizes[head] as f64);
        held_out / (train + held_out).max(1.0)
    };
    let now = |train: f64, held_out: f64| held_out / (train + held_out).max(1.0);
    for &head in &heads {
        if share - now(train, held_out) < NEAR * share || chosen.len() + 1 == heads.len() {
            break;
        }
        if with(head, train, held_out) <= (1.0 + NEAR) * share {
            train -= whole[head] as f64;
            held_out += sizes[head] as f64;
            chosen.insert(head);
        }
    }
    // One that goes beyond the share may still be nearer to it than none, and there must be one.
    let gap = (share - now(train, held_out)).abs();
    let nearest = heads
        .iter()
        .filter(|head| !chosen.contains(*head))
        .map(|head| ((with(*head, train, held_out) - share).abs(), *head));
    let nearest = nearest.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    if let Some((distance, head)) = nearest
        && (chosen.is_empty() || (distance < gap && chosen.len() + 1 < heads.len()))
        && heads.len() > 1
    {
        chosen.insert(head);
    }
    let is_held_out = |i: usize| chosen.contains(&groups[i]);
    Sides {
        validation: (0..sizes.len()).map(is_held_out).collect(),
        dropped: (0..sizes.len()).map(|i| is_held_out(i) && groups[i] != i).collect(),
    }
}

/// Where documents go.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sides {
    /// Whether a document is for validation.
    pub(super) validation: Vec<bool>,
    /// Whether it is left out.
    pub(super) dropped: Vec<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(sizes: &[usize], groups: &[usize], asked: f64) -> (f64, usize) {
        let sides = sides(sizes, groups, asked);
        let kept = |held_out: bool| -> f64 {
            (0..sizes.len())
                .filter(|i| sides.validation[*i] == held_out && !sides.dropped[*i])
                .map(|i| sizes[i] as f64)
                .sum()
        };
        let count = sides.validation.iter().filter(|v| **v).count();
        (kept(true) / (kept(true) + kept(false)), count)
    }

    fn alone(sizes: &[usize]) -> Vec<usize> {
        (0..sizes.len()).collect()
    }

    #[test]
    fn the_share_asked_for_is_the_share_given() {
        for asked in [0.01, 0.05, 0.1, 0.5, 0.9] {
            // Sizes from 100 to 1099 bytes without a pattern.
            let sizes: Vec<usize> = (0..400).map(|i| 100 + i * 7919 % 1000).collect();
            let (given, _) = share(&sizes, &alone(&sizes), asked);
            assert!((given / asked - 1.0).abs() < 0.025, "{asked} {given}");
        }
    }

    #[test]
    fn each_side_has_a_document_whatever_the_share_and_the_sizes() {
        for (sizes, asked, expected) in [
            (vec![1000, 1000], 0.001, 1),
            (vec![1000, 1000], 0.999, 1),
            (vec![1_000_000, 10], 0.05, 1),
            (vec![10, 1_000_000], 0.99, 1),
            (vec![5, 5, 5], 0.99, 2),
        ] {
            let (_, count) = share(&sizes, &alone(&sizes), asked);
            assert_eq!(count, expected, "{sizes:?} {asked}");
        }
    }

    #[test]
    fn a_document_larger_than_the_share_is_passed_over() {
        let mut sizes = vec![100; 100];
        sizes[0] = 50_000;
        let (given, _) = share(&sizes, &alone(&sizes), 0.05);
        assert!((given - 0.05).abs() < 0.001, "{given}");
    }

    #[test]
    fn a_group_of_near_copies_is_on_one_side_and_validation_keeps_one() {
        // Twenty groups of five.
        let (sizes, groups) = (vec![100; 100], (0..100).map(|i| i / 5 * 5).collect::<Vec<_>>());
        let sides = sides(&sizes, &groups, 0.05);
        for group in sides.validation.chunks(5) {
            assert!(group.iter().all(|v| *v == group[0]));
        }
        let held_out: Vec<usize> = (0..100).filter(|i| sides.validation[*i]).collect();
        let dropped = held_out.iter().filter(|i| sides.dropped[**i]).count();
        assert_eq!(dropped * 5, held_out.len() * 4);
        let (given, _) = share(&sizes, &groups, 0.05);
        assert!((given - 0.05).abs() < 0.006, "{given}");
    }

    #[test]
    fn one_document_is_cut_between_characters() {
        let [head, tail] = halves("é".repeat(100).into_bytes(), 0.055);
        assert!(std::str::from_utf8(&head[0]).is_ok() && std::str::from_utf8(&tail[0]).is_ok());
        assert_eq!((head[0].len(), tail[0].len()), (190, 10));
    }
}
