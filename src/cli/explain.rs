//! `isoloss explain`: a model against the optimum, and why it can be smaller than another.

use clap::Args as ClapArgs;

use super::output::Output;
use crate::error::Result;
use crate::study::ExplainRequest;
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
    Output::new(report.text(), &report, report.warnings.clone())
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
