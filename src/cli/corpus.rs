//! `isoloss corpus`: text to tokens on the disk, split and without copies.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::output::Output;
use crate::error::Result;

/// Flags of `isoloss corpus`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss corpus texts/ --tokenizer bpe:4096 -o shards/
  isoloss corpus pages.jsonl.zst --text-field body --tokenizer tokenizer.json -o shards/
  isoloss corpus texts/                     # shows what it would be, writes nothing")]
#[cfg_attr(not(feature = "train"), allow(dead_code, reason = "flags of another build"))]
pub(super) struct Args {
    /// Text, JSON Lines or Parquet, a file or a folder; the default synthetic source when absent.
    path: Option<PathBuf>,
    /// The sources of the crates this program was built from, unpacked by cargo.
    #[arg(long, conflicts_with = "path")]
    crates: bool,
    /// Key or column that holds the text.
    #[arg(long, default_value = "text")]
    text_field: String,
    /// `bytes`, `bpe:N` trained on the training documents, or a tokenizer.json.
    #[arg(long, default_value = "bytes")]
    tokenizer: String,
    /// Share of the documents kept for validation.
    #[arg(long, default_value_t = 0.05, value_name = "SHARE")]
    validation_fraction: f64,
    /// Similarity from which a training document counts as a copy of a validation document; 1 keeps all.
    #[arg(long, default_value_t = 0.8, value_name = "JACCARD")]
    near_duplicates: f64,
    /// Folder of the shards.
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[cfg(feature = "train")]
pub(super) fn run(args: &Args) -> Result<Output> {
    use crate::sweep::CorpusSpec;
    use crate::train::{CorpusRequest, prepare_corpus};

    let spec = CorpusSpec {
        path: args.path.clone(),
        crates: args.crates,
        text_field: args.text_field.clone(),
        tokenizer: args.tokenizer.clone(),
        // Any number passes the check: the tokenizer decides.
        vocab: Some(2),
        validation_fraction: args.validation_fraction,
        near_duplicates: args.near_duplicates,
        ..CorpusSpec::default()
    };
    let registry = super::train::registry();
    let report = prepare_corpus(&CorpusRequest { spec, registry, out: args.out.clone() })?;
    let mut text = corpus_text(&report);
    if let Some(folder) = &args.out {
        text.push_str(&format!(
            "wrote {} files; train on them with\n  corpus = {{ path = \"{}\", vocab = {} }}\n",
            report.files.len(),
            folder.display(),
            report.vocab
        ));
    }
    Output::new(text, &report, Vec::new())
}

#[cfg(feature = "train")]
fn corpus_text(report: &crate::train::CorpusReport) -> String {
    let facts = &report.facts;
    let count = |tokens: usize| crate::units::short_count(tokens as f64);
    let mut text = format!(
        "{}\n  training    {} tokens of {} documents\n  validation  {} tokens of {} documents\n  \
         left out    {} that are not text, {} copies, {} near copies of validation documents\n  \
         vocabulary  {}\n",
        report.name,
        count(report.train_tokens),
        facts.train_documents,
        count(report.validation_tokens),
        facts.validation_documents,
        facts.left_out,
        facts.copies,
        facts.near_copies,
        report.vocab,
    );
    if let Some(bytes) = report.bytes_per_token {
        text.push_str(&format!("  {bytes:.3} bytes of text per token\n"));
    }
    text.push_str(&format!("  sha256 {}\n", report.sha256));
    text
}

#[cfg(not(feature = "train"))]
pub(super) fn run(_args: &Args) -> Result<Output> {
    Err(crate::error::TrainError::NotBuilt.into())
}
