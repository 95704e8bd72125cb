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
    /// Text, JSON Lines, Parquet or token files, a file or a folder; the default synthetic source when
    /// absent.
    path: Option<PathBuf>,
    /// The sources of the crates this program was built from, unpacked by cargo.
    #[arg(long, conflicts_with = "path")]
    crates: bool,
    /// Key or column that holds the text; inside others as `data.text` or `/data/text`.
    #[arg(long, default_value = "text")]
    text_field: String,
    /// `bytes`, `bpe:N` trained on the training documents, or a tokenizer.json.
    #[arg(long, default_value = "bytes")]
    tokenizer: String,
    /// Kinds of tokens of token files; the largest id and one when absent.
    #[arg(long, value_name = "COUNT")]
    vocab: Option<u32>,
    /// Share of the bytes kept for validation, in whole documents.
    #[arg(long, default_value_t = 0.05, value_name = "SHARE")]
    validation_fraction: f64,
    /// Similarity from which two documents stay on one side, validation keeping one; 1 keeps all.
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
        vocab: args.vocab,
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
    let of = |documents: usize| match documents {
        0 => String::new(),
        1 => " of 1 document".to_owned(),
        many => format!(" of {many} documents"),
    };
    let share = report.validation_tokens as f64
        / (report.train_tokens + report.validation_tokens).max(1) as f64;
    let mut text = format!(
        "{}\n  training    {} tokens{}\n  validation  {} tokens{}, {:.3} of all\n",
        report.name,
        count(report.train_tokens),
        of(facts.train_documents),
        count(report.validation_tokens),
        of(facts.validation_documents),
        share,
    );
    let aside = &facts.set_aside;
    let parts = [
        (facts.left_out - aside.total().min(facts.left_out), "files without tokens"),
        (aside.not_text, "not text"),
        (aside.empty, "empty"),
        (aside.bad_syntax, "of bad syntax"),
        (aside.no_key, "without the key"),
        (aside.wrong_type, "with something else under it"),
    ];
    let said = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
    let said = said.collect::<Vec<_>>();
    let said = if said.is_empty() { "nothing".to_owned() } else { said.join(", ") };
    text.push_str(&format!("  left out    {said}\n"));
    for example in &aside.examples {
        text.push_str(&format!("    {example}\n"));
    }
    text.push_str(&format!(
        "  copies      {}, and {} near copies of validation documents\n",
        facts.copies, facts.near_copies
    ));
    let unused = report.vocab.saturating_sub(facts.used_tokens);
    text.push_str(&format!("  vocabulary  {} kinds of tokens", report.vocab));
    if unused > 0 {
        text.push_str(&format!(
            ", {unused} of which never occur in the\n              training data and do not count as parameters"
        ));
    }
    text.push('\n');
    if let Some(bytes) = report.bytes_per_token {
        text.push_str(&format!("  {bytes:.3} bytes of text per token\n"));
    }
    if let Some(entropy) = facts.entropy_nats {
        text.push_str(&format!(
            "  entropy {entropy:.4} nats per token: no model has a lower loss\n"
        ));
    }
    text.push_str(&format!("  sha256 {}\n", report.sha256));
    text
}

#[cfg(not(feature = "train"))]
pub(super) fn run(_args: &Args) -> Result<Output> {
    Err(crate::error::TrainError::NotBuilt.into())
}
