//! Leaving groups of runs out: each size, budget, run name or cell predicted from all others.

use serde::{Deserialize, Serialize};

use super::bootstrap::clusters;
use super::config::{FitConfig, Resample};
use super::heldout::predict_runs;
use crate::data::{RunRecord, RunTable};
use crate::error::{DataError, Result};
use crate::law::Law;
use crate::num::mean;

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
    let mut folds = Vec::new();
    let mut skipped = Vec::new();
    let mut errors = Vec::new();
    let mut covered_runs = 0;
    for group in &groups {
        let keep = |inside: bool| -> Vec<RunRecord> {
            let chosen = |i: &usize| group.contains(i) == inside;
            (0..table.runs.len()).filter(chosen).map(|i| table.runs[i].clone()).collect()
        };
        let name = name_of(by, &table.runs[group[0]]);
        let fitted = match super::fit(law, &table.with_runs(keep(false)), &config, &|_| {}) {
            Ok(fitted) => fitted,
            Err(error) => {
                skipped.push((name, error.to_string()));
                continue;
            }
        };
        let predicted = predict_runs(&fitted, &table.with_runs(keep(true)));
        let here: Vec<f64> = predicted.iter().map(|p| p.error).collect();
        let covered = predicted.iter().filter(|p| p.is_covered()).count();
        covered_runs += covered;
        folds.push(GroupFold {
            group: name,
            n_points: here.len(),
            mean_abs_error: mean(&here.iter().map(|e| e.abs()).collect::<Vec<_>>()),
            bias: mean(&here),
            covered: (config.bootstrap > 0).then_some(covered),
            distance: predicted.iter().map(|p| p.distance()).fold(1.0, f64::max),
            certified: fitted.certificate.certified,
        });
        errors.extend(here);
    }
    if folds.is_empty() {
        return Err(nothing(0).into());
    }
    folds.sort_by(|a, b| b.mean_abs_error.total_cmp(&a.mean_abs_error));
    let share = covered_runs as f64 / errors.len() as f64;
    Ok(GroupsLeftOut {
        law: law.id().to_owned(),
        by,
        n_points: errors.len(),
        mean_abs_error: mean(&errors.iter().map(|e| e.abs()).collect::<Vec<_>>()),
        bias: mean(&errors),
        coverage: (config.bootstrap > 0).then_some(share),
        level: config.level,
        folds,
        skipped,
    })
}
