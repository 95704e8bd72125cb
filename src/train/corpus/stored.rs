//! Tokens that another trainer's tools have stored.

use std::path::Path;

use super::dataset::{Corpus, CorpusFacts};
use crate::data::{TokenFiles, TokenWidth};
use crate::error::{Result, TrainError};
use crate::sweep::CorpusSpec;
use crate::train::token_data::{TokenData, Width};

/// Reads files of tokens; without a validation file the last `validation_fraction` of the tokens is
/// validation data.
///
/// The vocabulary is what the file says, or the largest id and one.
pub(super) fn read(path: &Path, files: &TokenFiles, spec: &CorpusSpec) -> Result<Corpus> {
    let width = match files.width {
        TokenWidth::Two => Width::U16,
        TokenWidth::Four => Width::U32,
    };
    let share = spec.validation_fraction;
    // A cut training side needs no more of the files than that, and what validation takes of them.
    let most = spec.unique_tokens.map_or(usize::MAX, |unique| match files.has_validation() {
        true => unique as usize,
        false => (unique / (1.0 - share)).ceil() as usize + 1,
    });
    let [mut train, mut validation] = files.read(most)?;
    if !files.has_validation() {
        let tokens = train.len() / width.bytes();
        let held_out = ((tokens as f64 * share).round() as usize).clamp(1, tokens.max(2) - 1);
        validation = train.split_off((tokens - held_out.min(tokens)) * width.bytes());
    }
    let [train, validation] = [train, validation].map(|b| TokenData::from_bytes(b, width));
    let name = path.display().to_string();
    if train.is_empty() || validation.is_empty() {
        return Err(TrainError::NoText { path: name }.into());
    }
    let found = train.largest_id().max(validation.largest_id());
    let vocab = match spec.vocab {
        Some(vocab) if vocab <= found => {
            let expected = found.saturating_add(1);
            return Err(TrainError::SmallVocab { found: vocab, expected }.into());
        }
        Some(vocab) => vocab,
        None => found.saturating_add(1),
    };
    let facts = CorpusFacts { left_out: files.left_out, ..CorpusFacts::default() };
    Ok(Corpus { facts, ..Corpus::of_tokens(&name, train, validation, vocab) })
}
