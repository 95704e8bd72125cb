//! What a sweep will take before anything is trained: its runs, FLOPs, hours and memory.

use std::collections::BTreeMap;

use serde::Serialize;

use super::corpus_spec::CorpusSource;
use super::design::SweepConfig;
use super::memory::memory_estimate;
use super::run::{RunResult, RunSpec};
use super::schedule::Schedule;
use super::wanted::{Stage, StagedRun};
use crate::error::Result;
use crate::flops::FlopRule;
use crate::num::median;
use crate::units::{Flops, Params, Tokens};

/// What a sweep will take.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DryRun {
    /// Name of the sweep.
    pub sweep: String,
    /// Runs at a time.
    pub jobs: usize,
    /// Every run that is expected, in order. Which rates are tried beyond the first, and which cells are
    /// repeated, depends on losses: it is assumed that the recipe's rate is best and that the minimum of a
    /// profile lies in its middle.
    pub runs: Vec<ExpectedRun>,
    /// Sums by stage; stages without runs are left out.
    pub stages: Vec<StageTotal>,
    /// C = 6 N D of all runs, less what branches share.
    pub flops: Flops,
    /// Hours until all have ended, `jobs` at a time: stages that wait for each other one after the other.
    pub hours: f64,
    /// Hours of one run at a time.
    pub run_hours: f64,
    /// Memory of the `jobs` runs that take most, bytes, without the corpus.
    pub memory_bytes: f64,
    /// Where the speed comes from.
    pub speed: Speed,
    /// Training tokens before they repeat; absent where that is not known before the corpus is read.
    pub unique_tokens: Option<Tokens>,
    /// Distinct budgets.
    pub budgets: usize,
    /// Largest over smallest D/N of the design.
    pub ratio_span: f64,
    /// Kinds of learning-rate schedule, each by its longest run.
    pub schedules: Vec<RateCurve>,
    /// What is doubtful about the design.
    pub doubts: Vec<DesignDoubt>,
}

/// A run that is expected.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExpectedRun {
    /// Its stage.
    pub stage: Stage,
    /// Its id.
    pub run: String,
    /// Parameters.
    pub n_params: Params,
    /// Parameters that a token visits.
    pub n_params_active: Params,
    /// Training tokens.
    pub tokens: Tokens,
    /// D/N, N counting what a token visits.
    pub tokens_per_param: f64,
    /// C = 6 N D, less what it shares with a shorter branch.
    pub flops: Flops,
    /// Peak learning rate of the hidden matrices.
    pub lr: f64,
    /// Sequences of a step.
    pub batch_sequences: u32,
    /// Optimiser steps.
    pub steps: u64,
    /// Steps of warm-up.
    pub warmup_steps: u64,
    /// Memory of one such run, bytes.
    pub memory_bytes: f64,
    /// Seconds by the speed above.
    pub seconds: f64,
    /// Whether it has ended.
    pub ended: bool,
}

/// Sums of one stage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StageTotal {
    /// The stage.
    pub stage: Stage,
    /// Runs.
    pub runs: usize,
    /// Those that have ended.
    pub ended: usize,
    /// C of all of them.
    pub flops: Flops,
    /// Hours of one run at a time.
    pub run_hours: f64,
}

/// How fast runs are taken to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Speed {
    /// Rows that were measured here; 0 where the speed is assumed.
    pub measured_rows: usize,
    /// Speed over the assumed one: 24 GFLOP/s at 50k parameters, rising with N^0.28 to 60 GFLOP/s, and half
    /// a millisecond for each layer and step.
    pub over_assumed: f64,
}

/// The learning rate of a run over its steps.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RateCurve {
    /// The schedule.
    pub schedule: Schedule,
    /// The run.
    pub run: String,
    /// (share of the steps, rate over the peak).
    pub points: Vec<(f64, f64)>,
}

/// What is doubtful about a design.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum DesignDoubt {
    /// Data are seen several times.
    Repeats {
        /// Runs with more tokens than unique ones.
        runs: usize,
        /// Most epochs.
        epochs: f64,
    },
    /// Too few budgets to check a law at the largest.
    FewBudgets {
        /// How many.
        budgets: usize,
    },
    /// D/N varies too little to tell N from D.
    NarrowRatio {
        /// Largest over smallest.
        span: f64,
    },
    /// Few optimiser steps.
    FewSteps {
        /// Runs below a hundred.
        runs: usize,
        /// Fewest.
        steps: u64,
    },
}

impl std::fmt::Display for DesignDoubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Repeats { runs, epochs } => write!(
                f,
                "{runs} runs train on more tokens than the corpus has, up to {epochs:.1} epochs: beyond four, repeated data teach less, and a law that does not know it is bent; a larger corpus or smaller budgets avoid that"
            ),
            Self::FewBudgets { budgets } => write!(
                f,
                "{budgets} {}: a fit of the smaller ones cannot be tested on the largest; add budgets, three at least",
                if *budgets == 1 { "budget" } else { "budgets" }
            ),
            Self::NarrowRatio { span } => write!(
                f,
                "D/N varies by a factor of {span:.1} only: N and D cannot be told apart, and no fit will have an optimum; vary sizes at each budget, or tokens at each size"
            ),
            Self::FewSteps { runs, steps } => write!(
                f,
                "{runs} runs have fewer than 100 optimiser steps, down to {steps}: their losses say more of the warm-up than of the law; use larger budgets or a smaller batch"
            ),
        }
    }
}

/// FLOP/s of the bundled trainer on one thread at a size of 50k parameters, the exponent in N, and the
/// most, as the rows of `data/first-light` have it: 15 to 25 GFLOP/s at 33k to 50k parameters, 52 at 820k.
const ASSUMED: (f64, f64, f64) = (2.4e10, 0.28, 6.0e10);

/// Seconds of a layer in a step, whatever its width, and of a run before its first step.
const PER_LAYER_S: f64 = 5e-4;
const START_S: f64 = 0.5;

/// Seconds of a run that trains on `own` tokens itself: its products, what every step takes besides, and
/// all validation passes, which go forward alone.
fn assumed_seconds(spec: &RunSpec, own: Tokens) -> f64 {
    let (at, exponent, most) = ASSUMED;
    let n = spec.shape.params().active.get();
    let rate = (at * (n / 5e4).powf(exponent)).min(most);
    let steps = own.get() / spec.recipe.tokens_per_step() as f64;
    let passes = u64::from(spec.recipe.evaluations).min(spec.steps()) as f64;
    let scored = spec.recipe.validation_tokens as f64 * passes;
    let products = (6.0 * own.get() + 2.0 * scored) * n / rate;
    START_S + steps * f64::from(spec.shape.layers) * PER_LAYER_S + products
}

impl SweepConfig {
    /// What the sweep will take with `jobs` runs at a time, given the rows that have ended.
    ///
    /// # Errors
    /// When no shape has a size that is asked for.
    pub fn dry_run(&self, ended: &BTreeMap<String, RunResult>, jobs: usize) -> Result<DryRun> {
        let staged = self.expected(ended)?;
        let speed = measured(&staged, ended);
        let shared = shared_tokens(&staged);
        let runs: Vec<ExpectedRun> = staged
            .iter()
            .zip(&shared)
            .map(|(run, shared)| {
                let (shape, recipe) = (&run.spec.shape, &run.spec.recipe);
                let memory = memory_estimate(shape, recipe, &self.execution);
                expect(run, (*shared, memory.total_bytes()), &speed, ended)
            })
            .collect();
        let stages: Vec<StageTotal> =
            Stage::ALL.into_iter().filter_map(|stage| total(stage, &runs)).collect();
        let left = |stage: &dyn Fn(Stage) -> bool| {
            let left: Vec<(&ExpectedRun, &StagedRun)> =
                runs.iter().zip(&staged).filter(|(r, _)| !r.ended && stage(r.stage)).collect();
            hours(&left, jobs)
        };
        // The design waits for its rate, repeats of the floors for their profiles.
        let hours = left(&|s| s == Stage::Tune)
            + left(&|s| matches!(s, Stage::Main | Stage::Check))
            + left(&|s| s == Stage::Repeats);
        let mut dry = DryRun {
            sweep: self.name.clone(),
            jobs,
            flops: Flops::new(runs.iter().map(|r| r.flops.get()).sum()),
            hours,
            run_hours: runs.iter().map(|r| r.seconds).sum::<f64>() / 3600.0,
            memory_bytes: most(&runs, jobs),
            stages,
            speed,
            unique_tokens: self.unique_tokens(ended),
            budgets: 0,
            ratio_span: 1.0,
            schedules: curves(&staged),
            doubts: Vec::new(),
            runs,
        };
        judge(&mut dry, &staged);
        Ok(dry)
    }

    /// Every run that will be wanted when losses turn out as expected.
    fn expected(&self, ended: &BTreeMap<String, RunResult>) -> Result<Vec<StagedRun>> {
        let main = self.runs();
        let middle = |spec: &RunSpec| {
            let sizes: Vec<f64> = main
                .iter()
                .filter(|run| run.budget == spec.budget)
                .map(|run| run.shape.params().active.ln())
                .collect();
            median(&sizes)
        };
        let usual = self.recipe.peak_lr.ln();
        let guess = |spec: &RunSpec| {
            let size = spec.shape.params().active.ln() - middle(spec);
            let rate = spec.recipe.peak_lr.ln() - usual;
            Some(2.0 + 0.05 * size * size + 0.02 * rate * rate)
        };
        self.staged_by(&|spec| {
            let row = ended.get(&spec.id).map(|row| row.loss_nats);
            row.or_else(|| Some(guess(spec)))
        })
    }

    fn unique_tokens(&self, ended: &BTreeMap<String, RunResult>) -> Option<Tokens> {
        let seen = ended.values().next().map(|row| row.unique_tokens);
        let synthetic = match self.corpus.source() {
            CorpusSource::Synthetic(source) => Some(Tokens::new(source.tokens)),
            _ => None,
        };
        let cut = self.corpus.unique_tokens.map(Tokens::new);
        // A cut is the most there is: the corpus may be smaller.
        seen.or(match (synthetic, cut) {
            (Some(a), Some(b)) => Some(if a.get() < b.get() { a } else { b }),
            (a, b) => a.or(b),
        })
    }
}

/// Tokens that each run does not train on itself: up to the decay of the next shorter branch.
fn shared_tokens(staged: &[StagedRun]) -> Vec<f64> {
    let of = |spec: &RunSpec| {
        let shorter = staged
            .iter()
            .map(|run| &run.spec)
            .filter(|other| spec.trunk.is_some() && other.trunk == spec.trunk)
            .filter(|other| other.tokens.get() < spec.tokens.get())
            .max_by(|a, b| a.tokens.get().total_cmp(&b.tokens.get()));
        shorter.map_or(0.0, |other| {
            let steps = other.recipe.steps_before_decay(other.steps());
            (steps * other.recipe.tokens_per_step()) as f64
        })
    };
    staged.iter().map(|run| of(&run.spec)).collect()
}

fn expect(
    run: &StagedRun,
    (shared, memory_bytes): (f64, f64),
    speed: &Speed,
    ended: &BTreeMap<String, RunResult>,
) -> ExpectedRun {
    let spec = &run.spec;
    let (count, steps) = (spec.shape.params(), spec.steps());
    let own = Tokens::new((spec.tokens.get() - shared).max(0.0));
    let flops = FlopRule::six_nd(count.active, own);
    let row = ended.get(&spec.id);
    ExpectedRun {
        stage: run.stage,
        run: spec.id.clone(),
        n_params: count.all,
        n_params_active: count.active,
        tokens: spec.tokens,
        tokens_per_param: spec.tokens / count.active,
        flops,
        lr: spec.recipe.lr_for(spec.shape.d_model),
        batch_sequences: spec.recipe.sequences(),
        steps,
        warmup_steps: spec.recipe.warmup_of(steps),
        memory_bytes,
        seconds: row
            .map_or_else(|| assumed_seconds(spec, own) / speed.over_assumed, |row| row.elapsed_s),
        ended: row.is_some(),
    }
}

/// Memory of the `jobs` runs that take most.
fn most(runs: &[ExpectedRun], jobs: usize) -> f64 {
    let mut bytes: Vec<f64> = runs.iter().map(|run| run.memory_bytes).collect();
    bytes.sort_by(|a, b| b.total_cmp(a));
    bytes.into_iter().take(jobs).sum()
}

/// The speed of the rows that have ended, over the assumed one.
fn measured(staged: &[StagedRun], ended: &BTreeMap<String, RunResult>) -> Speed {
    let ratios: Vec<f64> = staged
        .iter()
        .filter_map(|run| Some((&run.spec, ended.get(&run.spec.id)?)))
        .filter(|(_, row)| row.elapsed_s > 0.5)
        .map(|(spec, row)| {
            let shared = row.tokens_shared.map_or(0.0, Tokens::get);
            let own = Tokens::new((row.tokens.get() - shared).max(0.0));
            assumed_seconds(spec, own) / row.elapsed_s
        })
        .filter(|ratio| ratio.is_finite() && *ratio > 0.0)
        .collect();
    let over_assumed = if ratios.is_empty() { 1.0 } else { median(&ratios) };
    Speed { measured_rows: ratios.len(), over_assumed }
}

fn total(stage: Stage, runs: &[ExpectedRun]) -> Option<StageTotal> {
    let of: Vec<&ExpectedRun> = runs.iter().filter(|run| run.stage == stage).collect();
    (!of.is_empty()).then(|| StageTotal {
        stage,
        runs: of.len(),
        ended: of.iter().filter(|run| run.ended).count(),
        flops: Flops::new(of.iter().map(|run| run.flops.get()).sum()),
        run_hours: of.iter().map(|run| run.seconds).sum::<f64>() / 3600.0,
    })
}

/// Hours of runs `jobs` at a time, the longest first; branches of one trunk follow each other.
fn hours(left: &[(&ExpectedRun, &StagedRun)], jobs: usize) -> f64 {
    let mut groups: BTreeMap<&str, f64> = BTreeMap::new();
    for (run, staged) in left {
        let key = staged.spec.trunk.as_deref().unwrap_or(&run.run);
        *groups.entry(key).or_default() += run.seconds;
    }
    let mut seconds: Vec<f64> = groups.into_values().collect();
    seconds.sort_by(|a, b| b.total_cmp(a));
    let mut busy = vec![0.0_f64; jobs.clamp(1, seconds.len().max(1))];
    for s in seconds {
        if let Some(least) = busy.iter_mut().min_by(|a, b| a.total_cmp(b)) {
            *least += s;
        }
    }
    busy.into_iter().fold(0.0, f64::max) / 3600.0
}

/// Points of a curve.
const POINTS: u64 = 200;

fn curves(staged: &[StagedRun]) -> Vec<RateCurve> {
    let mut found: Vec<RateCurve> = Vec::new();
    for schedule in [Schedule::Cosine, Schedule::Linear, Schedule::Wsd] {
        let longest = staged
            .iter()
            .map(|run| &run.spec)
            .filter(|spec| spec.part.is_main() && spec.recipe.schedule == schedule)
            .max_by_key(|spec| spec.steps());
        let Some(spec) = longest else { continue };
        let steps = spec.steps();
        let count = POINTS.min(steps);
        let points = (0..count)
            .map(|i| i * (steps - 1) / (count - 1).max(1))
            .map(|step| {
                let share = (step + 1) as f64 / steps as f64;
                (share, spec.recipe.lr_at(1.0, step, steps))
            })
            .collect();
        found.push(RateCurve { schedule, run: spec.id.clone(), points });
    }
    found
}

/// Steps below which a run says little.
const FEW_STEPS: u64 = 100;

/// A narrower D/N than this tells nothing of N and D apart, as in a fit.
const NARROW: f64 = 4.0;

fn judge(dry: &mut DryRun, staged: &[StagedRun]) {
    let main = || dry.runs.iter().filter(|run| run.stage == Stage::Main);
    let mut budgets: Vec<u64> =
        staged.iter().filter_map(|run| Some(run.spec.budget?.get().to_bits())).collect();
    budgets.sort_unstable();
    budgets.dedup();
    let ratios = || main().map(|run| run.tokens_per_param);
    let (lo, hi) = ratios().fold((f64::INFINITY, 0.0_f64), |(lo, hi), r| (lo.min(r), hi.max(r)));
    let span = if lo.is_finite() { hi / lo } else { 1.0 };
    let mut doubts = Vec::new();
    if let Some(unique) = dry.unique_tokens {
        let epochs = |run: &ExpectedRun| run.tokens.get() / unique.get();
        let runs = dry.runs.iter().filter(|run| epochs(run) > 1.001).count();
        if runs > 0 {
            let epochs = dry.runs.iter().map(epochs).fold(0.0, f64::max);
            doubts.push(DesignDoubt::Repeats { runs, epochs });
        }
    }
    if !budgets.is_empty() && budgets.len() < 3 {
        doubts.push(DesignDoubt::FewBudgets { budgets: budgets.len() });
    }
    if span < NARROW {
        doubts.push(DesignDoubt::NarrowRatio { span });
    }
    let few = main().filter(|run| run.steps < FEW_STEPS).count();
    if few > 0 {
        let steps = main().map(|run| run.steps).min().unwrap_or(0);
        doubts.push(DesignDoubt::FewSteps { runs: few, steps });
    }
    dry.budgets = budgets.len();
    dry.ratio_span = span;
    dry.doubts = doubts;
}
