//! What a run is trained on, as it is written in a run or sweep file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::paths::below;
use super::synthetic_spec::SyntheticSpec;
use crate::error::SweepError;

/// Vocabulary of byte tokens.
pub const BYTES: u32 = 256;

/// A corpus: a path, or a table of these. Without `path`, `crates` and `synthetic` it is the
/// default [synthetic source](SyntheticSpec), which needs no files.
///
/// Every field with its default and range: [run files and sweep files](crate::sweep#run-files-and-sweep-files).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "CorpusForm")]
pub struct CorpusSpec {
    /// Text, or shards.
    pub path: Option<PathBuf>,
    /// Sources of the crates pinned in Cargo.lock.
    pub crates: bool,
    /// Key or column that holds the text.
    pub text_field: String,
    /// Name of the tokenizer.
    pub tokenizer: String,
    /// Kinds of tokens, where the tokenizer does not say.
    pub vocab: Option<u32>,
    /// Training tokens before they repeat.
    pub unique_tokens: Option<f64>,
    /// Share of the documents kept for validation.
    pub validation_fraction: f64,
    /// Jaccard similarity from which two documents are the same.
    pub near_duplicates: f64,
    /// A source of known entropy.
    pub synthetic: Option<SyntheticSpec>,
}

/// The two ways to write a corpus.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a path, or a table with path, crates, synthetic, tokenizer, unique_tokens, …"
)]
enum CorpusForm {
    Path(PathBuf),
    Table(Box<CorpusTable>),
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CorpusTable {
    path: Option<PathBuf>,
    crates: bool,
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
            crates: false,
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
            CorpusForm::Table(table) => *table,
        };
        Self {
            path: table.path,
            crates: table.crates,
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
        CorpusForm::Table(Box::default()).into()
    }
}

/// Where the tokens of a corpus come from.
#[derive(Clone, Debug, PartialEq)]
pub enum CorpusSource<'a> {
    /// Drawn from a source of known entropy.
    Synthetic(SyntheticSpec),
    /// Text or shards.
    Path(&'a Path),
    /// Sources of the pinned crates.
    Crates,
}

impl CorpusSpec {
    /// The source: a path, crate sources, a synthetic source, or else the default synthetic source.
    #[must_use]
    pub fn source(&self) -> CorpusSource<'_> {
        match (&self.path, self.crates) {
            (Some(path), _) => CorpusSource::Path(path),
            (None, true) => CorpusSource::Crates,
            (None, false) => CorpusSource::Synthetic(self.synthetic.clone().unwrap_or_default()),
        }
    }

    /// The same with paths that start from `home`, the folder of its file.
    #[must_use]
    pub fn below(&self, home: &Path) -> Self {
        let mut spec = self.clone();
        spec.path = self.path.as_deref().map(|path| below(home, path));
        if self.tokenizer_file().is_some() {
            spec.tokenizer = below(home, Path::new(&self.tokenizer)).display().to_string();
        }
        spec
    }

    /// The file of the tokenizer, where it has one.
    #[must_use]
    pub fn tokenizer_file(&self) -> Option<&Path> {
        let named = self.tokenizer == "bytes" || self.tokenizer.starts_with("bpe:");
        (!named).then(|| Path::new(&self.tokenizer))
    }

    /// Size of the vocabulary that a model of this corpus needs.
    ///
    /// # Errors
    /// [`SweepError::Field`] when it is not known without reading a file and `vocab` does not say.
    pub fn vocab(&self) -> Result<u32, SweepError> {
        let merges = self.tokenizer.strip_prefix("bpe:").and_then(|n| n.parse().ok());
        let known = match (self.source(), merges, self.tokenizer.as_str()) {
            (CorpusSource::Synthetic(synthetic), ..) => Some(synthetic.size()),
            (_, Some(vocab), _) => Some(vocab),
            (_, None, "bytes") => Some(BYTES),
            (_, None, _) => None,
        };
        self.vocab.or(known).ok_or_else(|| SweepError::Field {
            field: "corpus.vocab",
            found: "absent".to_owned(),
            expected: "the vocabulary of the tokenizer",
        })
    }

    /// Checks every field against its range, and that the vocabulary is known.
    ///
    /// # Errors
    /// [`SweepError::Field`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), SweepError> {
        self.validate_source()?;
        self.vocab().map(|_| ())
    }

    /// Checks every field against its range; the vocabulary of a tokenizer need not be known.
    ///
    /// # Errors
    /// [`SweepError::Field`] naming the first field out of range.
    pub fn validate_source(&self) -> Result<(), SweepError> {
        let bad =
            |field, found: String, expected| Err(SweepError::Field { field, found, expected });
        let beside = |other: &str| format!("beside `{other}`");
        if self.path.is_some() && self.crates {
            return bad("corpus.crates", beside("path"), "one of the two");
        }
        if self.synthetic.is_some() && (self.path.is_some() || self.crates) {
            let other = if self.crates { "crates" } else { "path" };
            return bad("corpus.synthetic", beside(other), "one of the two");
        }
        let source = self.source();
        if matches!(source, CorpusSource::Synthetic(_)) && self.tokenizer != "bytes" {
            let expected = "text to tokenize beside it: a `path`, or `crates = true`";
            return bad("corpus.tokenizer", format!("`{}`", self.tokenizer), expected);
        }
        if let Some(vocab) = self.vocab.filter(|vocab| !(2..=1 << 24).contains(vocab)) {
            return bad("corpus.vocab", vocab.to_string(), "2 to 16777216");
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
        match source {
            CorpusSource::Synthetic(synthetic) => synthetic.validate(),
            CorpusSource::Path(_) | CorpusSource::Crates => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        corpus: CorpusSpec,
    }

    fn corpus(text: &str) -> CorpusSpec {
        toml::from_str::<File>(text).expect(text).corpus
    }

    #[test]
    fn a_file_without_a_corpus_trains_on_the_synthetic_source() {
        let default = CorpusSource::Synthetic(SyntheticSpec::default());
        assert_eq!(corpus("").source(), default);
        assert_eq!(corpus("corpus = { unique_tokens = 1e5 }").source(), default);
        assert_eq!(corpus("corpus = { crates = true }").source(), CorpusSource::Crates);
        let path = corpus("corpus = \"texts\"");
        assert_eq!(path.source(), CorpusSource::Path(Path::new("texts")));
        assert_eq!(path.vocab(), Ok(BYTES));
    }

    #[test]
    fn two_sources_and_a_tokenizer_without_text_are_refused() {
        for (text, field) in [
            ("corpus = { path = \"a\", crates = true }", "corpus.crates"),
            ("corpus = { path = \"a\", synthetic = {} }", "corpus.synthetic"),
            ("corpus = { crates = true, synthetic = {} }", "corpus.synthetic"),
            ("corpus = { tokenizer = \"bpe:400\" }", "corpus.tokenizer"),
            ("corpus = { path = \"a\", tokenizer = \"a.json\" }", "corpus.vocab"),
            (
                "corpus = { synthetic = { kind = 'chain', branching = 999 } }",
                "corpus.synthetic.branching",
            ),
        ] {
            let error = corpus(text).validate().expect_err(text).to_string();
            assert!(error.contains(field), "{text}: {error}");
        }
    }
}
