//! `isoloss plan`: budgets and losses to allocations.

use std::path::{Path, PathBuf};

use super::one_quantity;
use super::output::{Console, Output, Outs, to_value};
use super::scenario::ScenarioArgs;
use super::target::TargetArgs;
use crate::error::Result;
use crate::fit::DomainTokens;
use crate::report::{Text, domain_tokens_table};
use crate::study::{MixReport, PlanAnswer, PlanPicture, PlanRequest, ask_laws};
use crate::units::{Flops, Params, Tokens, parse_days_s, parse_usd};
use clap::Args as ClapArgs;

/// Flags of `isoloss plan`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss plan --law besiroglu --flops 5.76e23
  isoloss plan --law fit.json --gpus 1024 --device H100-SXM --days 30 --mfu 0.4 --serve-tokens 2T
  isoloss plan --law besiroglu,hoffmann-a3-devries --usd '$2M' --device H200 --mfu 0.35
  isoloss plan --law besiroglu --quality-of 70B --serve-tokens 10T
  isoloss plan --law besiroglu --loss 2.0 --params 20B
  isoloss plan --law fit.json --quality-of 30B --device 'H100 SXM' --serve-device 'H100 SXM' \\
    --serve-tokens 1T..4T --tpot 20ms --mfu published --recipe
  isoloss plan --law joint-moe --flops 1e22 --experts 1,4,8,16 --memory 24GB
  isoloss plan --law besiroglu --flops 1e22 --unique-tokens 50B --max-epochs 8")]
pub(super) struct Args {
    /// A published law, several with commas, `all`, or a fit.json.
    ///
    /// `isoloss laws` lists them; also a family with constants of your own,
    /// `chinchilla:E=1.69;A=406.4;B=410.7;alpha=0.34;beta=0.28`, and `-` for a fit from standard input.
    #[arg(long)]
    law: String,
    /// Training FLOPs, e.g. 5.76e23.
    #[arg(long, group = "budget")]
    flops: Option<Flops>,
    /// Number of devices; with --device, --days and --mfu.
    #[arg(
        long,
        alias = "devices",
        value_name = "K",
        group = "budget",
        requires = "device",
        requires = "days"
    )]
    gpus: Option<f64>,
    /// Dollars for training, e.g. '$2M'; with --device.
    #[arg(long, group = "budget", requires = "device", value_parser = parse_usd)]
    usd: Option<f64>,
    /// Device (`isoloss devices`).
    #[arg(long)]
    device: Option<String>,
    /// Days of training, e.g. 30 or 30d.
    #[arg(long, value_parser = parse_days_s)]
    days: Option<f64>,
    #[command(flatten)]
    target: TargetArgs,
    /// A size to price beside the plan: its tokens for the loss or the budget. Alone: how many tokens
    /// this size deserves, given the demand.
    #[arg(long, value_name = "PARAMS")]
    params: Option<Params>,
    /// A benchmark error to reach, through --benchmark.
    #[arg(long, value_name = "ERROR", requires = "benchmark", conflicts_with_all = ["quality_of", "loss"])]
    target_error: Option<f64>,
    /// Benchmark law: a published name (gadre-redpajama) or the JSON of `isoloss benchmark --json`.
    #[arg(long, value_name = "LAW")]
    benchmark: Option<String>,
    /// What a picture shows.
    #[arg(long, value_enum, default_value = "plane")]
    picture: PlanPicture,
    /// Tokens and epochs of each domain of this mixture.
    ///
    /// A file that `isoloss mix -o mix.json` wrote; epochs where it was told the unique tokens.
    #[arg(long, value_name = "MIX.json")]
    mixture: Option<PathBuf>,
    /// Write the plan (.json) or a picture (.svg, .png).
    ///
    /// Repeatable. The JSON is what --json prints.
    #[arg(short, long, value_name = "FILE")]
    out: Vec<PathBuf>,
    /// Write out the run: shape, hyper-parameters, layout, days, dollars.
    #[arg(long)]
    recipe: bool,
    /// Tokens of a training sequence, for --recipe.
    #[arg(long, default_value_t = 4096, help_heading = "Training")]
    train_context: u32,
    /// Joint draws of law and circumstances behind the intervals; 0 for none.
    #[arg(long, default_value_t = 4000)]
    draws: usize,
    /// What a nat per token less is worth, in dollars where serving has a price and in FLOPs elsewhere;
    /// by default what it costs in training at the optimum.
    #[arg(long, value_name = "VALUE", value_parser = parse_usd)]
    nat_value: Option<f64>,
    /// What one input moved at a time would change: a week, demand, prices, utilisation, exponents.
    #[arg(long)]
    what_if: bool,
    /// Seed of the draws.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    scenario: ScenarioArgs,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Output> {
    let outs = Outs::of(&args.out)?;
    let (law, loss) = (&args.law, args.target.loss);
    if let Some(output) = one_quantity::planned(law, loss, args.flops, &outs)? {
        return Ok(output);
    }
    let laws = ask_laws(&args.law)?;
    let answer = args.request(console).answer_under(&laws)?;
    let mut text = answer.text()?;
    let mixture = args.mixture.as_deref().map(|path| mixed(path, &answer)).transpose()?;
    if let Some((_, table)) = &mixture {
        text.apart(table.clone());
    }
    outs.save(&mut text, &answer, || answer.chart(args.picture, &laws))?;
    let mut json = to_value(&answer)?;
    if let (Some(object), Some((domains, _))) = (json.as_object_mut(), mixture) {
        object.insert("mixture".to_owned(), to_value(&domains)?);
    }
    Output::new(text, &json, answer.warnings.clone())
}

/// Epochs up to which repeats are worth nearly as much as fresh text (Muennighoff et al. 2023).
const MOST_EPOCHS: f64 = 4.0;

/// What the plan of the first law takes of each domain of a mixture.
fn mixed(path: &Path, answer: &PlanAnswer) -> Result<(Vec<DomainTokens>, Text)> {
    let tokens = answer.laws.first().map_or(Tokens::new(0.0), |law| law.recommended.plan.d);
    let domains = MixReport::load(path)?.answer.in_run(tokens);
    let title = format!("{tokens} tokens in the mixture of {}", path.display());
    let mut text = Text::from(domain_tokens_table(&domains, &title));
    let often: Vec<String> = domains
        .iter()
        .filter(|d| d.epochs.is_some_and(|epochs| epochs > MOST_EPOCHS))
        .map(|d| d.domain.clone())
        .collect();
    if !often.is_empty() {
        text.paragraph(
            &format!(
                "more than {MOST_EPOCHS} epochs over {}: repeats beyond that are worth less; choose the mixture again for this D",
                often.join(", ")
            ),
            2,
        );
    }
    Ok((domains, text))
}

impl Args {
    fn request(&self, console: &Console) -> PlanRequest {
        PlanRequest {
            law: self.law.clone(),
            flops: self.flops,
            usd: self.usd,
            device: self.device.clone(),
            gpus: self.gpus,
            duration_s: self.days,
            quality_of: self.target.quality_of,
            loss: self.target.loss,
            target_error: self.target_error,
            benchmark: self.benchmark.clone(),
            params: self.params,
            recipe: self.recipe,
            train_context: self.train_context,
            nat_value: self.nat_value,
            what_if: self.what_if,
            verbose: console.verbose,
            draws: self.draws,
            seed: self.seed,
            scenario: self.scenario.request(),
        }
    }
}
