//! What text a run is trained on, as it is written in a file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::SweepError;

/// Vocabulary of byte tokens.
pub const BYTES: u32 = 256;

/// A corpus: a path, or a table of these.
///
/// | field | default | purpose |
/// |---|---|---|
/// | `path` | crate sources | a text file, JSON Lines, Parquet, a folder of them, or a folder of shards |
/// | `text_field` | `text` | key or column that holds the text |
/// | `tokenizer` | `bytes` | `bytes`, `bpe:4096` (trained on the training text), or a `tokenizer.json` |
/// | `vocab` | of the tokenizer | wanted with a `tokenizer.json` or shards of one |
/// | `unique_tokens` | all | training text is cut there, and repeats |
/// | `validation_fraction` | 0.05 | share of the documents kept from training |
/// | `near_duplicates` | 0.8 | training documents this like a validation document are dropped; 1 for none |
/// | `synthetic` | | a [`SyntheticSpec`] in place of text |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "CorpusForm")]
pub struct CorpusSpec {
    /// Text; the sources of the crates pinned in Cargo.lock when absent.
    pub path: Option<PathBuf>,
    /// Key or column that holds the text.
    pub text_field: String,
    /// Name of the tokenizer.
    pub tokenizer: String,
    /// Kinds of tokens, where the tokenizer does not say.
    pub vocab: Option<u32>,
    /// Training tokens before text repeats.
    pub unique_tokens: Option<f64>,
    /// Share of the documents kept for validation.
    pub validation_fraction: f64,
    /// Jaccard similarity from which two documents are the same.
    pub near_duplicates: f64,
    /// A source of known entropy in place of text.
    pub synthetic: Option<SyntheticSpec>,
}

/// A Markov source of order two whose entropy rate is known exactly.
///
/// | field | default | range | purpose |
/// |---|---|---|---|
/// | `vocab` | 256 | 2..1024 | kinds of tokens |
/// | `branching` | 8 | 1..vocab | tokens that may follow a pair |
/// | `skew` | 1.0 | 0..4 | Zipf exponent of their probabilities; 0 makes them equal |
/// | `popularity` | 1.0 | 0..2 | Zipf exponent of the tokens, which decides how rare a pair may be |
/// | `tokens` | 2e7 | | training tokens drawn |
/// | `seed` | 0 | | of the source; the run's own seed draws other things |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyntheticSpec {
    /// Kinds of tokens.
    pub vocab: u32,
    /// Tokens that may follow a pair.
    pub branching: u32,
    /// Zipf exponent of their probabilities.
    pub skew: f64,
    /// Zipf exponent of the tokens among those that may follow.
    pub popularity: f64,
    /// Training tokens drawn.
    pub tokens: f64,
    /// Seed of the source.
    pub seed: u64,
}

impl Default for SyntheticSpec {
    fn default() -> Self {
        Self { vocab: 256, branching: 8, skew: 1.0, popularity: 1.0, tokens: 2e7, seed: 0 }
    }
}

/// The two ways to write a corpus.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a path, or a table with path, tokenizer, unique_tokens, synthetic, …"
)]
enum CorpusForm {
    Path(PathBuf),
    Table(CorpusTable),
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CorpusTable {
    path: Option<PathBuf>,
    text_field: String,
    tokenizer: String,
    vocab: Option<u32>,
    unique_tokens: Option<f64>,
    validation_fraction: f64,
    near_duplicates: f64,
    synthetic: Option<SyntheticSpec>,
}

impl Default for CorpusTable {
    fn default() -> Self {
        Self {
            path: None,
            text_field: "text".to_owned(),
            tokenizer: "bytes".to_owned(),
            vocab: None,
            unique_tokens: None,
            validation_fraction: 0.05,
            near_duplicates: 0.8,
            synthetic: None,
        }
    }
}

impl From<CorpusForm> for CorpusSpec {
    fn from(form: CorpusForm) -> Self {
        let table = match form {
            CorpusForm::Path(path) => CorpusTable { path: Some(path), ..CorpusTable::default() },
            CorpusForm::Table(table) => table,
        };
        Self {
            path: table.path,
            text_field: table.text_field,
            tokenizer: table.tokenizer,
            vocab: table.vocab,
            unique_tokens: table.unique_tokens,
            validation_fraction: table.validation_fraction,
            near_duplicates: table.near_duplicates,
            synthetic: table.synthetic,
        }
    }
}

impl Default for CorpusSpec {
    fn default() -> Self {
        CorpusForm::Table(CorpusTable::default()).into()
    }
}

impl CorpusSpec {
    /// Size of the vocabulary that a model of this corpus needs.
    ///
    /// # Errors
    /// [`SweepError::Field`] when it is not known without reading a file and `vocab` does not say.
    pub fn vocab(&self) -> Result<u32, SweepError> {
        let merges = self.tokenizer.strip_prefix("bpe:").and_then(|n| n.parse().ok());
        let known = match (self.synthetic, merges, self.tokenizer.as_str()) {
            (Some(synthetic), ..) => Some(synthetic.vocab),
            (None, Some(vocab), _) => Some(vocab),
            (None, None, "bytes") => Some(BYTES),
            (None, None, _) => None,
        };
        self.vocab.or(known).ok_or_else(|| SweepError::Field {
            field: "corpus.vocab",
            found: "absent".to_owned(),
            wanted: "the vocabulary of the tokenizer, as `isoloss corpus` prints it",
        })
    }

    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`SweepError::Field`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), SweepError> {
        let bad = |field, found: String, wanted| Err(SweepError::Field { field, found, wanted });
        if !(2..=1 << 24).contains(&self.vocab()?) {
            return bad("corpus.vocab", self.vocab()?.to_string(), "2 to 16777216");
        }
        if let Some(merges) = self.tokenizer.strip_prefix("bpe:")
            && !merges.parse::<u32>().is_ok_and(|n| (257..=1 << 20).contains(&n))
        {
            return bad("corpus.tokenizer", self.tokenizer.clone(), "bpe:257 to bpe:1048576");
        }
        if let Some(unique) = self.unique_tokens
            && !(1.0..=1e15).contains(&unique)
        {
            return bad("corpus.unique_tokens", unique.to_string(), "1 to 1e15");
        }
        let share = self.validation_fraction;
        if !(share > 0.0 && share < 1.0) {
            return bad("corpus.validation_fraction", share.to_string(), "above 0, below 1");
        }
        let like = self.near_duplicates;
        if !(like > 0.0 && like <= 1.0) {
            return bad("corpus.near_duplicates", like.to_string(), "above 0, at most 1");
        }
        let Some(s) = self.synthetic else { return Ok(()) };
        if self.path.is_some() {
            return bad("corpus.synthetic", "beside path".to_owned(), "one of the two");
        }
        if !(2..=1024).contains(&s.vocab) {
            return bad("corpus.synthetic.vocab", s.vocab.to_string(), "2 to 1024");
        }
        if !(1..=s.vocab).contains(&s.branching) {
            return bad("corpus.synthetic.branching", s.branching.to_string(), "1 to vocab");
        }
        if !(0.0..=4.0).contains(&s.skew) {
            return bad("corpus.synthetic.skew", s.skew.to_string(), "0 to 4");
        }
        if !(0.0..=2.0).contains(&s.popularity) {
            return bad("corpus.synthetic.popularity", s.popularity.to_string(), "0 to 2");
        }
        if !(1e3..=1e9).contains(&s.tokens) {
            return bad("corpus.synthetic.tokens", s.tokens.to_string(), "1e3 to 1e9");
        }
        Ok(())
    }
}
