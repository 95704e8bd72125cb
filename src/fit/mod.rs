//! Fits: from a run table to a law with a certificate and honest intervals.
//!
//! The parametric approach (Hoffmann et al. 2022, approach 3): the least sum over runs of a penalty
//! on residuals, see [`Objective`]. Nothing here is called converged because an objective stopped falling: see
//! [`Certificate`].

mod approaches;
mod artifact;
mod backtest;
mod benchmark;
mod bootstrap;
mod certificate;
mod config;
mod curve;
mod decision;
mod design;
mod diagnostics;
mod groups;
mod heldout;
mod known;
mod lad;
mod objective;
mod plane;
mod profile;
mod rollout;
mod rows;
mod separable;
mod solve;
mod trend;
mod valley;

pub use approaches::{Approach, Approaches, FrontierPoint, Refused, approaches};
pub use artifact::{AllocationExponents, Fit, SCHEMA};
pub use backtest::{Backtest, Choice, backtest};
pub use benchmark::{BenchmarkConfig, BenchmarkFit, fit_benchmark};
pub use certificate::Certificate;
pub use config::{FitConfig, NormalPrior, Objective, ProfileOf, Resample};
pub use curve::{CurveConfig, Forecast, Hindsight, forecast};
pub use decision::{Decision, decide};
pub use diagnostics::{Correlation, Diagnostics, Notable};
pub use groups::{GroupFold, GroupsLeftOut, leave_groups_out};
pub use heldout::{HeldOut, PredictedRun, predict_runs, score_held_out};
pub use plane::{Plane, Repeats, SeedNoise, coverage, repeats};
pub use profile::Profile;
pub use rollout::{Axis, Fold, Ranked, Ranking, Rollout, Unranked, rank, rollout};
pub use solve::LocalMinimum;
pub use trend::Trend;
pub use valley::{Valley, valleys, valleys_within};

use crate::data::RunTable;
use crate::error::{Result, Warning};
use crate::law::{Law, Surface};

/// Fits `law` to `runs`.
///
/// Starts from every point the family proposes, narrows the Huber band step by step, and finishes
/// each with Newton steps on the exact Hessian. Then refits `config.bootstrap` resamples of the
/// rows. `progress` hears how many of them are done.
///
/// # Errors
/// [`FitError`](crate::error::FitError) when there are too few runs, the design cannot identify the
/// law, or no start reached a finite minimum. A doubtful minimum is no error but a warning.
pub fn fit(
    law: &'static dyn Law,
    runs: &RunTable,
    config: &FitConfig,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Fit> {
    config.validate()?;
    design::check(law, runs, config)?;
    let rows = rows::Rows::of(runs, law);
    let minimum = solve::solve(law, &rows, config)?;
    let surface = Surface::new(
        law,
        minimum.theta.clone(),
        format!("{} fit of {} runs", law.id(), runs.runs.len()),
        runs.params,
        design::support(runs),
    )?;
    let clusters = match config.bootstrap {
        0 => Vec::new(),
        _ => bootstrap::clusters(runs, config.resample),
    };
    let draws = bootstrap::draws(law, &minimum, &clusters, config, progress);
    let mut warnings = design::warnings(law, runs, minimum.x.len());
    if config.bootstrap > 0 && clusters.len() < 10 {
        let (clusters, by) = (clusters.len(), config.resample.to_string());
        warnings.push(Warning::FewClusters { clusters, by });
    }
    let least_squares = matches!(config.objective, Objective::LsLog | Objective::LsLoss);
    let enough = least_squares && runs.runs.len() >= 10 * law.coefs().len();
    if config.bootstrap > 0 && config.resample == Resample::Wild && !enough {
        warnings.push(Warning::WildUndercovers { objective: config.objective.to_string() });
    }
    warnings.extend(minimum.certificate.warnings());
    let diagnostics = {
        let plain = rows.uncentred();
        let problem = objective::Problem {
            model: &rows::LawOn::new(law, &plain),
            observed: &plain.observed,
            weights: plain.weights.as_deref(),
            penalty: objective::Penalty::of(config),
            held: &minimum.held,
            priors: &[],
        };
        diagnostics::diagnose(&problem, &minimum.theta, runs, config.objective, config.level)
    };
    let mut fitted = artifact::assemble(surface, runs, config, &minimum, draws, warnings);
    // Away from a minimum residuals and profiles say nothing but that.
    let stands = minimum.certificate.certified;
    if let Some(diagnostics) = diagnostics.as_ref().filter(|_| stands) {
        fitted.warnings.extend(diagnostics.warnings());
    }
    fitted.diagnostics = diagnostics;
    let weak = fitted.weak_coefs();
    let wanted = |name: &str| match config.profile {
        ProfileOf::None => false,
        ProfileOf::Weak => weak.iter().any(|w| w == name),
        ProfileOf::All => true,
    };
    fitted.profiles = law
        .coefs()
        .iter()
        .enumerate()
        .filter(|(_, c)| stands && wanted(c.name))
        .filter_map(|(i, _)| profile::profile(law, &minimum, config, i))
        .collect();
    fitted.warn_of_open_profiles();
    Ok(fitted)
}
