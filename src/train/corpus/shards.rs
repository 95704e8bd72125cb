//! Tokens on the disk, mapped when they are used.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::dataset::{Corpus, CorpusFacts, digest};
use crate::data::write_atomically;
use crate::error::{Error, Result, TrainError};
use crate::train::token_data::{TokenData, Width};

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

impl Corpus {
    /// Writes the corpus as shards that are mapped instead of read: `train.bin`, `validation.bin`,
    /// `corpus.json` and, where there is one, `tokenizer.json`.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write_shards(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, "create", &e))?;
        let card = Card {
            schema: SCHEMA,
            name: self.name.clone(),
            vocab: self.vocab,
            width: self.train.width(),
            train_tokens: self.train.len(),
            validation_tokens: self.validation.len(),
            bytes_per_token: self.bytes_per_token,
            sha256: self.sha256.clone(),
            facts: self.facts.clone(),
        };
        let mut card = serde_json::to_string_pretty(&card).map_err(|e| {
            let path = folder.join(CARD).display().to_string();
            TrainError::ShardCard { path, reason: e.to_string() }
        })?;
        card.push('\n');
        // The card comes last: a folder without one is not a folder of shards.
        let mut files = vec![
            (TRAIN, self.train.bytes().to_vec()),
            (VALIDATION, self.validation.bytes().to_vec()),
        ];
        files.extend(self.tokenizer_json.clone().map(|json| (TOKENIZER, json.into_bytes())));
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
}

impl Corpus {
    /// Maps the shards of a folder and checks every token of them.
    ///
    /// # Errors
    /// When the folder has no description, as one whose writing was interrupted, or is damaged.
    pub fn of_shards(folder: &Path) -> Result<Self> {
        read(folder)
    }
}

/// Maps the shards of a folder and checks every token of them.
pub(super) fn read(folder: &Path) -> Result<Corpus> {
    let path = folder.join(CARD);
    let named = |path: &Path| path.display().to_string();
    let text = std::fs::read_to_string(&path).map_err(|e| Error::io(&path, "reading", &e))?;
    let card: Card = serde_json::from_str(&text)
        .map_err(|e| TrainError::ShardCard { path: named(&path), reason: e.to_string() })?;
    if card.schema != SCHEMA {
        let (path, found) = (named(&path), card.schema);
        return Err(TrainError::ShardVersion { path, found, expected: SCHEMA }.into());
    }
    let shard = |name: &str, expected: usize| -> Result<TokenData> {
        let file = folder.join(name);
        let text = TokenData::map(&file, card.width)?;
        let (path, found) = (named(&file), text.len());
        if found != expected {
            return Err(TrainError::ShardLength { path, found, expected }.into());
        }
        // An id beyond the vocabulary would point outside the embedding matrix.
        let (found, vocab) = (text.largest_id(), card.vocab);
        if found >= vocab {
            return Err(TrainError::ShardId { path, found, vocab }.into());
        }
        Ok(text)
    };
    let train = shard(TRAIN, card.train_tokens)?;
    let validation = shard(VALIDATION, card.validation_tokens)?;
    let found = digest(&train, &validation);
    if found != card.sha256 {
        let path = named(&folder.join(TRAIN));
        return Err(TrainError::ShardDigest { path, found, expected: card.sha256 }.into());
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
