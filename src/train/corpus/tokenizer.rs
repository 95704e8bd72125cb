//! Text to token ids: bytes, or byte-pair encoding by Hugging Face's `tokenizers`.

use std::path::Path;

use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Tokenizer as HfTokenizer};

use crate::error::{Result, TrainError};

/// Marks the end of a document where we train the tokenizer ourselves.
const END_OF_TEXT: &str = "<|endoftext|>";

/// Its names in other people's tokenizers.
const ENDS: [&str; 6] = [END_OF_TEXT, "</s>", "<|end_of_text|>", "<eos>", "[SEP]", "<|eot_id|>"];

/// Documents encoded at once.
const BATCH: usize = 256;

/// A way to turn text into tokens.
pub(super) enum Tokenizer {
    /// Each byte is a token, a zero byte ends a document.
    Bytes,
    /// A trained or loaded tokenizer.
    HuggingFace {
        tokenizer: Box<HfTokenizer>,
        /// The token that ends a document, if it has one.
        end: Option<u32>,
        name: String,
    },
}

impl Tokenizer {
    /// By name: `bytes`, `bpe:N` trained on `documents`, or a `tokenizer.json`.
    pub(super) fn named<'a>(name: &str, documents: impl Iterator<Item = &'a [u8]>) -> Result<Self> {
        let failed = |reason: String| TrainError::Tokenizer { name: name.to_owned(), reason };
        if name == "bytes" {
            return Ok(Self::Bytes);
        }
        let tokenizer = match name.strip_prefix("bpe:") {
            Some(vocab) => {
                let vocab: usize = vocab
                    .parse()
                    .map_err(|_| TrainError::TokenizerName { name: name.to_owned() })?;
                trained(vocab, documents).map_err(|e| failed(e.to_string()))?
            }
            None => HfTokenizer::from_file(Path::new(name)).map_err(|e| failed(e.to_string()))?,
        };
        let end = ENDS.iter().find_map(|end| tokenizer.token_to_id(end));
        Ok(Self::HuggingFace { tokenizer: Box::new(tokenizer), end, name: name.to_owned() })
    }

    /// Kinds of tokens.
    pub(super) fn vocab(&self) -> u32 {
        match self {
            Self::Bytes => 256,
            Self::HuggingFace { tokenizer, .. } => tokenizer.get_vocab_size(true) as u32,
        }
    }

    /// Ids of documents one after the other, each followed by its end.
    pub(super) fn encode(&self, documents: &[&[u8]]) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        match self {
            Self::Bytes => {
                for document in documents {
                    ids.extend(document.iter().map(|b| u32::from(*b)));
                    ids.push(0);
                }
            }
            Self::HuggingFace { tokenizer, end, name } => {
                for batch in documents.chunks(BATCH) {
                    let texts: Vec<_> = batch.iter().map(|d| String::from_utf8_lossy(d)).collect();
                    let encoded = tokenizer.encode_batch_fast(texts, false).map_err(|e| {
                        TrainError::Tokenizer { name: name.clone(), reason: e.to_string() }
                    })?;
                    for encoding in encoded {
                        ids.extend(encoding.get_ids());
                        ids.extend(end);
                    }
                }
            }
        }
        Ok(ids)
    }

    /// The `tokenizer.json` that loads it again; `None` of bytes.
    pub(super) fn to_json(&self) -> Result<Option<String>> {
        match self {
            Self::Bytes => Ok(None),
            Self::HuggingFace { tokenizer, name, .. } => {
                let json = tokenizer.to_string(true).map_err(|e| TrainError::Tokenizer {
                    name: name.clone(),
                    reason: e.to_string(),
                })?;
                Ok(Some(json))
            }
        }
    }
}

/// Byte-level BPE of at most `vocab` tokens, every byte among them, so that any text can be encoded; fewer
/// where no pair is left that occurs twice, since a token that is seen once has nothing to learn.
fn trained<'a>(
    vocab: usize,
    documents: impl Iterator<Item = &'a [u8]>,
) -> tokenizers::Result<HfTokenizer> {
    let bytes = || ByteLevel::new(false, true, true);
    let mut trainer: TrainerWrapper = BpeTrainerBuilder::new()
        .vocab_size(vocab)
        .show_progress(false)
        .min_frequency(2)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .special_tokens(vec![AddedToken::from(END_OF_TEXT, true)])
        .build()
        .into();
    let mut tokenizer = HfTokenizer::new(BPE::default());
    tokenizer.with_pre_tokenizer(Some(bytes()));
    tokenizer.with_decoder(Some(bytes()));
    let texts = documents.map(|d| String::from_utf8_lossy(d).into_owned()).collect::<Vec<_>>();
    tokenizer.train(&mut trainer, texts.into_iter())?;
    Ok(tokenizer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "the cat sat on the mat, the cat ate the rat; naïve café ☕ ";

    #[test]
    fn byte_pairs_are_trained_saved_loaded_and_decode_to_the_text() {
        let text = TEXT.repeat(50);
        let documents = || std::iter::once(text.as_bytes());
        let trained = Tokenizer::named("bpe:300", documents()).expect("trains");
        assert!((280..=300).contains(&trained.vocab()), "{}", trained.vocab());
        let ids = trained.encode(&[TEXT.as_bytes()]).expect("encodes");
        assert!(ids.len() * 2 < TEXT.len(), "{} tokens", ids.len());
        let home = tempfile::tempdir().expect("temporary folder");
        let path = home.path().join("tokenizer.json");
        let json = trained.to_json().expect("serialises").expect("no bytes");
        std::fs::write(&path, json).expect("written");
        let path = path.display().to_string();
        let loaded = Tokenizer::named(&path, std::iter::empty()).expect("loads");
        assert_eq!(loaded.encode(&[TEXT.as_bytes()]).expect("encodes"), ids);
        let Tokenizer::HuggingFace { tokenizer, end, .. } = loaded else { panic!("not bytes") };
        assert_eq!(ids.last().copied(), end);
        let text = tokenizer.decode(&ids, true).expect("decodes");
        assert_eq!(text, TEXT);
        // The same text trains the same tokenizer.
        let again = Tokenizer::named("bpe:300", documents()).expect("trains");
        assert_eq!(again.encode(&[TEXT.as_bytes()]).expect("encodes"), ids);
    }

    #[test]
    fn a_name_that_means_no_tokenizer_is_refused_and_repeated() {
        let error = |name: &str| {
            Tokenizer::named(name, std::iter::empty()).err().expect("refused").to_string()
        };
        assert!(error("bpe:many").contains("bpe:4096"));
        assert!(error("/nowhere/tokenizer.json").contains("/nowhere"));
    }
}
