//! Laws ranked by how they predict runs farther out.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::rollout::{FutureAxis, Rollout, over_windows, windows};
use crate::data::RunTable;
use crate::error::{Error, FitError, Result};
use crate::fit::config::{FitConfig, ProfileOf};
use crate::fit::design::varies;
use crate::fit::progress::{OnProgress, Parts, ignore};
use crate::fit::runs::fit_with_progress;
use crate::law::{Law, forms};
use crate::num::{Interval, stream};
use crate::units::Flops;

/// A law among its rivals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// Its predictions.
    #[serde(flatten)]
    pub rollout: Rollout,
    /// Mean |error| minus that of the best law, with its interval over resampled steps; absent for
    /// the best law itself, and below three steps.
    pub behind: Option<Interval>,
    /// Whether its difference from the best law is within the noise of these runs.
    pub tied_with_best: bool,
    /// Whether its fit to all runs has a compute-optimal size at their largest budget and at ten times
    /// that.
    pub has_optimum: bool,
}

/// A law that could not take part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unranked {
    /// Family id.
    pub law: String,
    /// Why not.
    pub reason: String,
}

/// Laws by how they predict held-out runs, best first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranking {
    /// Where the future lies.
    pub axis: FutureAxis,
    /// The laws, lowest held-out error first.
    pub laws: Vec<Ranked>,
    /// Laws these runs cannot fit, and those whose fit to all of them is not certified.
    pub unranked: Vec<Unranked>,
}

impl Ranking {
    /// The law to plan with: the best one; where that has no optimum at the budgets asked of plans, the
    /// best that has, if it is tied with it or errs at most twice as much.
    #[must_use]
    pub fn choice(&self) -> Option<&Ranked> {
        let best = self.laws.first()?;
        let near = |law: &&Ranked| {
            law.tied_with_best || law.rollout.mean_abs_error <= 2.0 * best.rollout.mean_abs_error
        };
        self.laws.iter().filter(near).find(|law| law.has_optimum).or(Some(best))
    }

    /// Ids of the laws within the noise of the best one, that one first.
    #[must_use]
    pub fn tied(&self) -> Vec<&str> {
        self.laws.iter().filter(|l| l.tied_with_best).map(|l| l.rollout.law.as_str()).collect()
    }
}

/// Every registered law that can plan and whose quantities these runs vary, ranked by its error on
/// runs farther out than those it was fitted to.
///
/// In-sample fit plays no part: a law with more coefficients always wins there. Whether a rival is
/// really behind is judged by the paired difference of |error| run by run, with whole steps
/// resampled, since the runs of a step share one fit.
///
/// # Errors
/// [`DataError::NothingLeft`](crate::error::DataError::NothingLeft) when all runs share one value of the axis; the first law's error when no
/// law could be fitted at every step.
///
/// # Example
/// ```
/// use isoloss::fit::{FitConfig, FutureAxis, rank};
///
/// # use isoloss::data::{RunRecord, RunTable};
/// # use isoloss::law::{Point, Surface};
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
/// let ranking = rank(&table, FutureAxis::C, &config)?;
/// assert_eq!(ranking.laws[0].rollout.law, "chinchilla", "the losses are of such a law");
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn rank(table: &RunTable, axis: FutureAxis, config: &FitConfig) -> Result<Ranking> {
    rank_with_progress(table, axis, config, &ignore)
}

/// As [`rank`]; `progress` counts the steps of all laws.
///
/// # Errors
/// As [`rank`]; [`FitError::Stopped`](crate::error::FitError::Stopped) when `progress` says so.
pub fn rank_with_progress(
    table: &RunTable,
    axis: FutureAxis,
    config: &FitConfig,
    progress: &OnProgress<'_>,
) -> Result<Ranking> {
    let windows = windows(table, axis)?;
    let laws: Vec<&'static dyn Law> =
        forms().iter().copied().filter(|law| law.has_optimum() && varies(*law, table)).collect();
    let parts = Parts::new(laws.len() * windows.len(), progress);
    let mut rollouts: Vec<(Rollout, &'static dyn Law, bool)> = Vec::new();
    let mut unranked = Vec::new();
    let mut doubtful = 0;
    let mut first_error: Option<Error> = None;
    for law in laws {
        let tried = match on_all_runs(law, table, config, &parts) {
            Ok(Whole::Certified { has_optimum }) => {
                over_windows(law, table, axis, &windows, config, &parts).map(|r| (r, has_optimum))
            }
            Ok(Whole::Doubtful(reason)) => {
                parts.skip(windows.len() - 1);
                doubtful += 1;
                unranked.push(Unranked { law: law.id().to_owned(), reason });
                continue;
            }
            Err(error) => {
                parts.skip(windows.len());
                Err(error)
            }
        };
        match tried {
            Ok((rollout, has_optimum)) => rollouts.push((rollout, law, has_optimum)),
            Err(error) => {
                parts.stopped()?;
                unranked.push(Unranked { law: law.id().to_owned(), reason: error.to_string() });
                first_error.get_or_insert(error);
            }
        }
    }
    // Errors at rounding are alike; of laws that are, the one with fewer coefficients comes first.
    let size = |r: &Rollout| if r.mean_abs_error < 1e-9 { 0.0 } else { r.mean_abs_error };
    rollouts.sort_by(|(a, one, _), (b, other, _)| {
        size(a).total_cmp(&size(b)).then(one.coefs().len().cmp(&other.coefs().len()))
    });
    let Some(best) = rollouts.first().map(|(rollout, ..)| rollout.clone()) else {
        let (laws, runs) = (unranked.len(), table.runs.len());
        let nothing = || FitError::NoLawCertified { laws, runs }.into();
        return Err(first_error.filter(|_| doubtful == 0).unwrap_or_else(nothing));
    };
    let laws = rollouts
        .into_iter()
        .map(|(rollout, _, has_optimum)| {
            let itself = rollout.law == best.law;
            let behind = if itself { None } else { difference(&rollout, &best, config) };
            // Two notations of one law differ by what is left of their gradients.
            let nothing = 1e-6 * best.mean_abs_error;
            let tied_with_best = itself || behind.is_none_or(|i| i.lo <= nothing);
            Ranked { rollout, behind, tied_with_best, has_optimum }
        })
        .collect();
    Ok(Ranking { axis, laws, unranked })
}

/// What a fit to all runs says of a law.
enum Whole {
    Certified {
        /// See [`Ranked::has_optimum`].
        has_optimum: bool,
    },
    /// Why it is not believed.
    Doubtful(String),
}

/// Fits `law` to all runs without draws, as one of `parts`.
fn on_all_runs(
    law: &'static dyn Law,
    table: &RunTable,
    config: &FitConfig,
    parts: &Parts<'_>,
) -> Result<Whole> {
    parts.check()?;
    let config = FitConfig { bootstrap: 0, profile: ProfileOf::None, ..config.clone() };
    let whole = fit_with_progress(law, table, &config, &parts.inner())?;
    parts.one_done();
    let proof = &whole.certificate;
    if !proof.certified {
        return Ok(Whole::Doubtful(format!(
            "its fit to all runs is not certified ({} of {} starts agree, scaled gradient {:.1e}, smallest Hessian eigenvalue {:.1e})",
            proof.starts_agreeing, proof.starts, proof.gradient_norm, proof.hessian_min_eigenvalue,
        )));
    }
    let farther = |c: Flops| whole.surface.ln_n_optimal(c * 10.0).is_some();
    Ok(Whole::Certified {
        has_optimum: whole.allocation.is_some_and(|a| farther(a.reference_flops)),
    })
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
