//! `isoloss recipe`: from N and D to a run: shape, hyper-parameters, layout, days, dollars.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::output::{Output, check_whole, save_json};
use super::scenario::ScenarioArgs;
use crate::error::Result;
use crate::report::{Format, model_config, recipe_answer, recipe_text};
use crate::study::{RecipeRequest, TrainingRequest};
use crate::units::{ParamRule, Params, Tokens, parse_days_s};

/// Flags of `isoloss recipe`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss recipe --params 7B --tokens 2T -o config.json
  isoloss recipe --params 13B --tokens 4T --device 'H100 SXM' --gpus 512 --mfu published
  isoloss recipe --params 3B --tokens 1T --experts 16 --top-k 2 --device H200 --days 20")]
pub(super) struct Args {
    /// Target number of active parameters.
    #[arg(long)]
    params: Params,
    /// Training tokens.
    #[arg(long)]
    tokens: Tokens,
    /// Count parameters without embeddings.
    #[arg(long)]
    non_embedding: bool,
    /// Tokens of a training sequence.
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    train_context: u32,
    /// Tokens of an optimiser step; the recommended ones when absent.
    #[arg(long)]
    batch_tokens: Option<Tokens>,
    /// Device (`isoloss devices`).
    #[arg(long)]
    device: Option<String>,
    /// Number of devices; as many as finish in --days, or in 30 days, when absent.
    #[arg(long, alias = "devices", value_name = "K", requires = "device")]
    gpus: Option<f64>,
    /// Days of training.
    #[arg(long, requires = "device", value_parser = parse_days_s)]
    days: Option<f64>,
    /// Write the shape as a `config.json` of the llama, mistral or mixtral class.
    #[arg(short, long, value_name = "FILE.json")]
    out: Option<PathBuf>,
    #[command(flatten)]
    scenario: ScenarioArgs,
}

pub(super) fn run(args: &Args) -> Result<Output> {
    check_whole(args.out.as_slice(), &[Format::Json])?;
    let scenario = &args.scenario;
    let experts = scenario.experts.first().copied().unwrap_or(1);
    let training = |device: &String| TrainingRequest {
        device: device.clone(),
        gpus: args.gpus,
        duration_s: args.days,
        mfu: scenario.mfu.unwrap_or_default(),
        fp8: scenario.fp8_training,
        usd_per_hour: scenario.usd_per_hour,
        usd_per_kwh: scenario.usd_per_kwh,
        pue: scenario.pue,
    };
    let request = RecipeRequest {
        params: args.params,
        tokens: args.tokens,
        rule: if args.non_embedding { ParamRule::NonEmbedding } else { ParamRule::Active },
        pattern: scenario.shape.pattern().with_experts(experts, scenario.top_k),
        context: args.train_context,
        batch_tokens: args.batch_tokens,
        training: args.device.as_ref().map(training),
    };
    let run = request.answer()?;
    let mut text = recipe_answer(&run);
    text.apart(recipe_text(&run));
    if let Some(path) = &args.out {
        text.push_str(&save_json(path, &model_config(&run))?);
    }
    Output::new(text, &run, Vec::new())
}
