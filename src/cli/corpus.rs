//! `isoloss corpus`: text to tokens on the disk, split and without copies.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::json;

use super::output::Output;
use super::train::read_corpus;
use crate::error::Result;
use crate::sweep::CorpusSpec;
use crate::units::short_count;

/// Flags of `isoloss corpus`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss corpus texts/ --tokenizer bpe:4096 -o shards/
  isoloss corpus pages.jsonl.zst --text-field body --tokenizer tokenizer.json -o shards/
  isoloss corpus texts/                     # what it would be, nothing written")]
pub(super) struct Args {
    /// Text, JSON Lines or Parquet, a file or a folder; the pinned crates' sources when absent.
    path: Option<PathBuf>,
    /// Key or column that holds the text.
    #[arg(long, default_value = "text")]
    text_field: String,
    /// `bytes`, `bpe:N` trained on the training documents, or a tokenizer.json.
    #[arg(long, default_value = "bytes")]
    tokenizer: String,
    /// Share of the documents kept for validation.
    #[arg(long, default_value_t = 0.05, value_name = "SHARE")]
    validation_fraction: f64,
    /// Similarity from which a training document counts as a copy of a validation document; 1 for none.
    #[arg(long, default_value_t = 0.8, value_name = "JACCARD")]
    near_duplicates: f64,
    /// Folder of the shards.
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Output> {
    let spec = CorpusSpec {
        path: args.path.clone(),
        text_field: args.text_field.clone(),
        tokenizer: args.tokenizer.clone(),
        // The tokenizer is about to say it.
        vocab: Some(2),
        validation_fraction: args.validation_fraction,
        near_duplicates: args.near_duplicates,
        ..CorpusSpec::default()
    };
    let corpus = read_corpus(&spec)?;
    let facts = &corpus.facts;
    let written = match &args.out {
        Some(folder) => corpus.write_shards(folder)?,
        None => Vec::new(),
    };
    let count = |tokens: usize| short_count(tokens as f64);
    let mut text = format!(
        "{}\n  training    {} tokens of {} documents\n  validation  {} tokens of {} documents\n  \
         left out    {} that are no text, {} copies, {} near copies of validation documents\n  \
         vocabulary  {}\n",
        corpus.name,
        count(corpus.train.len()),
        facts.train_documents,
        count(corpus.validation.len()),
        facts.validation_documents,
        facts.left_out,
        facts.copies,
        facts.near_copies,
        corpus.vocab,
    );
    if let Some(bytes) = corpus.bytes_per_token {
        text.push_str(&format!("  {bytes:.3} bytes of text per token\n"));
    }
    text.push_str(&format!("  sha256 {}\n", corpus.sha256));
    if let Some(folder) = &args.out {
        text.push_str(&format!(
            "wrote {} files; train on them with\n  corpus = {{ path = \"{}\", vocab = {} }}\n",
            written.len(),
            folder.display(),
            corpus.vocab
        ));
    }
    let json = json!({
        "name": corpus.name,
        "train_tokens": corpus.train.len(),
        "validation_tokens": corpus.validation.len(),
        "vocab": corpus.vocab,
        "bytes_per_token": corpus.bytes_per_token,
        "sha256": corpus.sha256,
        "facts": facts,
        "files": written,
    });
    Output::new(text, &json, Vec::new())
}
