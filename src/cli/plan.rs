//! `isoloss plan`: budgets and losses to allocations.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde::Serialize;

use super::output::{Output, to_json_text};
use super::scenario::ScenarioArgs;
use super::target::Target;
use crate::cost::{Budget, Uncertain, Workload, device};
use crate::error::{PlanError, Result, Warning};
use crate::flops::Pattern;
use crate::law::{Ensemble, TwoStep};
use crate::plan::{
    Aim, Currency, Goal, Limits, Recipe, RecipeInputs, Recommendation, Regret, Row, Sampling,
    Scenario, Serving, disagreement, propose, recipe, recommend, recommended_row,
    regret_over_draws, regret_over_laws,
};
use crate::report::{
    across_sheet, designs_sheet, proposal_sheets, recipe_text, recommendation_text, regret_sheet,
    spread_sheet, write_atomically,
};
use crate::study::{AskedLaw, ask_laws};
use crate::units::{Flops, ParamRule, Params, parse_duration_s, parse_usd};

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
    /// A published law (`isoloss laws`), several with commas, `all`, a fit.json, or a family with
    /// constants of your own (`chinchilla:E=1.69;A=406.4;B=410.7;alpha=0.34;beta=0.28`).
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
    #[command(flatten)]
    target: Target,
    /// A size to price beside the strategies: its tokens for the loss or the budget.
    #[arg(long, value_name = "PARAMS")]
    params: Option<Params>,
    /// A benchmark error to reach, through --benchmark.
    #[arg(long, value_name = "ERROR", requires = "benchmark", conflicts_with_all = ["quality_of", "loss"])]
    target_error: Option<f64>,
    /// Benchmark law: a published name (gadre-redpajama) or the JSON of `isoloss benchmark --json`.
    #[arg(long, value_name = "LAW")]
    benchmark: Option<String>,
    /// Write the plan as JSON, as --json prints it.
    #[arg(short, long, value_name = "FILE.json")]
    out: Option<PathBuf>,
    /// Write out the run: shape, hyper-parameters, layout, days, dollars.
    #[arg(long)]
    recipe: bool,
    /// Tokens of a training sequence, for --recipe.
    #[arg(long, default_value_t = 4096, help_heading = "Training")]
    train_context: u32,
    /// Joint draws of law and circumstances behind the intervals; 0 for none.
    #[arg(long, default_value_t = 4000)]
    draws: usize,
    /// Seed of the draws.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    scenario: ScenarioArgs,
}

/// `30` and `30d` are thirty days; other units say so.
pub(super) fn days_to_s(text: &str) -> std::result::Result<f64, crate::error::UnitsError> {
    match text.trim().parse::<f64>() {
        Ok(_) => parse_duration_s(&format!("{}d", text.trim())),
        Err(_) => parse_duration_s(text),
    }
}

#[derive(Debug, Serialize)]
struct Json {
    plans: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    recommended: Vec<Recommendation>,
    /// Law, prices and demand all in doubt: intervals and shares over every law asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    across_laws: Option<Recommendation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    regret: Option<Regret>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    recipes: Vec<Recipe>,
    #[serde(serialize_with = "crate::error::with_messages")]
    warnings: Vec<Warning>,
    goal: Goal,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<Budget>,
}

pub(super) fn run(args: &Args) -> Result<Output> {
    let laws = ask_laws(&args.law)?;
    let target = args.target_goal(&laws)?;
    // With a loss to reach, machines are a limit, not a budget.
    let budget = match (args.budget()?, &target) {
        (Some(Budget::DeviceTime { .. }), Some(_)) => None,
        (budget, _) => budget,
    };
    let goal = match (&budget, target) {
        (Some(budget), None) => Goal::Budget(budget.flops()?),
        (None, Some(goal)) => goal,
        (None, None) => return Err(inputs("no budget and no loss to reach")),
        (Some(_), Some(_)) => return Err(inputs("a budget and a loss at once")),
    };
    let scenario = args.scenario(goal, budget.as_ref())?;
    let rich = args.scenario.is_rich() || args.recipe;
    let workload = args.scenario.served_tokens().map_or(Workload::NONE, Workload::output);
    let stored = scenario.memory.map(|m| Params::new(m.bytes * 8.0 / m.stored_bits()));
    let limits = Limits { data: scenario.data, max_params: stored, given_params: args.params };
    let sampling = Sampling { draws: args.draws, seed: args.seed, ..Sampling::default() };
    let mut answer = Json {
        plans: Vec::new(),
        recommended: Vec::new(),
        across_laws: None,
        regret: None,
        recipes: Vec::new(),
        warnings: Vec::new(),
        goal,
        budget: budget.clone(),
    };
    let mut text = format!("{}\n", args.headline(goal, budget.as_ref(), &scenario)?);
    for AskedLaw { ensemble, warnings: doubts } in &laws {
        let proposal = propose(ensemble, goal, &workload, &limits)?;
        for sheet in proposal_sheets(&proposal.plans) {
            text.push_str(&format!("\n{}", sheet.to_text()));
        }
        answer.plans.extend(proposal.plans);
        answer.warnings.extend(doubts.iter().cloned());
        answer.warnings.extend(proposal.warnings);
        if rich {
            let r = recommend(ensemble, &scenario, &sampling)?;
            text.push_str(&format!("\n{}", recommendation_text(&r)));
            if r.designs.len() > 1 {
                text.push_str(&format!("\n{}", designs_sheet(&r).to_text()));
            }
            if !r.spread.is_empty() {
                text.push_str(&format!("\n{}", spread_sheet(&r.spread).to_text()));
            }
            answer.warnings.extend(r.warnings.iter().cloned());
            answer.plans.push(recommended_row(&r, workload.total()));
            answer.recommended.push(r);
        }
    }
    if args.recipe {
        for r in &answer.recommended {
            let run = args.recipe_of(r, &scenario, &laws)?;
            text.push_str(&format!("\n{}", recipe_text(&run)));
            answer.recipes.push(run);
        }
    }
    if let (true, Some(all)) = (laws.len() > 1, across(&laws, &scenario)) {
        let mut r = recommend(&all, &scenario, &sampling)?;
        r.law = format!("{} laws, each as likely", laws.len());
        text.push_str(&format!("\n{}", across_sheet(&r).to_text()));
        text.push_str(&format!("\n{}", spread_sheet(&r.spread).to_text()));
        answer.across_laws = Some(r);
    }
    answer.regret = regret(&laws, &scenario, &sampling, rich)?;
    if let Some(regret) = &answer.regret {
        let to_loss = matches!(scenario.aim, Aim::Loss(_) | Aim::QualityOf(_));
        text.push_str(&format!("\n{}", regret_sheet(regret, to_loss).to_text()));
        answer.warnings.extend(regret.dispute().filter(|_| laws.len() > 1));
    }
    answer.warnings.extend(disagreement(&answer.plans));
    if let Some(path) = &args.out {
        write_atomically(path, to_json_text(&answer)?.as_bytes())?;
        text.push_str(&format!("\nwrote {}\n", path.display()));
    }
    let warnings = answer.warnings.clone();
    Output::new(text, &answer, warnings)
}

fn in_doubt(ensemble: &Ensemble, scenario: &Scenario) -> bool {
    !ensemble.draws.is_empty() || !scenario.inputs().is_empty()
}

/// The laws that have such a plan, as one ensemble; `None` when fewer than two do.
fn across(laws: &[AskedLaw], scenario: &Scenario) -> Option<Ensemble> {
    let once = Sampling { draws: 0, ..Sampling::default() };
    let with_plan: Vec<&Ensemble> = laws
        .iter()
        .map(|law| &law.ensemble)
        .filter(|e| recommend(e, scenario, &once).is_ok())
        .collect();
    if with_plan.len() < 2 { None } else { Ensemble::rivals(&with_plan) }
}

/// One size for all laws that were asked, or for all draws of the one.
fn regret(
    laws: &[AskedLaw],
    scenario: &Scenario,
    sampling: &Sampling,
    rich: bool,
) -> Result<Option<Regret>> {
    // A design other laws know nothing of cannot be compared across them.
    let dense = scenario.designs.len() == 1 && scenario.designs[0].pattern.experts.is_none();
    match laws {
        [one] if rich && dense && in_doubt(&one.ensemble, scenario) && sampling.draws > 0 => {
            regret_over_draws(&one.ensemble, scenario, sampling).map(Some)
        }
        [_] => Ok(None),
        several if dense => {
            let surfaces: Vec<_> = several.iter().map(|law| &law.ensemble.best).collect();
            // A law without such a plan is told by its own table, not here.
            let with_plan: Vec<_> = surfaces
                .into_iter()
                .filter(|s| regret_over_laws(&[*s], scenario).is_ok())
                .collect();
            if with_plan.len() < 2 {
                return Ok(None);
            }
            regret_over_laws(&with_plan, scenario).map(Some)
        }
        _ => Ok(None),
    }
}

fn inputs(problem: &str) -> crate::error::Error {
    let mend = "give one of --flops, --gpus with --device and --days, --usd with --device, --quality-of, --loss";
    PlanError::Inputs { problem: problem.to_owned(), mend }.into()
}

impl Args {
    /// The loss to reach, where one is asked for.
    fn target_goal(&self, laws: &[AskedLaw]) -> Result<Option<Goal>> {
        let (Some(error), Some(name)) = (self.target_error, &self.benchmark) else {
            return Ok(self.target.goal());
        };
        // The benchmark law speaks of one loss, so one law has to say how to reach it.
        let [law] = laws else {
            return Err(PlanError::Inputs {
                problem: "a benchmark error under several laws of loss".to_owned(),
                mend: "give one law with --target-error",
            }
            .into());
        };
        let (benchmark, theta) = super::benchmark::named(name)?;
        let surface = law.ensemble.best.clone();
        let two_step = TwoStep { surface, benchmark, theta };
        let loss = two_step.loss_for_error(error).ok_or_else(|| PlanError::Inputs {
            problem: format!(
                "no loss within reach of `{}` has an error of {error}",
                law.ensemble.best.label
            ),
            mend: "aim at a larger error, or see `isoloss benchmark --target`",
        })?;
        Ok(Some(Goal::Loss(loss)))
    }

    fn budget(&self) -> Result<Option<Budget>> {
        let name = || self.device.clone().unwrap_or_default();
        let mfu = self.scenario.utilisation()?.mid;
        if let Some(c) = self.flops {
            return Ok(Some(Budget::Compute(c)));
        }
        if let Some(gpus) = self.gpus {
            let duration_s = self.days.unwrap_or_default();
            return Ok(Some(Budget::DeviceTime { gpus, device: name(), duration_s, mfu }));
        }
        Ok(self.usd.map(|usd| Budget::Money {
            usd,
            device: name(),
            usd_per_hour: self.scenario.usd_per_hour.map(|p| p.mid),
            mfu,
        }))
    }

    fn scenario(&self, goal: Goal, budget: Option<&Budget>) -> Result<Scenario> {
        let aim = match (goal, budget) {
            (_, Some(Budget::Money { usd, .. })) => Aim::Budget(*usd),
            (_, Some(Budget::DeviceTime { .. })) => Aim::MachineTime,
            (Goal::Budget(c), _) => Aim::Budget(c.get()),
            (Goal::Loss(loss), _) => Aim::Loss(loss),
            (Goal::QualityOf(n), _) => Aim::QualityOf(n),
        };
        let training = self.scenario.training(self.device.as_deref(), self.gpus, self.days)?;
        // FLOPs are FLOPs even where a device is named for the recipe.
        if matches!(budget, Some(Budget::Compute(_))) && self.scenario.cost.is_none() {
            let mut scenario = self.scenario.scenario(aim, None)?;
            scenario.training = training;
            return Ok(scenario);
        }
        self.scenario.scenario(aim, training)
    }

    fn recipe_of(
        &self,
        r: &Recommendation,
        scenario: &Scenario,
        laws: &[AskedLaw],
    ) -> Result<Recipe> {
        let design = scenario.designs.iter().find(|d| d.name == r.design);
        let law = laws.iter().find(|law| law.ensemble.best.label == r.law);
        recipe(&RecipeInputs {
            n: r.plan.n,
            rule: law.map_or(ParamRule::All, |law| law.ensemble.best.params),
            d: r.plan.d,
            pattern: design.map_or(Pattern::MODERN, |d| d.pattern),
            context: self.train_context,
            batch_tokens: None,
            training: scenario.training.clone(),
        })
    }

    /// Where prices and utilisation come from, where money counts.
    fn prices(&self, scenario: &Scenario) -> Result<String> {
        if !matches!(scenario.currency, Currency::TrainUsd | Currency::LifetimeUsd) {
            return Ok(String::new());
        }
        let range = |u: &Uncertain| {
            if u.is_known() {
                format!("{}", u.mid)
            } else {
                format!("{} ({} to {})", u.mid, u.low, u.high)
            }
        };
        let dated = |name: &str, given: Option<Uncertain>| -> Result<String> {
            if let Some(given) = given {
                return Ok(format!("${} per {name}-hour as given", range(&given)));
            }
            let device = device(name)?;
            let Ok(price) = device.latest_price() else { return Ok("no price".to_owned()) };
            let (date, source) = (&price.date, &price.source);
            Ok(format!("${} per {}-hour ({date}; {source})", range(&price.range()), device.name))
        };
        let mut text = String::new();
        if let Some(t) = &scenario.training {
            let price = dated(&t.device.name, self.scenario.usd_per_hour)?;
            text.push_str(&format!("\n  training at {price}, MFU {}", range(&t.utilisation)));
        }
        if let (Some(name), Currency::LifetimeUsd) =
            (&self.scenario.serve_device, scenario.currency)
        {
            text.push_str(&format!(
                "\n  serving at {}",
                dated(name, self.scenario.serve_usd_per_hour)?
            ));
        }
        Ok(text)
    }

    fn headline(&self, goal: Goal, budget: Option<&Budget>, scenario: &Scenario) -> Result<String> {
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
        let served = match self.scenario.served_tokens() {
            Some(t) => format!("\n  {t} tokens served, 2 N FLOPs each"),
            None => String::new(),
        };
        let lifetime = matches!(scenario.currency, Currency::LifetimeFlops | Currency::LifetimeUsd);
        let purse = if lifetime && matches!(scenario.aim, Aim::Budget(_)) {
            "\n  one purse for training and serving: the strategies spend it all on training, the recommended plan shares it"
        } else {
            ""
        };
        let machines = match (&scenario.serving, self.scenario.serve_device.is_some()) {
            (Some(Serving::Physics { deployment, .. }), true) => format!(
                "\n  served on groups of {} x {}, requests of {} tokens in and {} out",
                deployment.devices,
                deployment.device.name,
                self.scenario.prompt,
                self.scenario.answer
            ),
            _ => String::new(),
        };
        Ok(format!("{goal}{source}{served}{purse}{machines}{}", self.prices(scenario)?))
    }
}
