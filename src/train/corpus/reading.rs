//! From a description to tokens: read or drawn, split, copies dropped, shuffled, encoded.

use std::collections::HashSet;
use std::path::Path;

use rand::seq::SliceRandom;
use sha2::{Digest, Sha256};

use super::dataset::{Corpus, CorpusFacts, digest};
use super::split::split;
use super::synthetic::Synthetic;
use super::tokenizer::Tokenizer;
use super::{crates, duplicates, shards};
use crate::data::read_texts;
use crate::error::{Result, TrainError};
use crate::sweep::{CorpusSource, CorpusSpec, SyntheticSpec, stream};
use crate::train::token_data::TokenData;

/// Seed of the document order, which is part of the corpus and not of a run.
const ORDER_SEED: u64 = 0x1501_055E;

/// Validation tokens drawn from a synthetic source.
const SYNTHETIC_VALIDATION: usize = 1 << 20;

impl Corpus {
    /// Reads or draws a corpus.
    ///
    /// - `registry`: the folder in which cargo unpacks crates; only crate sources need it.
    ///
    /// Documents are split before anything else: by a hash of where they came from, so that the same
    /// document stays on its side when others are added. Exact copies of validation documents, and
    /// documents that are nearly the same, are then dropped from the training side. The tokenizer is
    /// trained on training documents alone.
    ///
    /// # Errors
    /// [`TrainError::NoText`] when the path holds no text, [`TrainError::NoRegistry`] and
    /// [`TrainError::MissingCrate`] for crate sources that are not on this machine,
    /// [`TrainError::Tokenizer`], [`TrainError::ShardDigest`] and its kin for damaged shards, and what
    /// reading files may fail with.
    pub fn read(spec: &CorpusSpec, registry: Option<&Path>) -> Result<Self> {
        spec.validate()?;
        let mut corpus = match spec.source() {
            CorpusSource::Synthetic(synthetic) => draw(synthetic),
            CorpusSource::Path(path) if shards::are_in(path) => shards::read(path)?,
            CorpusSource::Path(path) => {
                let (documents, left_out) = read_texts(path, &spec.text_field)?;
                let sides = split(documents, spec.validation_fraction);
                assemble(path.display().to_string(), sides, left_out, spec)?
            }
            CorpusSource::Crates => {
                let registry = registry.ok_or(TrainError::NoRegistry)?;
                assemble(crates::name(), crates::read(registry)?, 0, spec)?
            }
        };
        if let Some(unique) = spec.unique_tokens {
            corpus.train = corpus.train.truncated(unique as usize);
            corpus.sha256 = digest(&corpus.train, &corpus.validation);
        }
        Ok(corpus)
    }
}

fn draw(spec: SyntheticSpec) -> Corpus {
    let source = Synthetic::new(spec);
    let train = source.tokens(spec.tokens as usize, 1);
    let validation = source.tokens(SYNTHETIC_VALIDATION, 2);
    let facts = CorpusFacts {
        entropy_nats: Some(source.entropy_nats()),
        first_order_nats: Some(source.first_order_nats()),
        ..CorpusFacts::default()
    };
    let name = format!("synthetic, entropy {:.4} nats per token", source.entropy_nats());
    Corpus { facts, ..Corpus::of_ids(&name, &train, &validation, spec.vocab) }
}

fn assemble(
    name: String,
    [mut training, mut validation]: [Vec<Vec<u8>>; 2],
    left_out: usize,
    spec: &CorpusSpec,
) -> Result<Corpus> {
    let read = training.len() + validation.len();
    let mut seen = HashSet::new();
    // Validation first, so that a copy of one of its documents is dropped from training.
    validation.retain(|d| seen.insert(Sha256::digest(d)));
    training.retain(|d| seen.insert(Sha256::digest(d)));
    let copies = read - training.len() - validation.len();
    let mut near_copies = 0;
    if spec.near_duplicates < 1.0 {
        let near = duplicates::near(
            training.iter().map(Vec::as_slice),
            validation.iter().map(Vec::as_slice),
            spec.near_duplicates,
        );
        near_copies = near.iter().filter(|near| **near).count();
        let mut near = near.into_iter();
        training.retain(|_| !near.next().unwrap_or(false));
    }
    if training.is_empty() && copies + near_copies > 0 {
        let dropped = copies + near_copies;
        return Err(TrainError::OnlyCopies { path: name, dropped }.into());
    }
    if training.is_empty() || validation.is_empty() {
        return Err(TrainError::NoText { path: name }.into());
    }
    training.shuffle(&mut stream(ORDER_SEED, 0));
    let training_text: Vec<&[u8]> = training.iter().map(Vec::as_slice).collect();
    let validation_text: Vec<&[u8]> = validation.iter().map(Vec::as_slice).collect();
    let tokenizer = Tokenizer::named(&spec.tokenizer, training_text.iter().copied())?;
    let vocab = tokenizer.vocab();
    let train = TokenData::from_ids(&tokenizer.encode(&training_text)?, vocab);
    let held_out = TokenData::from_ids(&tokenizer.encode(&validation_text)?, vocab);
    let bytes: usize = validation_text.iter().map(|d| d.len()).sum();
    let facts = CorpusFacts {
        train_documents: training.len(),
        validation_documents: validation.len(),
        left_out,
        copies,
        near_copies,
        ..CorpusFacts::default()
    };
    Ok(Corpus {
        name,
        sha256: digest(&train, &held_out),
        vocab,
        bytes_per_token: Some(bytes as f64 / held_out.len() as f64),
        train,
        validation: held_out,
        facts,
        tokenizer_json: tokenizer.to_json()?,
    })
}
