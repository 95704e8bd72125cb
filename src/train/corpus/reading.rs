//! From a description to tokens: read or drawn, split, copies dropped, shuffled, encoded.

use std::collections::HashSet;
use std::path::Path;

use rand::seq::SliceRandom;
use sha2::{Digest, Sha256};

use super::dataset::{Corpus, CorpusFacts, digest};
use super::split::{halves, sides, unique};
use super::tokenizer::Tokenizer;
use super::{crates, duplicates, shards, stored, synthetic};
use crate::data::{Documents, SetAside, find_token_files, read_texts};
use crate::error::{Result, TrainError};
use crate::sweep::{CorpusSource, CorpusSpec, stream};
use crate::train::token_data::TokenData;

/// Seed of the document order, which is part of the corpus and not of a run.
const ORDER_SEED: u64 = 0x1501_055E;

impl Corpus {
    /// Reads or draws a corpus.
    ///
    /// - `registry`: the folder in which cargo unpacks crates; only crate sources need it.
    ///
    /// Documents are split before anything else, each once, by a hash of what they say: the same documents
    /// in any order, files and number of copies are split alike, and validation gets the share of the bytes
    /// that was asked for as nearly as whole documents allow. Documents that are nearly the same stay
    /// together, and validation keeps one of them. The tokenizer is trained on training documents alone.
    ///
    /// # Errors
    /// [`TrainError::NoText`] when the path holds no text, [`TrainError::NoRegistry`] and
    /// [`TrainError::MissingCrate`] for crate sources that are not on this machine,
    /// [`TrainError::Tokenizer`], [`TrainError::ShardDigest`] and its kin for damaged shards,
    /// [`TrainError::TooFewUnique`] when there are fewer tokens than `unique_tokens`, and what reading files
    /// may fail with.
    pub fn read(spec: &CorpusSpec, registry: Option<&Path>) -> Result<Self> {
        spec.validate_source()?;
        let mut corpus = match spec.source() {
            CorpusSource::Synthetic(source) => synthetic::draw(&source),
            CorpusSource::Path(path) if shards::are_in(path) => shards::read(path)?,
            CorpusSource::Path(path) => match find_token_files(path)? {
                Some(files) => stored::read(path, &files, spec)?,
                None => from_documents(path, read_texts(path, &spec.text_field)?, spec)?,
            },
            CorpusSource::Crates => {
                let registry = registry.ok_or(TrainError::NoRegistry)?;
                from_sides(crates::name(), crates::read(registry)?, spec)?
            }
        };
        if let Some(unique) = spec.unique_tokens {
            let expected = unique as usize;
            if corpus.train.len() < expected {
                let (name, found) = (corpus.name, corpus.train.len());
                return Err(TrainError::TooFewUnique { corpus: name, found, expected }.into());
            }
            corpus.train = corpus.train.truncated(expected);
            corpus.sha256 = digest(&corpus.train, &corpus.validation);
        }
        corpus.facts.used_tokens = corpus.train.kinds(corpus.vocab);
        Ok(corpus)
    }
}

/// A corpus of documents whose sides follow from what they say.
fn from_documents(path: &Path, documents: Documents, spec: &CorpusSpec) -> Result<Corpus> {
    let name = path.display().to_string();
    let Documents { texts, set_aside } = documents;
    let read = texts.len();
    let mut texts = unique(texts.into_iter().map(|d| d.text).collect());
    let copies = read - texts.len();
    let mut facts = CorpusFacts { copies, set_aside, ..CorpusFacts::default() };
    if texts.len() <= 1 {
        let [training, validation] = match texts.pop() {
            Some(only) => halves(only, spec.validation_fraction),
            None => return Err(TrainError::NoText { path: name }.into()),
        };
        if repeats(&training, &validation, spec) {
            return Err(TrainError::OnlyCopies { path: name, dropped: copies + 1 }.into());
        }
        return encode(name, [training, validation], facts, spec);
    }
    let groups = match spec.near_duplicates < 1.0 {
        true => duplicates::groups(&texts, spec.near_duplicates),
        false => (0..texts.len()).collect(),
    };
    if groups.iter().all(|group| *group == 0) {
        let dropped = copies + texts.len() - 1;
        return Err(TrainError::OnlyCopies { path: name, dropped }.into());
    }
    let sizes: Vec<usize> = texts.iter().map(Vec::len).collect();
    let sides = sides(&sizes, &groups, spec.validation_fraction);
    facts.near_copies = sides.dropped.iter().filter(|dropped| **dropped).count();
    let (mut training, mut validation) = (Vec::new(), Vec::new());
    for ((text, held_out), dropped) in texts.into_iter().zip(sides.validation).zip(sides.dropped) {
        match (held_out, dropped) {
            (true, true) => {}
            (true, false) => validation.push(text),
            (false, _) => training.push(text),
        }
    }
    encode(name, [training, validation], facts, spec)
}

/// Whether the two sides of one document say nearly the same.
fn repeats(training: &[Vec<u8>], validation: &[Vec<u8>], spec: &CorpusSpec) -> bool {
    let (a, b) = (training.iter().map(Vec::as_slice), validation.iter().map(Vec::as_slice));
    spec.near_duplicates < 1.0 && duplicates::near(a, b, spec.near_duplicates).contains(&true)
}

/// A corpus whose sides are given.
fn from_sides(
    name: String,
    [mut training, mut validation]: [Vec<Vec<u8>>; 2],
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
    let set_aside = SetAside::default();
    let facts = CorpusFacts { copies, near_copies, set_aside, ..CorpusFacts::default() };
    encode(name, [training, validation], facts, spec)
}

/// Shuffles the training documents and turns both sides into tokens.
fn encode(
    name: String,
    [mut training, validation]: [Vec<Vec<u8>>; 2],
    facts: CorpusFacts,
    spec: &CorpusSpec,
) -> Result<Corpus> {
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
        left_out: facts.set_aside.total(),
        ..facts
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
