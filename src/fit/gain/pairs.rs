//! Runs of both recipes at the same size, tokens and seed: what they share of noise drops out.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::pair::{ln_flops_for_loss, lowest_loss};
use crate::data::{RunRecord, RunTable};
use crate::fit::fitted::Fit;
use crate::fit::solve::point;
use crate::law::Surface;
use crate::num::{mean, stream};
use crate::units::Flops;

/// N and D of a pair differ by less than this, in ln.
const SAME: f64 = 0.01;
/// A pair counts where A's law puts its loss within this share of the best loss of its budget: farther
/// off, how a recipe spends a budget is compared and not what the budget gives.
const NEAR_FRONTIER: f64 = 0.03;

/// Losses of both recipes in one cell, of one seed where both say which.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair {
    /// Training FLOPs of B's run.
    pub(super) c: Flops,
    losses: [f64; 2],
    /// ln(observed / predicted) of each by its own law, where both have one.
    residuals: Option<[f64; 2]>,
}

/// How much of their noise the runs of a pair share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairedNoise {
    /// Pairs.
    pub pairs: usize,
    /// Standard deviation of the difference of a pair, as a share of the loss.
    pub difference: f64,
    /// What it would be if the runs of a pair shared nothing.
    pub apart: f64,
}

fn seed_of(run: &RunRecord) -> Option<String> {
    run.labels.get("seed").map(ToString::to_string)
}

/// Cells with their mean loss, one per seed where runs say it.
fn cells(table: &RunTable) -> Vec<(&RunRecord, f64)> {
    let mut cells: Vec<(&RunRecord, Vec<f64>)> = Vec::new();
    for run in &table.runs {
        let found = cells.iter_mut().find(|(first, _)| same_cell(first, run));
        match found {
            Some((_, losses)) => losses.push(run.loss_nats),
            None => cells.push((run, vec![run.loss_nats])),
        }
    }
    cells.into_iter().map(|(run, losses)| (run, mean(&losses))).collect()
}

fn same_cell(a: &RunRecord, b: &RunRecord) -> bool {
    let near = |x: f64, y: f64| (x - y).abs() < SAME;
    near(a.n.ln(), b.n.ln()) && near(a.d.ln(), b.d.ln()) && seed_of(a) == seed_of(b)
}

/// The pairs of two tables near the frontier of A's law, smallest compute first.
///
/// - `fits`: A's law, and B's where there is one, for the noise.
pub(super) fn pairs(a: &RunTable, b: &RunTable, fits: (&Fit, Option<&Fit>)) -> Vec<Pair> {
    let law = &fits.0.surface;
    let of_b = cells(b);
    let mut pairs: Vec<Pair> = cells(a)
        .into_iter()
        .filter(|(run, _)| near_frontier(law, run))
        .filter_map(|(run, loss_a)| {
            let (other, loss_b) = of_b.iter().find(|(other, _)| same_cell(run, other))?;
            let off = |fit: &Fit, run: &RunRecord, loss: f64| (loss / fit.loss(&point(run))).ln();
            let residuals =
                fits.1.map(|fit_b| [off(fits.0, run, loss_a), off(fit_b, other, *loss_b)]);
            let c = other.budget.unwrap_or(other.c);
            Some(Pair { c, losses: [loss_a, *loss_b], residuals })
        })
        .collect();
    pairs.sort_by(|x, y| x.c.get().total_cmp(&y.c.get()));
    pairs
}

fn near_frontier(law: &Surface, run: &RunRecord) -> bool {
    let here = law.loss(&point(run));
    let best = lowest_loss(law, law.train_flops(run.n, run.d));
    best.is_some_and(|best| here <= best * (1.0 + NEAR_FRONTIER))
}

/// How far along A's frontier the two losses of a pair are apart: ln of the compute that A needs for B's
/// loss over that for its own.
///
/// With L = E + K C^-gamma it is ln((L_A - E) / (L_B - E)) / gamma, to first order the public trackers'
/// (L_A - L_B) / (gamma (L - E)).
pub(super) fn ln_multiplier(pair: &Pair, a: &Surface) -> f64 {
    let [loss_a, loss_b] = pair.losses;
    ln_flops_for_loss(a, loss_b) - ln_flops_for_loss(a, loss_a)
}

/// The pairs of each budget.
pub(super) fn by_budget(pairs: &[Pair]) -> Vec<&[Pair]> {
    pairs.chunk_by(|x, y| y.c.get() / x.c.get() < 1.04).collect()
}

/// Means of ln multipliers over the pairs of each budget, as (ln C, mean).
pub(super) fn means(pairs: &[Pair], a: &Surface) -> Vec<(f64, f64)> {
    by_budget(pairs)
        .into_iter()
        .filter_map(|group| {
            let all: Vec<f64> =
                group.iter().map(|p| ln_multiplier(p, a)).filter(|m| m.is_finite()).collect();
            let ln_c = group.iter().map(|p| p.c.ln()).sum::<f64>() / group.len() as f64;
            (!all.is_empty()).then(|| (ln_c, mean(&all)))
        })
        .collect()
}

/// [`means`] under draws of A's law, the pairs of each budget resampled.
pub(super) fn drawn_means(pairs: &[Pair], draws: &[Surface], seed: u64) -> Vec<Vec<(f64, f64)>> {
    draws
        .iter()
        .enumerate()
        .map(|(k, a)| {
            let mut rng = stream(seed, k as u64);
            let drawn: Vec<Pair> = by_budget(pairs)
                .into_iter()
                .flat_map(|group| {
                    (0..group.len())
                        .map(|_| group[rng.random_range(0..group.len())])
                        .collect::<Vec<_>>()
                })
                .collect();
            means(&drawn, a)
        })
        .collect()
}

/// The noise of the pairs; `None` below four or where B has no law.
pub(super) fn noise(pairs: &[Pair]) -> Option<PairedNoise> {
    let all: Vec<[f64; 2]> = pairs.iter().filter_map(|p| p.residuals).collect();
    if all.len() < 4 {
        return None;
    }
    let variance = |f: &dyn Fn(&[f64; 2]) -> f64| {
        let xs: Vec<f64> = all.iter().map(f).collect();
        let middle = mean(&xs);
        xs.iter().map(|x| (x - middle).powi(2)).sum::<f64>() / (xs.len() - 1) as f64
    };
    Some(PairedNoise {
        pairs: all.len(),
        difference: variance(&|r| r[0] - r[1]).sqrt(),
        apart: (variance(&|r| r[0]) + variance(&|r| r[1])).sqrt(),
    })
}
