//! `isoloss explain`: a model against the optimum, and why it can be smaller than another.

use clap::Args as ClapArgs;

use super::output::Output;
use crate::error::Result;
use crate::report::{
    continued_text, decomposition_text, explanation_intervals_text, explanation_text,
};
use crate::study::{ExplainReport, ExplainRequest, Explained, Placed};
use crate::units::{Params, Tokens};

/// Flags of `isoloss explain`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss explain \"LLaMA 7B\" --law hoffmann-a3-devries
  isoloss explain \"Mistral 7B\" --against Gopher
  isoloss explain --params 8.03B --tokens 15T --law besiroglu,hoffmann-a3-devries")]
pub(super) struct Args {
    /// A released model (`isoloss models`).
    model: Option<String>,
    /// A published law, several with commas, `all`, or a fit.json.
    ///
    /// `isoloss laws` lists them; also a family with constants of your own,
    /// `chinchilla:E=1.69;A=406.4;B=410.7;alpha=0.34;beta=0.28`, and `-` for a fit from standard input.
    #[arg(long, default_value = crate::study::USUAL_LAWS)]
    law: String,
    /// Parameters, for a model without a name or instead of those on record.
    #[arg(long)]
    params: Option<Params>,
    /// Training tokens, likewise.
    #[arg(long)]
    tokens: Option<Tokens>,
    /// Unique tokens, where the law knows repetition: the others are repeats.
    #[arg(long, value_name = "TOKENS")]
    unique_tokens: Option<Tokens>,
    /// Experts per layer, where the law knows them.
    #[arg(long)]
    experts: Option<f64>,
    /// Granularity of the experts, likewise.
    #[arg(long)]
    granularity: Option<f64>,
    /// Bits per weight after training, likewise.
    #[arg(long)]
    served_bits: Option<f64>,
    /// A larger model of about the same quality: split the difference in size into allocation,
    /// compression and what neither explains. Gopher where the model's tokens are not published.
    #[arg(long, value_name = "MODEL")]
    against: Option<String>,
    /// Train it on that many tokens more: what it gains, and what the same compute buys from scratch.
    #[arg(long, value_name = "TOKENS")]
    more_tokens: Option<Tokens>,
}

pub(super) fn run(args: &Args) -> Result<Output> {
    let report = args.request().answer()?;
    Output::new(text(&report), &report, report.warnings.clone())
}

fn text(report: &ExplainReport) -> String {
    let tokens =
        report.tokens.map_or_else(|| "an unpublished number of".to_owned(), |d| d.to_string());
    let note = report.record.as_ref().map_or_else(String::new, |r| {
        let active = if r.active { ", active parameters" } else { "" };
        format!("{active} ({}; {})", r.source, r.checked)
    });
    let mut text =
        format!("{}: {} parameters on {tokens} tokens{note}\n", report.model, report.params);
    for law in &report.laws {
        text.push('\n');
        match law {
            Explained::Placed(placed) => text.push_str(&placed_text(placed)),
            Explained::PastTheWall(split) => text.push_str(&decomposition_text(split)),
        }
    }
    text
}

fn placed_text(placed: &Placed) -> String {
    let mut text = String::new();
    if placed.tokens_assumed {
        let d = placed.explanation.model.d;
        text.push_str(&format!("if it has the loss of its reference, on {d} tokens:\n"));
    }
    text.push_str(&explanation_text(&placed.explanation));
    text.push_str(&explanation_intervals_text(&placed.intervals, placed.level));
    if let Some(continued) = &placed.continued {
        text.push_str(&continued_text(continued));
    }
    if let Some(split) = &placed.against {
        text.push_str(&decomposition_text(split));
    }
    text
}

impl Args {
    fn request(&self) -> ExplainRequest {
        ExplainRequest {
            law: self.law.clone(),
            model: self.model.clone(),
            params: self.params,
            tokens: self.tokens,
            unique_tokens: self.unique_tokens,
            experts: self.experts,
            granularity: self.granularity,
            served_bits: self.served_bits,
            against: self.against.clone(),
            more_tokens: self.more_tokens,
        }
    }
}
