//! Which documents are for training and which for validation.

use sha2::{Digest, Sha256};

use crate::data::TextDocument;

/// Training and validation documents: those whose origin hashes low are kept for validation; a single
/// document gives its tail.
pub(super) fn split(mut documents: Vec<TextDocument>, share: f64) -> [Vec<Vec<u8>>; 2] {
    if let [only] = documents.as_mut_slice() {
        let mut cut = (only.text.len() as f64 * (1.0 - share)) as usize;
        // A cut within a character would leave invalid UTF-8 on both sides.
        while cut < only.text.len() && only.text[cut] & 0xC0 == 0x80 {
            cut += 1;
        }
        let tail = only.text.split_off(cut);
        let head = std::mem::take(&mut only.text);
        return [head, tail].map(|side| if side.is_empty() { vec![] } else { vec![side] });
    }
    let rank = |d: &TextDocument| {
        let hash = Sha256::digest(d.origin.as_bytes());
        u64::from_be_bytes(std::array::from_fn(|i| hash[i]))
    };
    let limit = (u64::MAX as f64 * share) as u64;
    // At least one document on the validation side, and at least one left for training.
    let lowest = documents.iter().map(rank).min().unwrap_or(0);
    let highest = documents.iter().map(rank).max().unwrap_or(0);
    let (training, validation): (Vec<_>, Vec<_>) = documents.into_iter().partition(|d| {
        let rank = rank(d);
        rank == highest || (rank > limit && rank != lowest)
    });
    [training, validation].map(|side| side.into_iter().map(|d| d.text).collect())
}
