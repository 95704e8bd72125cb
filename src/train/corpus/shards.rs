//! Tokens on the disk, mapped when they are used.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Corpus, CorpusFacts, digest};
use crate::data::write_atomically;
use crate::error::{Error, Result, TrainError};
use crate::train::text::{TokenText, Width};

const SCHEMA: u32 = 1;
const CARD: &str = "corpus.json";
const TRAIN: &str = "train.bin";
const VALIDATION: &str = "validation.bin";
const TOKENIZER: &str = "tokenizer.json";

/// What the shards of a folder hold.
#[derive(Serialize, Deserialize)]
struct Card {
    schema: u32,
    name: String,
    vocab: u32,
    width: Width,
    train_tokens: usize,
    validation_tokens: usize,
    bytes_per_token: Option<f64>,
    sha256: String,
    facts: CorpusFacts,
}

/// Whether a path is a folder of shards.
pub(super) fn are_in(path: &Path) -> bool {
    path.join(CARD).is_file() && path.join(TRAIN).is_file()
}

pub(super) fn write(corpus: &Corpus, folder: &Path) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, "create", &e))?;
    let card = Card {
        schema: SCHEMA,
        name: corpus.name.clone(),
        vocab: corpus.vocab,
        width: corpus.train.width(),
        train_tokens: corpus.train.len(),
        validation_tokens: corpus.validation.len(),
        bytes_per_token: corpus.bytes_per_token,
        sha256: corpus.sha256.clone(),
        facts: corpus.facts.clone(),
    };
    let mut card = serde_json::to_string_pretty(&card)
        .map_err(|e| damaged(folder, format!("cannot be described: {e}")))?;
    card.push('\n');
    // The card comes last: a folder without one is no folder of shards.
    let mut files = vec![
        (TRAIN, corpus.train.bytes().to_vec()),
        (VALIDATION, corpus.validation.bytes().to_vec()),
    ];
    files.extend(corpus.tokenizer_json.clone().map(|json| (TOKENIZER, json.into_bytes())));
    files.push((CARD, card.into_bytes()));
    files
        .into_iter()
        .map(|(name, bytes)| {
            let path = folder.join(name);
            write_atomically(&path, &bytes)?;
            Ok(path)
        })
        .collect()
}

/// Maps the shards of a folder and checks every token of them.
pub(super) fn read(folder: &Path) -> Result<Corpus> {
    let path = folder.join(CARD);
    let text = std::fs::read_to_string(&path).map_err(|e| Error::io(&path, "reading", &e))?;
    let card: Card = serde_json::from_str(&text).map_err(|e| damaged(&path, e.to_string()))?;
    if card.schema != SCHEMA {
        return Err(damaged(&path, format!("is of version {}, not {SCHEMA}", card.schema)));
    }
    let shard = |name: &str, tokens: usize| {
        let path = folder.join(name);
        let text = TokenText::map(&path, card.width)?;
        if text.len() != tokens {
            return Err(damaged(&path, format!("holds {} tokens, not {tokens}", text.len())));
        }
        // An id beyond the vocabulary would point outside the embedding matrix.
        if text.largest_id() >= card.vocab {
            let (found, vocab) = (text.largest_id(), card.vocab);
            return Err(damaged(&path, format!("holds id {found}, but the vocabulary is {vocab}")));
        }
        Ok(text)
    };
    let train = shard(TRAIN, card.train_tokens)?;
    let validation = shard(VALIDATION, card.validation_tokens)?;
    if digest(&train, &validation) != card.sha256 {
        let what = format!("its tokens are not those that {CARD} describes (SHA-256 differs)");
        return Err(damaged(&folder.join(TRAIN), what));
    }
    let tokenizer_json = std::fs::read_to_string(folder.join(TOKENIZER)).ok();
    Ok(Corpus {
        name: card.name,
        train,
        validation,
        vocab: card.vocab,
        bytes_per_token: card.bytes_per_token,
        sha256: card.sha256,
        facts: card.facts,
        tokenizer_json,
    })
}

fn damaged(path: &Path, what: String) -> Error {
    let mend = "write the shards again with `isoloss corpus`".to_owned();
    TrainError::Corpus { what: format!("{}: {what}", path.display()), mend }.into()
}
