//! A corpus: training and validation tokens, and what is known of them.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::data::SetAside;
use crate::train::token_data::TokenData;

/// Training and validation data.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// Name for logs.
    pub name: String,
    /// Training data.
    pub train: TokenData,
    /// Validation data, from documents that are not in the training data.
    pub validation: TokenData,
    /// Kinds of tokens.
    pub vocab: u32,
    /// Bytes per token of the validation documents, not counting their ends; `None` of synthetic tokens.
    pub bytes_per_token: Option<f64>,
    /// SHA-256 of the number of training bytes and all tokens, in their order.
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
    /// Files and rows that are not text, or empty.
    pub left_out: usize,
    /// The same by why, with the first places.
    #[serde(default)]
    pub set_aside: SetAside,
    /// Documents dropped as copies of another.
    pub copies: usize,
    /// Documents dropped because a validation document is nearly the same.
    pub near_copies: usize,
    /// Kinds of tokens that occur in the training data: the rest of the vocabulary is never trained.
    #[serde(default)]
    pub used_tokens: u32,
    /// Entropy rate of a synthetic source, nats per token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entropy_nats: Option<f64>,
    /// Nats by which the summed lowest loss of a window exceeds this rate times its length, by the
    /// remainder of the context by the number of values here: the first predictions of a window see little
    /// of what came before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub window_excess_nats: Vec<f64>,
}

impl CorpusFacts {
    /// The lowest mean loss that windows of `context` tokens allow on a synthetic source, nats per token;
    /// the entropy rate is what longer windows tend to.
    #[must_use]
    pub fn lowest_window_nats(&self, context: u32) -> Option<f64> {
        let rate = self.entropy_nats?;
        let kinds = self.window_excess_nats.len().max(1);
        let excess = self.window_excess_nats.get(context as usize % kinds).copied();
        Some(rate + excess.unwrap_or_default() / f64::from(context))
    }
}

impl Corpus {
    /// A corpus of token ids, for tests and benches.
    #[must_use]
    pub fn of_ids(name: &str, train: &[u32], validation: &[u32], vocab: u32) -> Self {
        let [train, validation] = [train, validation].map(|ids| TokenData::from_ids(ids, vocab));
        Self::of_tokens(name, train, validation, vocab)
    }

    /// The same of tokens at their width.
    pub(super) fn of_tokens(
        name: &str,
        train: TokenData,
        validation: TokenData,
        vocab: u32,
    ) -> Self {
        Self {
            name: name.to_owned(),
            sha256: digest(&train, &validation),
            facts: CorpusFacts { used_tokens: train.kinds(vocab), ..CorpusFacts::default() },
            train,
            validation,
            vocab,
            bytes_per_token: None,
            tokenizer_json: None,
        }
    }
}

/// The number of training bytes is part of it: the same tokens split elsewhere are another corpus.
pub(super) fn digest(train: &TokenData, validation: &TokenData) -> String {
    let mut hash = Sha256::new();
    hash.update((train.bytes().len() as u64).to_le_bytes());
    hash.update(train.bytes());
    hash.update(validation.bytes());
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}
