//! Fitting the smaller budgets and predicting the largest one.

use serde::{Deserialize, Serialize};

use super::errors::Errors;
use super::outcome::{Coverage, Outcome, Verdict};
use super::same_budget::AllocationTest;
use crate::data::{RunRecord, RunTable};
use crate::error::{DataError, Result, Warning};
use crate::fit::config::FitConfig;
use crate::fit::fitted::Fit;
use crate::fit::frontier::{Valley, valleys};
use crate::fit::predict::{PredictedRun, predict_runs};
use crate::fit::progress::{OnProgress, ignore};
use crate::fit::runs::fit_with_progress;
use crate::law::{Law, Range, kaplan_allocation};
use crate::num::mean;
use crate::units::{Flops, Params};

/// A rule for the model size of a budget, scored on the runs trained at the largest one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AllocationRule {
    /// Whose rule.
    pub rule: String,
    /// The size it chooses.
    #[serde(rename = "params")]
    pub n: Params,
    /// Loss at that size on the parabola through the runs of that budget, nats per token; absent
    /// when the size lies outside the runs.
    #[serde(rename = "loss")]
    pub loss_nats: Option<f64>,
    /// Loss above the minimum of that parabola.
    pub excess_nats: Option<f64>,
}

/// What the smaller budgets predict for the largest one, and what was observed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Backtest {
    /// The largest budget, held out of the fit.
    #[serde(rename = "held_out_flops")]
    pub budget: Flops,
    /// Budgets that were fitted.
    pub fitted_flops: Vec<Flops>,
    /// Runs that were fitted.
    pub n_fitted: usize,
    /// Each run of the largest budget with its prediction.
    pub runs: Vec<PredictedRun>,
    /// Mean of |predicted / actual - 1|.
    pub mean_abs_error: f64,
    /// Largest |predicted / actual - 1|.
    pub max_abs_error: f64,
    /// Mean of predicted / actual - 1.
    pub bias: f64,
    /// Runs inside their interval; absent where there are no intervals.
    pub covered: Option<usize>,
    /// Level of the intervals.
    pub level: f64,
    /// The isoFLOP profile of the largest budget as it was measured.
    pub valley: Option<Valley>,
    /// Sizes the rules choose there, best first; those without a loss last.
    pub choices: Vec<AllocationRule>,
    /// Scatter of single runs around the fitted law at the largest budget, nats per token: choices
    /// closer than this are within the noise of one run each.
    pub scatter_nats: f64,
    /// How many runs should lie inside, and how likely so few are; absent where there are no intervals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
    /// The fit's size among those trained at the largest budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocation: Option<AllocationTest>,
    /// What it comes to.
    pub verdict: Verdict,
    /// What a reader has to know of the fit.
    #[serde(serialize_with = "crate::error::with_messages")]
    pub warnings: Vec<Warning>,
    /// The fit of the smaller budgets.
    #[serde(skip_serializing)]
    #[serde(default)]
    pub fit: Option<Box<Fit>>,
}

impl Backtest {
    /// The rule whose size has the lowest measured loss.
    #[must_use]
    pub fn winner(&self) -> Option<&AllocationRule> {
        self.choices.first().filter(|c| c.loss_nats.is_some())
    }
}

/// Fits `law` to all budgets but the largest and predicts that one.
///
/// The rules that compete at the largest budget start from the same measured optimum at the
/// smallest one: the fitted law itself, Kaplan's N ∝ C^0.73, and equal growth N ∝ C^0.5.
///
/// # Errors
/// [`DataError::NothingLeft`] below two budgets; as [`fit`](crate::fit::fit()) for the smaller ones.
pub fn backtest(law: &'static dyn Law, table: &RunTable, config: &FitConfig) -> Result<Backtest> {
    backtest_with_progress(law, table, config, &ignore)
}

/// As [`backtest`]; `progress` counts the resamples of its fit.
///
/// # Errors
/// As [`backtest`]; [`FitError::Stopped`](crate::error::FitError::Stopped) when `progress` says so.
pub fn backtest_with_progress(
    law: &'static dyn Law,
    table: &RunTable,
    config: &FitConfig,
    progress: &OnProgress<'_>,
) -> Result<Backtest> {
    let groups = table.by_budget();
    let Some(((budget, largest), smaller)) = groups.split_last().filter(|(_, c)| !c.is_empty())
    else {
        return Err(DataError::NothingLeft {
            what: "holding out the largest budget".to_owned(),
            left: 0,
            total: groups.len(),
            wanted: 1,
        }
        .into());
    };
    let collect =
        |runs: &[&RunRecord]| table.with_runs(runs.iter().map(|r| (*r).clone()).collect());
    let train: Vec<_> = smaller.iter().flat_map(|(_, runs)| runs.iter().copied()).collect();
    let (train, test) = (collect(&train), collect(largest));
    let fitted = fit_with_progress(law, &train, config, progress)?;
    let runs = predict_runs(&fitted, &test);
    let errors = Errors::of(&runs.iter().map(|r| r.error).collect::<Vec<_>>());
    let measured = valleys(table);
    let at = |c: &Flops| measured.iter().find(|v| (v.c.get() / c.get()).ln().abs() < 0.05).cloned();
    let valley = at(budget);
    let anchor = measured.iter().find(|v| v.n.is_some() && v.c.get() < 0.9 * budget.get());
    let choices = choices(&fitted, *budget, &test, valley.as_ref(), anchor)?;
    let freedom = (train.runs.len() - law.coefs().len()) as f64;
    let squares: f64 = fitted.residuals.iter().map(|r| r * r).sum();
    let losses: Vec<f64> = test.runs.iter().map(|r| r.loss_nats).collect();
    let scatter_nats = (squares / freedom).sqrt() * mean(&losses);
    let mut warnings = fitted.warnings.clone();
    warnings.extend(
        measured
            .iter()
            .filter(|v| !v.bracketed)
            .map(|v| Warning::ValleyNotBracketed { flops: v.c.get() }),
    );
    let inside: Vec<bool> =
        runs.iter().filter(|r| r.interval.is_some()).map(PredictedRun::is_covered).collect();
    let coverage = Coverage::of(inside.iter().copied(), fitted.level);
    let allocation =
        AllocationTest::of(&fitted.surface, *budget, &test, Some((squares / freedom).sqrt()));
    let verdict = verdict(&fitted, *budget, coverage.as_ref(), allocation.as_ref());
    Ok(Backtest {
        budget: *budget,
        fitted_flops: smaller.iter().map(|(c, _)| *c).collect(),
        n_fitted: train.runs.len(),
        mean_abs_error: errors.mean_abs,
        max_abs_error: errors.max_abs,
        bias: errors.bias,
        covered: coverage.map(|c| c.inside),
        coverage,
        allocation,
        verdict,
        level: fitted.level,
        runs,
        valley,
        choices,
        scatter_nats,
        warnings,
        fit: Some(Box::new(fitted)),
    })
}

/// Whether the smaller budgets predicted the largest.
fn verdict(
    fitted: &Fit,
    budget: Flops,
    coverage: Option<&Coverage>,
    allocation: Option<&AllocationTest>,
) -> Verdict {
    let next = |text: &str| text.to_owned();
    if !fitted.certificate.certified {
        return Verdict {
            outcome: Outcome::CannotTell,
            reason: "the fit of the smaller budgets is not certified".to_owned(),
            next: next("add runs at the smaller budgets, or hold a coefficient"),
        };
    }
    if let Some(coverage) = coverage.filter(|c| c.is_too_low()) {
        return Verdict {
            outcome: Outcome::Fails,
            reason: format!("the smaller budgets do not predict {budget} FLOPs: {coverage}"),
            next: next(
                "compare other laws, look for what differs between the budgets, and predict nothing beyond them",
            ),
        };
    }
    let judged = allocation.map(|a| a.outcome);
    if let Some(test) = allocation.filter(|_| judged == Some(Outcome::Fails)) {
        return Verdict {
            outcome: Outcome::Fails,
            reason: test.to_string(),
            next: next("repeat both sizes with other seeds; if the lead stays, compare other laws"),
        };
    }
    let Some(coverage) = coverage else {
        return Verdict {
            outcome: Outcome::CannotTell,
            reason: no_intervals(fitted),
            next: next("fit with resamples, so that predictions have intervals"),
        };
    };
    match allocation {
        Some(test) if test.outcome == Outcome::Holds => Verdict {
            outcome: Outcome::Holds,
            reason: format!("{coverage}; {test}"),
            next: next("fit all budgets and plan with that"),
        },
        Some(test) => Verdict {
            outcome: Outcome::CannotTell,
            reason: format!("{coverage}, but {test}"),
            next: format!("train sizes on both sides of {} parameters at {budget} FLOPs", test.n),
        },
        None => Verdict {
            outcome: Outcome::CannotTell,
            reason: format!("{coverage}, but the law chooses no size at {budget} FLOPs"),
            next: next("take a law with an optimum"),
        },
    }
}

/// Why predictions of a fit have no intervals.
#[must_use]
pub fn no_intervals(fit: &Fit) -> String {
    match (fit.config.bootstrap, fit.draws_failed) {
        (0, _) => "no intervals: the fit made no resamples".to_owned(),
        (_, 0) => "no intervals: the fit has no draws".to_owned(),
        (_, failed) => {
            format!(
                "no intervals: {failed} resamples of the fit found no minimum, more than a quarter"
            )
        }
    }
}

fn choices(
    fitted: &Fit,
    budget: Flops,
    test: &RunTable,
    valley: Option<&Valley>,
    anchor: Option<&Valley>,
) -> Result<Vec<AllocationRule>> {
    let mut sizes: Vec<(String, f64)> = Vec::new();
    if let Some(ln_n) = fitted.surface.ln_n_optimal(budget) {
        sizes.push((format!("{} fit of the smaller budgets", fitted.law), ln_n.exp()));
    }
    if let Some((c0, n0)) = anchor.and_then(|v| Some((v.c, v.n?))) {
        let growth = budget / c0;
        let kaplan = kaplan_allocation()?.n_exponent;
        sizes.push((format!("Kaplan: N ∝ C^{kaplan}"), n0.get() * growth.powf(kaplan)));
        sizes.push(("equal growth: N ∝ C^0.5".to_owned(), n0.get() * growth.sqrt()));
    }
    let span = Range::of(test.runs.iter().map(|r| r.n.get()));
    let mut choices: Vec<AllocationRule> = sizes
        .into_iter()
        .map(|(rule, n)| {
            let seen = span.is_some_and(|s| s.factor_outside(n) <= 1.0);
            let loss_nats = valley.filter(|_| seen).map(|v| v.loss_at(n.ln()));
            let lowest = valley.and_then(|v| v.loss_nats);
            let excess_nats = loss_nats.zip(lowest).map(|(l, low)| l - low);
            AllocationRule { rule, n: Params::new(n), loss_nats, excess_nats }
        })
        .collect();
    let order = |c: &AllocationRule| c.loss_nats.unwrap_or(f64::INFINITY);
    choices.sort_by(|a, b| order(a).total_cmp(&order(b)));
    Ok(choices)
}
