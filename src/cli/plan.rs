//! `isoloss plan`: budgets and losses to allocations.

use clap::Args as ClapArgs;
use serde::Serialize;

use super::law_arg::{self, AskedLaw};
use super::output::Output;
use super::target::Target;
use crate::cost::{Budget, Workload, device};
use crate::error::{PlanError, Result, Warning};
use crate::plan::{Goal, Limits, Row, disagreement, propose};
use crate::report::proposal_sheets;
use crate::units::{Flops, Params, Tokens, parse_bytes, parse_duration_s, parse_usd};

/// Flags of `isoloss plan`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss plan --law besiroglu --flops 5.76e23
  isoloss plan --law fit.json --gpus 1024 --device H100-SXM --days 30 --mfu 0.4 --serve-tokens 2T
  isoloss plan --law besiroglu,hoffmann-a3-devries --usd '$2M' --device H200 --mfu 0.35
  isoloss plan --law besiroglu --quality-of 70B --serve-tokens 10T
  isoloss plan --law besiroglu --loss 2.0 --params 20B")]
pub(super) struct Args {
    /// A published law (`isoloss laws`), several with commas, `all`, or a fit.json.
    #[arg(long)]
    law: String,
    /// Training FLOPs, e.g. 5.76e23.
    #[arg(long, group = "budget")]
    flops: Option<Flops>,
    /// Number of devices; with --device, --days and --mfu.
    #[arg(long, group = "budget", requires = "device", requires = "days")]
    gpus: Option<f64>,
    /// Dollars for training, e.g. '$2M'; with --device.
    #[arg(long, group = "budget", requires = "device", value_parser = parse_usd)]
    usd: Option<f64>,
    /// Device (`isoloss devices`).
    #[arg(long)]
    device: Option<String>,
    /// Days of training, e.g. 30 or 30d.
    #[arg(long, value_parser = days_to_s)]
    days: Option<f64>,
    /// Share of the dense BF16 peak that does useful work.
    #[arg(long, default_value_t = 0.4)]
    mfu: f64,
    /// Price; the newest on record when absent.
    #[arg(long)]
    usd_per_hour: Option<f64>,
    #[command(flatten)]
    target: Target,
    /// Tokens served over the model's life.
    #[arg(long, value_name = "TOKENS")]
    serve_tokens: Option<Tokens>,
    /// Unique tokens there are; none is shown twice.
    #[arg(long, value_name = "TOKENS")]
    unique_tokens: Option<Tokens>,
    /// Memory the weights must fit, e.g. 16GB.
    #[arg(long, value_parser = parse_bytes)]
    memory: Option<f64>,
    /// Bits per weight in that memory.
    #[arg(long, default_value_t = 16.0, requires = "memory")]
    weight_bits: f64,
    /// A size to price beside the strategies: its tokens for the loss or the budget.
    #[arg(long, value_name = "PARAMS")]
    params: Option<Params>,
}

/// `30` and `30d` are thirty days; other units say so.
fn days_to_s(text: &str) -> std::result::Result<f64, crate::error::UnitsError> {
    match text.trim().parse::<f64>() {
        Ok(_) => parse_duration_s(&format!("{}d", text.trim())),
        Err(_) => parse_duration_s(text),
    }
}

#[derive(Debug, Serialize)]
struct Json {
    plans: Vec<Row>,
    #[serde(serialize_with = "crate::error::with_messages")]
    warnings: Vec<Warning>,
    goal: Goal,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<Budget>,
}

pub(super) fn run(args: &Args) -> Result<Output> {
    let laws = law_arg::resolve(&args.law)?;
    let budget = args.budget();
    let goal = match (&budget, args.target.goal()) {
        (Some(budget), None) => Goal::Budget(budget.flops()?),
        (None, Some(goal)) => goal,
        (None, None) => return Err(inputs("no budget and no loss to reach")),
        (Some(_), Some(_)) => return Err(inputs("a budget and a loss at once")),
    };
    let workload = args.serve_tokens.map_or(Workload::NONE, Workload::output);
    let limits = Limits {
        unique_tokens: args.unique_tokens,
        max_params: args.memory.map(|bytes| Params::new(bytes * 8.0 / args.weight_bits)),
        given_params: args.params,
    };
    let (mut plans, mut warnings) = (Vec::new(), Vec::new());
    for AskedLaw { ensemble, warnings: doubts } in &laws {
        let proposal = propose(ensemble, goal, &workload, &limits)?;
        plans.extend(proposal.plans);
        warnings.extend(doubts.iter().cloned());
        warnings.extend(proposal.warnings);
    }
    warnings.extend(disagreement(&plans));
    let mut text = format!("{}\n", headline(goal, budget.as_ref(), args)?);
    for sheet in proposal_sheets(&plans) {
        text.push_str(&format!("\n{}", sheet.to_text()));
    }
    let json = Json { plans, warnings: warnings.clone(), goal, budget };
    Output::new(text, &json, warnings)
}

fn inputs(problem: &str) -> crate::error::Error {
    let mend = "give one of --flops, --gpus with --device and --days, --usd with --device, --quality-of, --loss";
    PlanError::Inputs { problem: problem.to_owned(), mend }.into()
}

impl Args {
    fn budget(&self) -> Option<Budget> {
        let name = || self.device.clone().unwrap_or_default();
        if let Some(c) = self.flops {
            return Some(Budget::Compute(c));
        }
        if let Some(gpus) = self.gpus {
            let duration_s = self.days.unwrap_or_default();
            return Some(Budget::DeviceTime { gpus, device: name(), duration_s, mfu: self.mfu });
        }
        self.usd.map(|usd| Budget::Money {
            usd,
            device: name(),
            usd_per_hour: self.usd_per_hour,
            mfu: self.mfu,
        })
    }
}

fn headline(goal: Goal, budget: Option<&Budget>, args: &Args) -> Result<String> {
    let goal = match goal {
        Goal::Budget(c) => format!("training budget C = {c} FLOPs"),
        Goal::Loss(loss) => format!("target loss {loss} nats per token"),
        Goal::QualityOf(n) => format!("target: the loss of the compute-optimal {n} model"),
    };
    let source = match budget {
        None | Some(Budget::Compute(_)) => String::new(),
        Some(Budget::DeviceTime { gpus, device: name, duration_s, mfu }) => {
            let device = device(name)?;
            format!(
                "\n  from {gpus} x {} for {} days at MFU {mfu} of {} TFLOP/s dense BF16",
                device.name,
                duration_s / 86_400.0,
                device.peak_flop_per_s()? / 1e12
            )
        }
        Some(Budget::Money { usd, device: name, usd_per_hour, mfu }) => {
            let device = device(name)?;
            let price = match usd_per_hour {
                Some(price) => format!("${price} per device-hour as given"),
                None => {
                    let price = device.latest_price()?;
                    let (low, high) = (price.low, price.high);
                    let typical = price.typical();
                    format!(
                        "${typical} per device-hour ({}: ${low} to ${high}, {})",
                        price.date, price.source
                    )
                }
            };
            format!("\n  from ${usd} on {} at {price}, MFU {mfu}", device.name)
        }
    };
    let served = match args.serve_tokens {
        Some(t) => format!("\n  {t} tokens served, 2 N FLOPs each"),
        None => String::new(),
    };
    Ok(format!("{goal}{source}{served}"))
}
