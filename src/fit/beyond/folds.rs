//! Fits of the runs of less compute, tested on those of more.

use crate::data::{RunRecord, RunTable};
use crate::fit::config::FitConfig;
use crate::fit::design::{check, support};
use crate::fit::solve::{LawOn, Minimum, Penalty, Problem, point};
use crate::law::{Law, Support};

/// Most fits: they share their nearer runs, so that more of them say little more.
const MOST: usize = 8;

/// The smallest share of the runs that is fitted; the shares grow evenly up to the whole.
const SMALLEST: f64 = 0.4;

/// Fewest runs that are fitted, however many there are.
const FEWEST: usize = 8;

/// A law fitted to the runs of less compute, and what it says of the others.
pub(super) struct NearerRuns {
    /// Coefficients in natural units.
    pub(super) theta: Vec<f64>,
    /// Runs fitted.
    pub(super) fitted: usize,
    /// The ranges they cover.
    pub(super) support: Support,
    /// Standard deviation of their residuals, for the coefficients that were fitted.
    pub(super) scatter: f64,
    /// ln(predicted) - ln(observed) of each run of more compute, with its distance.
    pub(super) beyond: Vec<(f64, f64)>,
}

impl NearerRuns {
    /// Mean square of the errors.
    pub(super) fn mean_square(&self) -> f64 {
        self.beyond.iter().map(|(e, _)| e * e).sum::<f64>() / self.beyond.len() as f64
    }

    /// Mean square of the errors beyond the scatter of runs, per unit of distance.
    pub(super) fn excess(&self) -> f64 {
        let outside = || self.beyond.iter().filter(|(_, distance)| *distance > 0.0);
        let distances: f64 = outside().map(|(_, distance)| distance).sum();
        let squares: f64 = outside().map(|(e, _)| e * e - self.scatter * self.scatter).sum();
        if distances > 0.0 { squares.max(0.0) / distances } else { 0.0 }
    }
}

/// How many of the runs in `order` each fit takes: budgets stay whole, so that no run is tested beside
/// a fitted one of its own budget.
fn cuts(compute: &[f64]) -> Vec<usize> {
    let total = compute.len();
    let mut cuts = Vec::new();
    for step in 0..MOST {
        let share = SMALLEST + (1.0 - SMALLEST) * step as f64 / MOST as f64;
        let wanted = ((share * total as f64).round() as usize).max(FEWEST);
        let whole = (wanted..total).find(|&i| compute[i] > 1.02 * compute[i - 1]);
        cuts.extend(whole.filter(|cut| !cuts.contains(cut)));
    }
    cuts
}

/// The fits of the nearer runs that have a minimum, fewest runs first.
///
/// Each starts from the minimum of all runs, as a resample does, and costs as little.
pub(super) fn nearer_fits(
    law: &'static dyn Law,
    best: &Minimum,
    table: &RunTable,
    config: &FitConfig,
) -> Vec<NearerRuns> {
    let compute = |i: &usize| table.runs[*i].budget.unwrap_or(table.runs[*i].c).get();
    let mut order: Vec<usize> = (0..table.runs.len()).collect();
    order.sort_by(|a, b| compute(a).total_cmp(&compute(b)));
    let sorted: Vec<f64> = order.iter().map(compute).collect();
    cuts(&sorted)
        .into_iter()
        .filter_map(|cut| nearer_fit(law, best, table, config, order.split_at(cut)))
        .collect()
}

/// The fit of the rows `near`, tested on `far`; `None` where they do not identify the law or the fit has
/// no minimum.
fn nearer_fit(
    law: &'static dyn Law,
    best: &Minimum,
    table: &RunTable,
    config: &FitConfig,
    (near, far): (&[usize], &[usize]),
) -> Option<NearerRuns> {
    let runs = |rows: &[usize]| -> Vec<RunRecord> {
        rows.iter().map(|&i| table.runs[i].clone()).collect()
    };
    let fitted = table.with_runs(runs(near));
    check(law, &fitted, config).ok()?;
    let rows = &best.rows;
    let counted = |i: usize| rows.weights.as_ref().map_or(1.0, |w| w[i]);
    let mut weights = vec![0.0; rows.len()];
    near.iter().for_each(|&i| weights[i] = counted(i));
    let model = LawOn::new(best.coordinates.law, rows);
    let problem = Problem {
        model: &model,
        observed: &rows.observed,
        weights: Some(&weights),
        penalty: Penalty::of(config),
        held: &best.held,
        priors: &best.known.priors,
    };
    let theta = best.refitted(law, &problem)?;
    let error = |run: &RunRecord| law.loss(&theta, &point(run).at()).ln() - run.loss_nats.ln();
    let freedom = near.len().saturating_sub(best.free).max(1) as f64;
    let squares: f64 = fitted.runs.iter().map(|r| error(r).powi(2)).sum();
    let support = support(&fitted);
    let beyond: Vec<(f64, f64)> = far
        .iter()
        .filter(|&&i| counted(i) > 0.0)
        .map(|&i| (error(&table.runs[i]), support.distance_beyond(&point(&table.runs[i]))))
        .filter(|(error, _)| error.is_finite())
        .collect();
    let scatter = (squares / freedom).sqrt();
    (!beyond.is_empty()).then_some(NearerRuns {
        theta,
        fitted: near.len(),
        support,
        scatter,
        beyond,
    })
}
