//! Whether compute was counted in two ways, where D follows from it.

use crate::data::{Assumption, RunRecord, RunTable};
use crate::error::Warning;
use crate::fit::{Fit, FitConfig, ProfileOf, fit as fit_table};
use crate::law::Point;
use crate::num::{median, quantile};
use crate::units::Tokens;

/// Other counts than 6 N D: their share of it, and what they leave out or add.
const OTHERS: [(f64, &str); 2] = [
    (1.0 / 3.0, "2 N D, the forward pass alone"),
    (4.0 / 3.0, "8 N D, with activations recomputed"),
];
/// Residuals below this, as a robust standard deviation of ln loss, leave nothing to explain.
const SMALL: f64 = 5e-3;
/// How many times smaller residuals become when the count was the reason.
const EXPLAINED: f64 = 3.0;
/// Rounds of telling the runs apart and fitting again.
const ROUNDS: usize = 8;

/// A warning where the losses of some runs, whose D is C / (6 N), fit a D by another count of C, and
/// those of the others do not.
pub(super) fn two_counts(fit: &Fit, table: &RunTable) -> Option<Warning> {
    let diagnostics = fit.diagnostics.as_ref()?;
    let derived = table.assumptions.contains(&Assumption::TokensFromFlops);
    if !derived || diagnostics.robust_sd < SMALL || diagnostics.kinds.is_some() {
        return None;
    }
    OTHERS.into_iter().find_map(|(share, what)| {
        let other = other_count(fit, table, share)?;
        let run = table.runs[other.iter().position(|o| *o)?].label();
        let what = format!("{what}, to judge by their losses");
        Some(Warning::MixedFlops { runs: other.iter().filter(|o| **o).count(), run, what })
    })
}

/// Which runs count `share` of 6 N D, if telling them apart explains the residuals.
///
/// Runs are told apart and the law is fitted again, in turn, from several first guesses: the runs
/// farthest on the side where such a count would leave them.
fn other_count(fit: &Fit, table: &RunTable, share: f64) -> Option<Vec<bool>> {
    // A run with more tokens than its count says lies below the law.
    let side = if share < 1.0 { 1.0 } else { -1.0 };
    let mut sorted: Vec<f64> = fit.residuals.iter().map(|r| side * r).collect();
    sorted.sort_by(f64::total_cmp);
    let (other, left) = [0.2, 0.35, 0.5, 0.65, 0.8]
        .into_iter()
        .filter_map(|q| {
            let bound = quantile(&sorted, q);
            let guess = fit.residuals.iter().map(|r| side * r > bound).collect();
            told_apart(fit, table, share, guess)
        })
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    let before = median(&fit.residuals.iter().map(|r| r.abs()).collect::<Vec<f64>>());
    let count = other.iter().filter(|o| **o).count();
    let both = 10 * count >= other.len() && 10 * (other.len() - count) >= other.len();
    (both && EXPLAINED * left < before).then_some(other)
}

/// The runs told apart from a first guess, and the median size of the residuals then left.
fn told_apart(
    fit: &Fit,
    table: &RunTable,
    share: f64,
    guess: Vec<bool>,
) -> Option<(Vec<bool>, f64)> {
    let config = FitConfig { bootstrap: 0, profile: ProfileOf::None, ..fit.config.clone() };
    let recounted =
        |run: &RunRecord| RunRecord { d: Tokens::new(run.d.get() / share), ..run.clone() };
    let miss = |fit: &Fit, run: &RunRecord| {
        let point = Point::new(run.n, run.d).within(run.setting);
        (fit.surface.loss(&point).ln() - run.loss_nats.ln()).abs()
    };
    let (mut other, mut left) = (guess, f64::INFINITY);
    for _ in 0..ROUNDS {
        let told =
            |(run, other): (&RunRecord, &bool)| if *other { recounted(run) } else { run.clone() };
        let apart = table.with_runs(table.runs.iter().zip(&other).map(told).collect());
        let again = fit_table(fit.surface.law(), &apart, &config).ok()?;
        left = median(&again.residuals.iter().map(|r| r.abs()).collect::<Vec<f64>>());
        let nearer: Vec<bool> = table
            .runs
            .iter()
            .map(|run| miss(&again, &recounted(run)) < miss(&again, run))
            .collect();
        if nearer == other {
            break;
        }
        other = nearer;
    }
    Some((other, left))
}
