//! Leave the future out: fit the near runs, predict the next far ones, widen, repeat.

use serde::{Deserialize, Serialize};

use super::errors::Errors;
use super::trial::trial;
use crate::data::{RunRecord, RunTable};
use crate::error::{DataError, Result};
use crate::fit::config::FitConfig;
use crate::fit::progress::{OnProgress, Parts, ignore};
use crate::law::{Law, Range};

/// The quantity along which "future" lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum FutureAxis {
    /// Training FLOPs; a run of an isoFLOP profile counts with its budget.
    #[cfg_attr(feature = "cli", value(name = "C", aliases = ["c", "flops"]))]
    C,
    /// Parameters.
    #[cfg_attr(feature = "cli", value(name = "N", aliases = ["n", "params"]))]
    N,
    /// Tokens.
    #[cfg_attr(feature = "cli", value(name = "D", aliases = ["d", "tokens"]))]
    D,
    /// Tokens per parameter.
    #[serde(rename = "D/N")]
    #[cfg_attr(feature = "cli", value(name = "D/N", aliases = ["d/n", "tokens_per_param"]))]
    TokensPerParam,
}

impl FutureAxis {
    fn of(self, run: &RunRecord) -> f64 {
        match self {
            Self::C => run.budget.unwrap_or(run.c).get(),
            Self::N => run.n.get(),
            Self::D => run.d.get(),
            Self::TokensPerParam => run.d / run.n,
        }
    }
}

impl std::fmt::Display for FutureAxis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::C => "C",
            Self::N => "N",
            Self::D => "D",
            Self::TokensPerParam => "D/N",
        })
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

/// How a law predicts runs farther out than those it was fitted to, over an expanding window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// Family id.
    pub law: String,
    /// Where the future lies.
    pub axis: FutureAxis,
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

/// Most steps of a rollout; more of them cost fits and show little.
const MOST_FOLDS: usize = 8;

/// Bootstrap draws per step are capped here: coverage of a few runs needs no finer quantile.
const MOST_DRAWS: usize = 400;

/// Runs sorted along the axis and cut into the part every step fits and the parts to predict.
///
/// The first part holds at least half of the runs. Runs within 4 % of each other on the axis, one
/// isoFLOP budget or one size, stay together, so that no step tests a repeat of a run it fitted.
pub(super) fn windows(
    table: &RunTable,
    axis: FutureAxis,
) -> Result<Vec<Vec<RunRecord>>, DataError> {
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
        let size = if windows.len() == 1 { half } else { target };
        match windows.last_mut() {
            Some(window) if window.len() < size => window.extend(group),
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
/// [`DataError::NothingLeft`] when all runs share one value of the axis; as [`fit`](crate::fit::fit())
/// when a step cannot be fitted.
///
/// # Example
/// ```
/// use isoloss::fit::{FitConfig, FutureAxis, rollout};
///
/// # use isoloss::data::{RunRecord, RunTable};
/// # use isoloss::law::{Chinchilla, Point, Surface};
/// # use isoloss::units::{ParamRule, Params, Tokens};
/// # let truth = Surface::published("besiroglu")?;
/// # let mut runs = Vec::new();
/// # for n in [5e7, 1e8, 2e8, 4e8, 8e8, 1.6e9].map(Params::new) {
/// #     for ratio in [5.0, 20.0, 80.0] {
/// #         let d = Tokens::new(ratio * n.get());
/// #         runs.push(RunRecord::new(format!("{n} {d}"), n, d, truth.loss(&Point::new(n, d))));
/// #     }
/// # }
/// # let table = RunTable::from_runs(runs, ParamRule::All);
/// let config = FitConfig { bootstrap: 0, ..FitConfig::default() };
/// let farther = rollout(&Chinchilla, &table, FutureAxis::C, &config)?;
/// assert!(farther.folds.iter().all(|fold| fold.fitted_to < fold.tested.lo));
/// assert!(farther.mean_abs_error < 1e-6, "losses without noise are predicted exactly");
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn rollout(
    law: &'static dyn Law,
    table: &RunTable,
    axis: FutureAxis,
    config: &FitConfig,
) -> Result<Rollout> {
    rollout_with_progress(law, table, axis, config, &ignore)
}

/// As [`rollout`]; `progress` counts its steps.
///
/// # Errors
/// As [`rollout`]; [`FitError::Stopped`](crate::error::FitError::Stopped) when `progress` says so.
pub fn rollout_with_progress(
    law: &'static dyn Law,
    table: &RunTable,
    axis: FutureAxis,
    config: &FitConfig,
    progress: &OnProgress<'_>,
) -> Result<Rollout> {
    let windows = windows(table, axis)?;
    let parts = Parts::new(windows.len() - 1, progress);
    over_windows(law, table, axis, &windows, config, &parts)
}

/// Fits and predicts window after window; each step is a part.
pub(super) fn over_windows(
    law: &'static dyn Law,
    table: &RunTable,
    axis: FutureAxis,
    windows: &[Vec<RunRecord>],
    config: &FitConfig,
    parts: &Parts<'_>,
) -> Result<Rollout> {
    let config = FitConfig { bootstrap: config.bootstrap.min(MOST_DRAWS), ..config.clone() };
    let mut fitted: Vec<RunRecord> = Vec::new();
    let mut folds = Vec::new();
    for pair in windows.windows(2) {
        let (near, next) = (&pair[0], &pair[1]);
        fitted.extend(near.iter().cloned());
        let (train, test) = (table.with_runs(fitted.clone()), table.with_runs(next.clone()));
        let trial = trial(law, &train, &test, &config, parts)?;
        let reach = |runs: &[RunRecord]| Range::of(runs.iter().map(|r| axis.of(r)));
        let (Some(behind), Some(tested)) = (reach(&fitted), reach(next)) else { continue };
        let errors = Errors::of(&trial.errors);
        folds.push(Fold {
            fitted_to: behind.hi,
            tested,
            n_fitted: fitted.len(),
            n_points: errors.n_points,
            mean_abs_error: errors.mean_abs,
            bias: errors.bias,
            covered: trial.covered,
            certified: trial.certified,
            errors: trial.errors,
        });
    }
    let all: Vec<f64> = folds.iter().flat_map(|f| f.errors.iter().copied()).collect();
    let errors = Errors::of(&all);
    let covered: Option<usize> = folds.iter().map(|f| f.covered).sum();
    Ok(Rollout {
        law: law.id().to_owned(),
        axis,
        n_points: errors.n_points,
        mean_abs_error: errors.mean_abs,
        max_abs_error: errors.max_abs,
        bias: errors.bias,
        coverage: covered.map(|k| k as f64 / errors.n_points as f64),
        level: config.level,
        folds,
    })
}
