//! Leave the future out: fit the near runs, predict the next far ones, widen, repeat.

use std::str::FromStr;

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::config::FitConfig;
use super::design::varies;
use super::heldout::{PredictedRun, predict_runs};
use crate::data::{RunRecord, RunTable};
use crate::error::{DataError, Error, Result};
use crate::law::{Law, Range, forms};
use crate::num::{Interval, mean, stream};

/// The quantity along which "future" lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Axis {
    /// Training FLOPs; a run of an isoFLOP cell counts with its budget.
    C,
    /// Parameters.
    N,
    /// Tokens.
    D,
    /// Tokens per parameter.
    #[serde(rename = "D/N")]
    TokensPerParam,
}

impl Axis {
    fn of(self, run: &RunRecord) -> f64 {
        match self {
            Self::C => run.budget.unwrap_or(run.c).get(),
            Self::N => run.n.get(),
            Self::D => run.d.get(),
            Self::TokensPerParam => run.d / run.n,
        }
    }
}

impl std::fmt::Display for Axis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::C => "C",
            Self::N => "N",
            Self::D => "D",
            Self::TokensPerParam => "D/N",
        })
    }
}

impl FromStr for Axis {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        match text.trim().to_lowercase().as_str() {
            "c" | "flops" => Ok(Self::C),
            "n" | "params" => Ok(Self::N),
            "d" | "tokens" => Ok(Self::D),
            "d/n" | "tokens_per_param" => Ok(Self::TokensPerParam),
            _ => Err(DataError::BadOption {
                flag: "--leave-future-out",
                text: text.to_owned(),
                wanted: "one of C, N, D, D/N is wanted".to_owned(),
            }),
        }
    }
}

/// One step: the runs up to a bound fitted, the next ones predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fold {
    /// Largest value of the axis among the fitted runs.
    pub fitted_to: f64,
    /// Range of the axis over the tested runs.
    pub tested: Range,
    /// Runs fitted.
    pub n_fitted: usize,
    /// Runs tested.
    pub n_points: usize,
    /// Mean of |predicted / observed - 1|.
    pub mean_abs_error: f64,
    /// Mean of predicted / observed - 1.
    pub bias: f64,
    /// Tested runs inside their prediction interval; absent without draws.
    pub covered: Option<usize>,
    /// Whether the fit of this step is certified.
    pub certified: bool,
    /// predicted / observed - 1 of each tested run, in the order of the axis.
    pub errors: Vec<f64>,
}

/// How a law predicts runs farther out than any it saw, over an expanding window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// Family id.
    pub law: String,
    /// Where the future lies.
    pub axis: Axis,
    /// Runs tested over all steps.
    pub n_points: usize,
    /// Mean of |predicted / observed - 1| over the tested runs.
    pub mean_abs_error: f64,
    /// Largest of them.
    pub max_abs_error: f64,
    /// Mean of predicted / observed - 1.
    pub bias: f64,
    /// Share of tested runs inside their prediction interval; absent without draws.
    pub coverage: Option<f64>,
    /// Level of those intervals.
    pub level: f64,
    /// The steps, nearest first.
    pub folds: Vec<Fold>,
}

/// Most steps of a rollout; more of them cost fits and tell little.
const MOST_FOLDS: usize = 8;

/// Bootstrap draws per step are capped here: coverage of a few runs needs no finer quantile.
const MOST_DRAWS: usize = 400;

/// Runs sorted along the axis and cut into the part every step fits and the parts to predict.
///
/// The first part holds at least half of the runs. Runs within 4 % of each other on the axis, one
/// isoFLOP budget or one size, stay together, so that no step tests a twin of a run it fitted.
fn windows(table: &RunTable, axis: Axis) -> Result<Vec<Vec<RunRecord>>, DataError> {
    let mut runs: Vec<&RunRecord> = table.runs.iter().collect();
    runs.sort_by(|a, b| axis.of(a).total_cmp(&axis.of(b)));
    let mut groups: Vec<Vec<RunRecord>> = Vec::new();
    for run in runs {
        match groups.last_mut() {
            Some(group) if axis.of(run) / axis.of(&group[0]) < 1.04 => group.push(run.clone()),
            _ => groups.push(vec![run.clone()]),
        }
    }
    let half = table.runs.len().div_ceil(2);
    let target = (table.runs.len() - half).div_ceil(MOST_FOLDS).max(1);
    let mut windows: Vec<Vec<RunRecord>> = vec![Vec::new()];
    for group in groups {
        let wanted = if windows.len() == 1 { half } else { target };
        match windows.last_mut() {
            Some(window) if window.len() < wanted => window.extend(group),
            _ => windows.push(group),
        }
    }
    if windows.len() < 2 {
        return Err(DataError::NothingLeft {
            what: format!("leaving the future out by {axis}"),
            left: 0,
            total: table.runs.len(),
            wanted: 1,
        });
    }
    Ok(windows)
}

/// Fits the nearest half of the runs along `axis`, predicts the next window, takes it in, and so on
/// to the last run.
///
/// # Errors
/// [`DataError::NothingLeft`] when all runs share one value of the axis; as [`fit`](super::fit())
/// when a step cannot be fitted.
pub fn rollout(
    law: &'static dyn Law,
    table: &RunTable,
    axis: Axis,
    config: &FitConfig,
) -> Result<Rollout> {
    let config = FitConfig { bootstrap: config.bootstrap.min(MOST_DRAWS), ..config.clone() };
    let windows = windows(table, axis)?;
    let mut seen: Vec<RunRecord> = Vec::new();
    let mut folds = Vec::new();
    for pair in windows.windows(2) {
        let (near, next) = (&pair[0], &pair[1]);
        seen.extend(near.iter().cloned());
        let fitted = super::fit(law, &table.with_runs(seen.clone()), &config, &|_| {})?;
        let predicted = predict_runs(&fitted, &table.with_runs(next.clone()));
        let inside = |p: &&PredictedRun| p.interval.is_some_and(|i| i.contains(p.run.loss_nats));
        let errors: Vec<f64> = predicted.iter().map(|p| p.error).collect();
        let reach = |runs: &[RunRecord]| Range::of(runs.iter().map(|r| axis.of(r)));
        let (Some(behind), Some(tested)) = (reach(&seen), reach(next)) else { continue };
        folds.push(Fold {
            fitted_to: behind.hi,
            tested,
            n_fitted: seen.len(),
            n_points: errors.len(),
            mean_abs_error: mean(&absolute(&errors)),
            bias: mean(&errors),
            covered: (config.bootstrap > 0).then(|| predicted.iter().filter(inside).count()),
            certified: fitted.certificate.certified,
            errors,
        });
    }
    let errors: Vec<f64> = folds.iter().flat_map(|f| f.errors.iter().copied()).collect();
    let covered: Option<usize> = folds.iter().map(|f| f.covered).sum();
    Ok(Rollout {
        law: law.id().to_owned(),
        axis,
        n_points: errors.len(),
        mean_abs_error: mean(&absolute(&errors)),
        max_abs_error: absolute(&errors).into_iter().fold(0.0, f64::max),
        bias: mean(&errors),
        coverage: covered.map(|k| k as f64 / errors.len() as f64),
        level: config.level,
        folds,
    })
}

fn absolute(errors: &[f64]) -> Vec<f64> {
    errors.iter().map(|e| e.abs()).collect()
}

/// A law among its rivals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// Its predictions.
    #[serde(flatten)]
    pub rollout: Rollout,
    /// Mean |error| minus that of the best law, with its interval over resampled steps; absent for
    /// the best law itself, and below three steps.
    pub behind: Option<Interval>,
    /// Whether these runs cannot tell it from the best law.
    pub tied_with_best: bool,
}

/// A law that could not take part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unranked {
    /// Family id.
    pub law: String,
    /// Why not.
    pub reason: String,
}

/// Laws by how they predict runs they never saw, best first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranking {
    /// Where the future lies.
    pub axis: Axis,
    /// The laws, lowest held-out error first.
    pub laws: Vec<Ranked>,
    /// Laws these runs cannot fit.
    pub unranked: Vec<Unranked>,
}

impl Ranking {
    /// Ids of the laws these runs cannot tell apart, the best one first; one id where they can.
    #[must_use]
    pub fn tied(&self) -> Vec<&str> {
        self.laws.iter().filter(|l| l.tied_with_best).map(|l| l.rollout.law.as_str()).collect()
    }
}

/// Every registered law that can plan and whose quantities these runs vary, ranked by its error on runs farther out than those it was fitted to.
///
/// In-sample fit plays no part: a law with more coefficients always wins there. Whether a rival is
/// really behind is judged by the paired difference of |error| run by run, with whole steps
/// resampled, since the runs of a step share one fit.
///
/// # Errors
/// The first law's error when no law could be fitted at every step.
pub fn rank(table: &RunTable, axis: Axis, config: &FitConfig) -> Result<Ranking> {
    let mut rollouts = Vec::new();
    let mut unranked = Vec::new();
    let mut first_error: Option<Error> = None;
    for law in forms().iter().filter(|law| law.has_optimum() && varies(**law, table)) {
        match rollout(*law, table, axis, config) {
            Ok(rollout) => rollouts.push(rollout),
            Err(error) => {
                unranked.push(Unranked { law: law.id().to_owned(), reason: error.to_string() });
                first_error.get_or_insert(error);
            }
        }
    }
    rollouts.sort_by(|a, b| a.mean_abs_error.total_cmp(&b.mean_abs_error));
    let Some(best) = rollouts.first().cloned() else {
        let nothing = || {
            let what = "ranking laws".to_owned();
            DataError::NothingLeft { what, left: 0, total: table.runs.len(), wanted: 1 }.into()
        };
        return Err(first_error.unwrap_or_else(nothing));
    };
    let laws = rollouts
        .into_iter()
        .map(|rollout| {
            let itself = rollout.law == best.law;
            let behind = if itself { None } else { difference(&rollout, &best, config) };
            // Two notations of one law differ by what is left of their gradients.
            let nothing = 1e-6 * best.mean_abs_error;
            let tied_with_best = itself || behind.is_none_or(|i| i.lo <= nothing);
            Ranked { rollout, behind, tied_with_best }
        })
        .collect();
    Ok(Ranking { axis, laws, unranked })
}

/// Interval of mean |error| of `rival` minus that of `best`, steps resampled with replacement.
fn difference(rival: &Rollout, best: &Rollout, config: &FitConfig) -> Option<Interval> {
    const RESAMPLES: u64 = 2000;
    if best.folds.len() < 3 {
        return None;
    }
    let steps: Vec<(f64, f64)> = rival
        .folds
        .iter()
        .zip(&best.folds)
        .map(|(a, b)| {
            let paired = a.errors.iter().zip(&b.errors).map(|(x, y)| x.abs() - y.abs());
            (paired.sum::<f64>(), a.errors.len() as f64)
        })
        .collect();
    let sample: Vec<f64> = (0..RESAMPLES)
        .map(|k| {
            let mut rng = stream(config.seed, k);
            let mut draw = || steps[rng.random_range(0..steps.len())];
            let (sum, count) = (0..steps.len())
                .map(|_| draw())
                .fold((0.0, 0.0), |(s, c), (sum, count)| (s + sum, c + count));
            sum / count
        })
        .collect();
    Interval::percentile(&sample, config.level)
}
