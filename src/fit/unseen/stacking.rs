//! Laws weighed by how they predict runs farther out, into one fit.

use super::ranking::{Ranked, Ranking};
use crate::data::RunTable;
use crate::error::{FitError, Result};
use crate::fit::config::FitConfig;
use crate::fit::fitted::{AllocationExponents, Fit};
use crate::fit::progress::{OnProgress, ignore};
use crate::fit::runs::fit_with_progress;
use crate::fit::stack::{Stack, StackedLaw, combined, weights};
use crate::law::{Surface, law_by_id};
use crate::num::Interval;

/// Least weight with which a law takes part: below, its draws would be a handful.
const LEAST_WEIGHT: f64 = 0.01;

/// Most laws weighed, best first.
const MOST_LAWS: usize = 8;

/// The laws of a ranking as one fit, weighed so that their weighted mean predicts the held-out runs
/// best.
///
/// The fit is that of the law in the middle: half of the weight says that less than its N* is best at
/// ten times the largest budget, half that more is. Its draws for plans are those of all laws, each with
/// its share ([`Fit::ensemble`]). Laws without an optimum there take no part.
///
/// # Errors
/// As [`fit`](crate::fit::fit()); [`FitError::NoLawCertified`] for a ranking without laws.
pub fn stack(table: &RunTable, ranking: &Ranking, config: &FitConfig) -> Result<Fit> {
    stack_with_progress(table, ranking, config, &ignore)
}

/// As [`stack`]; `progress` hears the resamples of each law in turn.
///
/// # Errors
/// As [`stack`]; [`FitError::Stopped`] when `progress` says so.
pub fn stack_with_progress(
    table: &RunTable,
    ranking: &Ranking,
    config: &FitConfig,
    progress: &OnProgress<'_>,
) -> Result<Fit> {
    let laws = taking_part(ranking);
    let errors: Vec<Vec<f64>> = laws
        .iter()
        .map(|l| l.rollout.folds.iter().flat_map(|f| f.errors.clone()).collect())
        .collect();
    let all = weights(&errors);
    let kept: f64 = all.iter().filter(|w| **w >= LEAST_WEIGHT).sum();
    let mut members: Vec<(Fit, StackedLaw)> = Vec::new();
    for (law, weight) in laws.iter().zip(&all).filter(|(_, w)| **w >= LEAST_WEIGHT) {
        let fit = fit_with_progress(law_by_id(&law.rollout.law)?, table, config, progress)?;
        let (weight, draws) = (weight / kept, shared(&fit, weight / kept, config.bootstrap));
        let member = StackedLaw {
            law: fit.law.clone(),
            weight,
            mean_abs_error: law.rollout.mean_abs_error,
            surface: fit.surface.clone(),
            draws,
        };
        members.push((fit, member));
    }
    members.sort_by(|a, b| b.1.weight.total_cmp(&a.1.weight));
    let shares: Vec<f64> =
        all.iter().map(|w| if *w < LEAST_WEIGHT { 0.0 } else { w / kept }).collect();
    let runs = errors.first().map_or(0, Vec::len);
    let sizes = (0..runs).map(|i| combined(&errors, &shares, i).abs());
    let mean_abs_error = sizes.sum::<f64>() / runs.max(1) as f64;
    let middle = middle(&members)
        .ok_or(FitError::NoLawCertified { laws: ranking.unranked.len(), runs: table.runs.len() })?;
    let fit = members[middle].0.clone();
    let members: Vec<StackedLaw> = members.into_iter().map(|(_, member)| member).collect();
    Ok(joined(fit, Stack { members, mean_abs_error }))
}

/// Laws to weigh: those with an optimum, where there are any, and of two that err alike on every run,
/// which are one law in two notations, the better.
fn taking_part(ranking: &Ranking) -> Vec<&Ranked> {
    let plans = ranking.laws.iter().any(|l| l.has_optimum);
    let mut laws: Vec<&Ranked> = Vec::new();
    for law in ranking.laws.iter().filter(|l| l.has_optimum || !plans) {
        let alike = |other: &&Ranked| {
            let pairs = law.rollout.folds.iter().zip(&other.rollout.folds);
            let mut errors = pairs.flat_map(|(a, b)| a.errors.iter().zip(&b.errors));
            errors.all(|(a, b)| (a - b).abs() <= 1e-6 * a.abs())
        };
        if !laws.iter().any(alike) && laws.len() < MOST_LAWS {
            laws.push(law);
        }
    }
    laws
}

/// Draws of a law in proportion to its weight, evenly from all it has; itself where it has none.
fn shared(fit: &Fit, weight: f64, all: usize) -> Vec<Vec<f64>> {
    let share = (weight * all as f64).round() as usize;
    let draw = |i: usize| match fit.draws.len() {
        0 => fit.surface.theta().to_vec(),
        n => fit.draws[i * n / share].clone(),
    };
    (0..share).map(draw).collect()
}

/// The law in which the weight of those with a smaller N* at ten times the largest budget reaches one
/// half; the heaviest without optima.
fn middle(members: &[(Fit, StackedLaw)]) -> Option<usize> {
    let ln_n = |fit: &Fit| {
        let budget = fit.allocation?.reference_flops * 10.0;
        fit.surface.ln_n_optimal(budget)
    };
    let mut sizes: Vec<(f64, usize)> =
        members.iter().enumerate().filter_map(|(k, (fit, _))| Some((ln_n(fit)?, k))).collect();
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = sizes.iter().map(|(_, k)| members[*k].1.weight).sum();
    let mut below = 0.0;
    let found = sizes.iter().find(|(_, k)| {
        below += members[*k].1.weight;
        below >= 0.5 * total
    });
    found.map(|(_, k)| *k).or((!members.is_empty()).then_some(0))
}

/// The fit with the stack, its label, and the intervals of the allocation over all laws.
fn joined(mut fit: Fit, stack: Stack) -> Fit {
    let names: Vec<&str> = stack.members.iter().map(|m| m.law.as_str()).collect();
    let label = format!("stack of {}, {} runs", names.join(", "), fit.n_points);
    let draws = stack.draws();
    fit.surface.label = label;
    if let Some(allocation) = fit.allocation.filter(|_| !draws.is_empty()) {
        let reference = allocation.reference_flops;
        let of = |s: &Surface| AllocationExponents::of(s, reference);
        let all: Vec<AllocationExponents> = draws.iter().filter_map(of).collect();
        let mut put = |name: &str, f: fn(&AllocationExponents) -> f64| {
            let sample: Vec<f64> = all.iter().map(f).collect();
            if let Some(interval) = Interval::percentile(&sample, fit.level) {
                fit.intervals.insert(name.to_owned(), interval);
            }
        };
        put("n_exponent", |a| a.n_exponent);
        put("d_exponent", |a| a.d_exponent);
        put("tokens_per_param", |a| a.tokens_per_param);
    }
    fit.stack = Some(stack);
    fit
}
