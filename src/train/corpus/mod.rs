//! Text as tokens, split in training and validation without leakage.
//!
//! ```text
//! documents -> split -> exact and near copies dropped -> shuffled -> tokens
//! ```

mod crates;
mod duplicates;
mod shards;
mod synthetic;
mod tokenizer;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use self::synthetic::Synthetic;
use self::tokenizer::Tokenizer;
use super::text::TokenText;
use crate::data::{TextDocument, read_texts};
use crate::error::{Result, TrainError};
use crate::sweep::{CorpusSpec, SyntheticSpec, stream};

/// Seed of the document order, which is part of the corpus and not of a run.
const ORDER_SEED: u64 = 0x1501_055E;

/// Validation tokens drawn from a synthetic source.
const SYNTHETIC_VALIDATION: usize = 1 << 20;

/// Training and validation text.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// Name for logs.
    pub name: String,
    /// Training text.
    pub train: TokenText,
    /// Validation text, from documents that the training text does not share.
    pub validation: TokenText,
    /// Kinds of tokens.
    pub vocab: u32,
    /// Bytes of validation text per token, ends of documents left out of the bytes; `None` without text.
    pub bytes_per_token: Option<f64>,
    /// SHA-256 of the training length and both texts, in their order.
    pub sha256: String,
    /// What was made of the documents.
    pub facts: CorpusFacts,
    /// The `tokenizer.json` that made the tokens; `None` of bytes and of synthetic tokens.
    pub tokenizer_json: Option<String>,
}

/// What was made of the documents of a corpus.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CorpusFacts {
    /// Training documents.
    pub train_documents: usize,
    /// Validation documents.
    pub validation_documents: usize,
    /// Files and rows that are no text, or empty.
    pub left_out: usize,
    /// Documents dropped as copies of another.
    pub copies: usize,
    /// Training documents dropped because a validation document is nearly the same.
    pub near_copies: usize,
    /// Entropy rate of a synthetic source, nats per token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entropy_nats: Option<f64>,
    /// Entropy of one of its tokens given the last alone: the floor of a window's first prediction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_order_nats: Option<f64>,
}

impl CorpusFacts {
    /// The least mean loss that windows of `context` tokens allow on a synthetic source, nats per token:
    /// the first prediction of a window sees one token only.
    #[must_use]
    pub fn floor_nats(&self, context: u32) -> Option<f64> {
        let (rate, first) = (self.entropy_nats?, self.first_order_nats?);
        Some(rate + (first - rate) / f64::from(context))
    }
}

impl Corpus {
    /// Reads or draws a corpus; `registry` is where cargo unpacks crates, for the default text.
    ///
    /// Documents are split before anything else: by a hash of where they came from, so that the same
    /// document stays on its side when others are added. Validation documents then drop their exact
    /// copies, and those they nearly are, from the training text. The tokenizer is trained on training
    /// documents alone.
    ///
    /// # Errors
    /// [`TrainError::MissingCrate`] when a crate is not unpacked, [`TrainError::NoText`] when the path
    /// holds no text, [`TrainError::Tokenizer`], [`TrainError::Corpus`] for shards that are damaged, and
    /// what reading files may fail with.
    pub fn read(spec: &CorpusSpec, registry: &Path) -> Result<Self> {
        spec.validate()?;
        let mut corpus = match (&spec.synthetic, &spec.path) {
            (Some(synthetic), _) => Self::draw(*synthetic),
            (None, Some(path)) if shards::are_in(path) => shards::read(path)?,
            (None, Some(path)) => {
                let (documents, left_out) = read_texts(path, &spec.text_field)?;
                let sides = split(documents, spec.validation_fraction);
                Self::assemble(path.display().to_string(), sides, left_out, spec)?
            }
            (None, None) => Self::assemble(crates::name(), crates::read(registry)?, 0, spec)?,
        };
        if let Some(unique) = spec.unique_tokens {
            corpus.train = corpus.train.truncated(unique as usize);
            corpus.sha256 = digest(&corpus.train, &corpus.validation);
        }
        Ok(corpus)
    }

    /// A corpus of token ids, for tests and benches.
    #[must_use]
    pub fn of_ids(name: &str, train: &[u32], validation: &[u32], vocab: u32) -> Self {
        let (train, validation) =
            (TokenText::from_ids(train, vocab), TokenText::from_ids(validation, vocab));
        Self {
            name: name.to_owned(),
            sha256: digest(&train, &validation),
            train,
            validation,
            vocab,
            bytes_per_token: None,
            facts: CorpusFacts::default(),
            tokenizer_json: None,
        }
    }

    fn draw(spec: SyntheticSpec) -> Self {
        let source = Synthetic::new(spec);
        let train = source.tokens(spec.tokens as usize, 1);
        let validation = source.tokens(SYNTHETIC_VALIDATION, 2);
        let facts = CorpusFacts {
            entropy_nats: Some(source.entropy_nats()),
            first_order_nats: Some(source.first_order_nats()),
            ..CorpusFacts::default()
        };
        let name = format!("synthetic, entropy {:.4} nats per token", source.entropy_nats());
        Self { facts, ..Self::of_ids(&name, &train, &validation, spec.vocab) }
    }

    fn assemble(
        name: String,
        [mut training, mut validation]: [Vec<Vec<u8>>; 2],
        left_out: usize,
        spec: &CorpusSpec,
    ) -> Result<Self> {
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
        let train = TokenText::from_ids(&tokenizer.encode(&training_text)?, vocab);
        let held_out = TokenText::from_ids(&tokenizer.encode(&validation_text)?, vocab);
        let bytes: usize = validation_text.iter().map(|d| d.len()).sum();
        let facts = CorpusFacts {
            train_documents: training.len(),
            validation_documents: validation.len(),
            left_out,
            copies,
            near_copies,
            ..CorpusFacts::default()
        };
        Ok(Self {
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

    /// Writes the corpus as shards that are mapped instead of read: `train.bin`, `validation.bin`,
    /// `corpus.json` and, where there is one, `tokenizer.json`.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write_shards(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        shards::write(self, folder)
    }
}

/// The length marks where the split is: the same tokens cut elsewhere are another corpus.
fn digest(train: &TokenText, validation: &TokenText) -> String {
    let mut hash = Sha256::new();
    hash.update((train.bytes().len() as u64).to_le_bytes());
    hash.update(train.bytes());
    hash.update(validation.bytes());
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// Training and validation documents: those whose origin hashes low are kept for validation; a single
/// document gives its tail.
fn split(mut documents: Vec<TextDocument>, share: f64) -> [Vec<Vec<u8>>; 2] {
    if let [only] = documents.as_mut_slice() {
        let mut cut = (only.text.len() as f64 * (1.0 - share)) as usize;
        // A cut within a character would make both sides no text.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(String, String)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("temporary folder");
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        folder
    }

    fn read(path: PathBuf) -> Result<Corpus> {
        read_as(CorpusSpec { path: Some(path), ..CorpusSpec::default() })
    }

    fn read_as(spec: CorpusSpec) -> Result<Corpus> {
        Corpus::read(&spec, Path::new("/nowhere"))
    }

    fn documents(text: &TokenText) -> HashSet<Vec<u8>> {
        text.bytes().split(|b| *b == 0).filter(|d| !d.is_empty()).map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn a_folder_splits_by_file_and_drops_copies() {
        let files: Vec<(String, String)> =
            (0..40).map(|i| (format!("{i}.txt"), format!("document {}", i % 30))).collect();
        let folder = folder(&files);
        let corpus = read(folder.path().to_owned()).expect("text");
        let (train, validation) = (documents(&corpus.train), documents(&corpus.validation));
        assert!(train.is_disjoint(&validation));
        assert_eq!(train.len() + validation.len(), 30);
        assert!(!validation.is_empty() && !train.is_empty());
        assert_eq!(corpus.facts.copies, 10);
        let again = read(folder.path().to_owned()).expect("text");
        assert_eq!(again.sha256, corpus.sha256);
    }

    #[test]
    fn near_copies_of_validation_documents_leave_the_training_text() {
        let words = |i: usize, tail: &str| {
            let text: String = (0..200).map(|w| format!("w{i}x{w} ")).collect();
            text + tail
        };
        let mut files: Vec<(String, String)> =
            (0..40).map(|i| (format!("{i:02}.txt"), words(i, ""))).collect();
        let plain = read(folder(&files).path().to_owned()).expect("text");
        // A near copy of everything, under names that hash to the other side or the same.
        files.extend((0..40).map(|i| (format!("copy{i:02}.txt"), words(i, "one more word"))));
        let corpus = read(folder(&files).path().to_owned()).expect("text");
        assert!(plain.facts.near_copies == 0 && corpus.facts.near_copies > 0);
        let heads = |text: &TokenText| -> HashSet<Vec<u8>> {
            documents(text).into_iter().map(|d| d[..20].to_vec()).collect()
        };
        assert!(heads(&corpus.train).is_disjoint(&heads(&corpus.validation)));
    }

    #[test]
    fn one_file_gives_its_tail_to_validation() {
        let folder = folder(&[("a.txt".to_owned(), "x".repeat(1000))]);
        let corpus = read(folder.path().join("a.txt")).expect("text");
        assert_eq!((corpus.train.len(), corpus.validation.len()), (951, 51));
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let folder = folder(&[("empty.txt".to_owned(), String::new())]);
        assert!(read(folder.path().to_owned()).is_err());
        assert!(read(folder.path().join("missing")).is_err());
    }

    #[test]
    fn text_that_only_repeats_itself_is_named_as_that() {
        let line = "pub fn add(a: u32, b: u32) -> u32 { a + b }\n";
        let folder = folder(&[("a.rs".to_owned(), line.repeat(400))]);
        let told = read(folder.path().to_owned()).expect_err("its tail is its head").to_string();
        assert!(told.contains("near_duplicates = 1"), "{told}");
    }

    #[test]
    fn rows_of_json_lines_are_documents_and_a_bad_row_is_named() {
        let rows: String =
            (0..50).map(|i| format!("{{\"body\": \"text number {i}\"}}\n")).collect();
        let folder = folder(&[("a.jsonl".to_owned(), rows.clone() + "{\"body\": 5}\n")]);
        let spec = CorpusSpec {
            path: Some(folder.path().to_owned()),
            text_field: "body".to_owned(),
            ..CorpusSpec::default()
        };
        let error = read_as(spec.clone()).expect_err("no text in the last row").to_string();
        assert!(error.contains("a.jsonl:51") && error.contains("text_field"), "{error}");
        std::fs::write(folder.path().join("a.jsonl"), rows).expect("written");
        let corpus = read_as(spec).expect("rows");
        assert_eq!(corpus.facts.train_documents + corpus.facts.validation_documents, 50);
    }

    #[test]
    fn shards_are_the_corpus_they_were_written_from_and_damage_is_seen() {
        let files: Vec<(String, String)> = (0..60)
            .map(|i| (format!("{i}.txt"), format!("the {i} cats sat on the mat of {i} hats. ")))
            .collect();
        let folder = folder(&files);
        let spec = CorpusSpec {
            path: Some(folder.path().to_owned()),
            tokenizer: "bpe:280".to_owned(),
            ..CorpusSpec::default()
        };
        let corpus = read_as(spec).expect("text");
        assert!(corpus.bytes_per_token.expect("text") > 1.0);
        let home = tempfile::tempdir().expect("temporary folder");
        corpus.write_shards(home.path()).expect("written");
        let shards = read(home.path().to_owned()).expect("shards");
        assert_eq!(shards.train.bytes(), corpus.train.bytes());
        assert_eq!(
            (shards.sha256, shards.vocab, shards.bytes_per_token, shards.facts),
            (corpus.sha256, corpus.vocab, corpus.bytes_per_token, corpus.facts)
        );
        let bin = home.path().join("train.bin");
        let mut bytes = std::fs::read(&bin).expect("there");
        bytes[5] ^= 1;
        std::fs::write(&bin, bytes).expect("written");
        let error = read(home.path().to_owned()).expect_err("damaged").to_string();
        assert!(error.contains("train.bin") || error.contains("corpus.json"), "{error}");
    }

    #[test]
    fn a_synthetic_corpus_knows_its_floor_and_repeats_when_cut() {
        let synthetic = SyntheticSpec { vocab: 16, tokens: 5e4, ..SyntheticSpec::default() };
        let spec = CorpusSpec { synthetic: Some(synthetic), ..CorpusSpec::default() };
        let corpus = read_as(spec.clone()).expect("drawn");
        assert_eq!((corpus.train.len(), corpus.vocab), (50_000, 16));
        let floor = corpus.facts.floor_nats(64).expect("synthetic");
        let rate = corpus.facts.entropy_nats.expect("synthetic");
        assert!(floor > rate && floor < rate + 0.05);
        let cut = read_as(CorpusSpec { unique_tokens: Some(1000.0), ..spec }).expect("drawn");
        assert_eq!(cut.train.len(), 1000);
        assert_ne!(cut.sha256, corpus.sha256);
    }
}
