//! Resampling and refitting, in parallel, the same whatever the threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::config::{FitConfig, Resample};
use super::objective::{Penalty, Prior, Problem};
use super::rows::{LawOn, Rows};
use super::solve::{Minimum, descend, finish, stands};
use crate::data::{RunRecord, RunTable};
use crate::law::Law;
use crate::num::{Stream, stream};

/// Coefficients of one refit in natural units, or `None` where no certified minimum was found.
pub(super) type Draw = Option<Vec<f64>>;

/// Rows that are drawn together: one each, or all of a size, a budget or a run.
pub(super) fn clusters(table: &RunTable, resample: Resample) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let budgets = table.by_budget();
    let budget_of = |run: &RunRecord| {
        budgets.iter().position(|(_, runs)| runs.iter().any(|r| std::ptr::eq(*r, run)))
    };
    for (i, run) in table.runs.iter().enumerate() {
        let key = match resample {
            Resample::Row | Resample::Wild => format!("{i:012}"),
            // To a hundredth of a percent, as `design` tells sizes apart.
            Resample::Size => format!("{}", (run.n.ln() * 1e4).round()),
            Resample::Budget => format!("{:?}", budget_of(run)),
            Resample::Cell => {
                let rounded = |x: f64| (x * 1e4).round();
                format!("{} {}", rounded(run.n.ln()), rounded(run.d.ln()))
            }
            Resample::Run => run.run.clone(),
        };
        groups.entry(key).or_default().push(i);
    }
    groups.into_values().collect()
}

/// `config.bootstrap` refits of resampled rows, in order.
///
/// Draw i takes stream i of the seed, so the draws do not depend on the number of threads.
pub(super) fn draws(
    law: &'static dyn Law,
    best: &Minimum,
    clusters: &[Vec<usize>],
    config: &FitConfig,
    progress: &(dyn Fn(usize) + Sync),
) -> Vec<Draw> {
    let done = AtomicUsize::new(0);
    let one = |i: usize| {
        let draw = refit(law, best, clusters, config, i as u64);
        progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        draw
    };
    #[cfg(feature = "parallel")]
    {
        use rayon::prelude::*;
        (0..config.bootstrap).into_par_iter().map(one).collect()
    }
    #[cfg(not(feature = "parallel"))]
    {
        (0..config.bootstrap).map(one).collect()
    }
}

fn refit(
    law: &'static dyn Law,
    best: &Minimum,
    clusters: &[Vec<usize>],
    config: &FitConfig,
    i: u64,
) -> Draw {
    let mut rng = stream(config.seed, i);
    let mut rows = std::borrow::Cow::Borrowed(&best.rows);
    let weights = if config.resample == Resample::Wild {
        rows = std::borrow::Cow::Owned(with_random_signs(law, best, &mut rng));
        best.rows.weights.clone()
    } else {
        let mut counts = vec![0.0; best.rows.len()];
        for _ in 0..clusters.len() {
            for &row in &clusters[rng.random_range(0..clusters.len())] {
                counts[row] += best.rows.weights.as_ref().map_or(1.0, |w| w[row]);
            }
        }
        Some(counts)
    };
    // What was known beforehand is a measurement too and varies like one.
    let priors: Vec<Prior> = best
        .known
        .priors
        .iter()
        .map(|p| {
            let z: f64 = StandardNormal.sample(&mut rng);
            Prior { mean: p.mean + p.sd * z, ..*p }
        })
        .collect();
    let model = LawOn::new(law, &rows);
    let problem = Problem {
        model: &model,
        observed: &rows.observed,
        weights: weights.as_deref(),
        penalty: Penalty::of(config),
        held: &best.held,
        priors: &priors,
    };
    let starts = best.starts(law);
    let (_, mut theta) = best.known.settle(&problem, |problem| {
        let ends = starts.iter().map(|theta| {
            let x = problem.variables(theta);
            let end = finish(problem, &x);
            if stands(&end) { end } else { descend(problem, &x) }
        });
        let lowest = ends.filter(stands).min_by(|a, b| a.jet.value.total_cmp(&b.jet.value))?;
        let theta = problem.natural(&lowest.x);
        Some((lowest, theta))
    })?;
    law.recentre(&mut theta, -rows.ln_n0, -rows.ln_d0);
    let in_domain = |(c, t): (&crate::law::Coef, &f64)| *t > c.domain.0 && *t < c.domain.1;
    law.coefs().iter().zip(&theta).all(in_domain).then_some(theta)
}

/// The fitted losses with each log residual under a random sign, scaled by sqrt(n / (n - p)) since
/// fitted residuals are too small.
fn with_random_signs(law: &dyn Law, best: &Minimum, rng: &mut Stream) -> Rows {
    let mut rows = best.rows.clone();
    let mut theta = best.theta.clone();
    law.recentre(&mut theta, rows.ln_n0, rows.ln_d0);
    let (n, p) = (rows.len() as f64, best.x.len() as f64);
    let inflate = (n / (n - p).max(1.0)).sqrt();
    for i in 0..rows.len() {
        let fitted = law.loss(&theta, &rows.at[i]).ln();
        let sign = if rng.random_range(0..2) == 0 { 1.0 } else { -1.0 };
        let ln = fitted + sign * inflate * (rows.observed.ln[i] - fitted);
        rows.observed.ln[i] = ln;
        rows.observed.value[i] = ln.exp();
    }
    rows
}
