//! Leaving groups of runs out: each size, budget, run name or cell predicted from all others.

use serde::{Deserialize, Serialize};

use super::errors::Errors;
use super::trial::trial;
use crate::data::{RunRecord, RunTable};
use crate::error::{DataError, Result};
use crate::fit::config::{FitConfig, Resample};
use crate::fit::progress::{OnProgress, Parts, ignore};
use crate::fit::uncertainty::clusters;
use crate::law::Law;

/// One group predicted from the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupFold {
    /// The group: its size, budget, or first run.
    pub group: String,
    /// Runs in it.
    pub n_points: usize,
    /// Mean of |predicted / observed - 1|.
    pub mean_abs_error: f64,
    /// Mean of predicted / observed - 1.
    pub bias: f64,
    /// Runs inside their prediction interval; absent without draws.
    pub covered: Option<usize>,
    /// The largest factor by which one of its runs lies outside the fitted ones; 1 inside.
    pub distance: f64,
    /// Whether the fit without it is certified.
    pub certified: bool,
}

/// Every group left out once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupsLeftOut {
    /// Family id.
    pub law: String,
    /// What the groups share.
    pub by: Resample,
    /// The groups, worst first.
    pub folds: Vec<GroupFold>,
    /// Groups whose absence leaves a design that cannot be fitted, with the reason.
    pub skipped: Vec<(String, String)>,
    /// Runs predicted.
    pub n_points: usize,
    /// Mean of |predicted / observed - 1| over runs.
    pub mean_abs_error: f64,
    /// Mean of predicted / observed - 1 over runs.
    pub bias: f64,
    /// Share of runs inside their prediction interval; absent without draws.
    pub coverage: Option<f64>,
    /// Level of the intervals.
    pub level: f64,
}

/// Resamples per group at most.
const MOST_DRAWS: usize = 200;

fn name_of(by: Resample, run: &RunRecord) -> String {
    match by {
        Resample::Size => format!("N {}", run.n),
        Resample::Budget => format!("C {}", run.budget.unwrap_or(run.c)),
        Resample::Cell => format!("N {} D {}", run.n, run.d),
        Resample::Row | Resample::Wild | Resample::Run => run.run.clone(),
    }
}

/// Fits `law` without each group in turn and predicts the group.
///
/// Groups inside the range of the others test interpolation, those at its edge extrapolation: the
/// distance of each says which.
///
/// # Errors
/// [`DataError::NothingLeft`] below two groups, or when none can be left out.
pub fn leave_groups_out(
    law: &'static dyn Law,
    table: &RunTable,
    by: Resample,
    config: &FitConfig,
) -> Result<GroupsLeftOut> {
    leave_groups_out_with_progress(law, table, by, config, &ignore)
}

/// As [`leave_groups_out`]; `progress` counts the groups.
///
/// # Errors
/// As [`leave_groups_out`]; [`FitError::Stopped`](crate::error::FitError::Stopped) when `progress`
/// says so.
pub fn leave_groups_out_with_progress(
    law: &'static dyn Law,
    table: &RunTable,
    by: Resample,
    config: &FitConfig,
    progress: &OnProgress<'_>,
) -> Result<GroupsLeftOut> {
    let config = FitConfig { bootstrap: config.bootstrap.min(MOST_DRAWS), ..config.clone() };
    let groups = clusters(table, by);
    let nothing = |left: usize| DataError::NothingLeft {
        what: format!("leaving out each {by}"),
        left,
        total: groups.len(),
        wanted: 2,
    };
    if groups.len() < 2 {
        return Err(nothing(groups.len()).into());
    }
    let parts = Parts::new(groups.len(), progress);
    let mut folds = Vec::new();
    let mut skipped = Vec::new();
    let mut all = Vec::new();
    let (mut covered_runs, mut judged_runs) = (0, 0);
    for group in &groups {
        let keep = |inside: bool| -> RunTable {
            let chosen = |i: &usize| group.contains(i) == inside;
            let runs = (0..table.runs.len()).filter(chosen).map(|i| table.runs[i].clone());
            table.with_runs(runs.collect())
        };
        let name = name_of(by, &table.runs[group[0]]);
        let trial = match trial(law, &keep(false), &keep(true), &config, &parts) {
            Ok(trial) => trial,
            Err(error) => {
                parts.stopped()?;
                skipped.push((name, error.to_string()));
                continue;
            }
        };
        let errors = Errors::of(&trial.errors);
        covered_runs += trial.covered.unwrap_or(0);
        judged_runs += trial.covered.map_or(0, |_| errors.n_points);
        folds.push(GroupFold {
            group: name,
            n_points: errors.n_points,
            mean_abs_error: errors.mean_abs,
            bias: errors.bias,
            covered: trial.covered,
            distance: trial.distance,
            certified: trial.certified,
        });
        all.extend(trial.errors);
    }
    if folds.is_empty() {
        return Err(nothing(0).into());
    }
    folds.sort_by(|a, b| b.mean_abs_error.total_cmp(&a.mean_abs_error));
    let errors = Errors::of(&all);
    let share = covered_runs as f64 / judged_runs as f64;
    Ok(GroupsLeftOut {
        law: law.id().to_owned(),
        by,
        n_points: errors.n_points,
        mean_abs_error: errors.mean_abs,
        bias: errors.bias,
        coverage: (judged_runs > 0).then_some(share),
        level: config.level,
        folds,
        skipped,
    })
}
