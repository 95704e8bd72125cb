//! The loss that a recipe reaches at each budget, as its runs show it without a law.

use std::collections::BTreeSet;

use nalgebra::{DMatrix, DVector};
use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::read_off::Curve;
use crate::data::{RunRecord, RunTable};
use crate::fit::frontier::{Valley, lowest_of_profile, valleys};
use crate::num::{Interval, Stream, stream};
use crate::units::Flops;

/// How the losses of a frontier were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FrontierKind {
    /// The minimum of the isoFLOP profile of each budget (Hoffmann et al. 2022, approach 2).
    Valleys,
    /// Runs at one ratio of tokens to parameters, or one size per budget: their own losses.
    Ladder,
}

/// The loss of one budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrontierLoss {
    /// Training FLOPs.
    #[serde(rename = "flops")]
    pub c: Flops,
    /// Nats per token.
    #[serde(rename = "loss")]
    pub loss_nats: f64,
    /// Its interval; absent without resamples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// Runs behind it.
    pub runs: usize,
}

/// Losses by budget, with resamples of all of them together.
#[derive(Clone, Debug)]
pub(super) struct Frontier {
    pub(super) kind: FrontierKind,
    /// Smallest budget first; losses fall from one to the next.
    pub(super) points: Vec<FrontierLoss>,
    /// ln loss of every point in each resample.
    draws: Vec<Vec<f64>>,
    /// Budgets left out, with the reason.
    pub(super) refused: Vec<String>,
}

/// Largest D/N over the smallest, below which runs climb one ladder.
const ONE_RATIO: f64 = 1.3;

/// The runs of one budget as (ln N, loss), and what they fit.
struct Rung {
    c: Flops,
    /// (ln N, loss).
    runs: Vec<(f64, f64)>,
    loss_nats: f64,
    /// What was fitted at each run.
    fitted: Vec<f64>,
}

impl Frontier {
    /// That of a table; `None` below two budgets with a loss.
    pub(super) fn of(table: &RunTable, draws: usize, seed: u64, level: f64) -> Option<Self> {
        let budgets = table.by_budget();
        let (rungs, refused) = by_valleys(table, &budgets);
        if falling(&rungs) >= 2 {
            return Some(Self::resampled(
                FrontierKind::Valleys,
                rungs,
                refused,
                draws,
                seed,
                level,
            ));
        }
        let ladder = is_ladder(table) || is_climbed(&budgets);
        let rungs: Vec<Rung> = budgets.iter().map(|(c, runs)| rung(*c, runs)).collect();
        (ladder && falling(&rungs) >= 2)
            .then(|| Self::resampled(FrontierKind::Ladder, rungs, Vec::new(), draws, seed, level))
    }

    /// Those of the runs of both tables at the ratio of tokens to parameters at which both have most
    /// sizes; `None` where no ratio has three of each.
    pub(super) fn along_one_ratio(
        tables: [&RunTable; 2],
        draws: usize,
        seeds: [u64; 2],
        level: f64,
    ) -> Option<[Self; 2]> {
        let sizes = |table: &RunTable, ratio: f64| {
            let near = |r: &&RunRecord| is_near(r.d / r.n, ratio);
            let ln_n = table.runs.iter().filter(near).map(|r| (100.0 * r.n.ln()).round() as i64);
            ln_n.collect::<BTreeSet<i64>>().len()
        };
        let of_both = |ratio: &f64| tables.map(|table| sizes(table, *ratio)).into_iter().min();
        let ratios = tables[0].runs.iter().map(|r| r.d / r.n);
        let ratio = ratios.max_by_key(of_both).filter(|ratio| of_both(ratio) >= Some(3))?;
        let frontier = |k: usize| {
            let near = |r: &&RunRecord| is_near(r.d / r.n, ratio);
            let kept = tables[k].runs.iter().filter(near).cloned().collect();
            let table = tables[k].with_runs(kept);
            let budgets = table.by_budget();
            let rungs: Vec<Rung> = budgets.iter().map(|(c, runs)| rung(*c, runs)).collect();
            let (kind, left_out) = (FrontierKind::Ladder, Vec::new());
            (falling(&rungs) >= 2)
                .then(|| Self::resampled(kind, rungs, left_out, draws, seeds[k], level))
        };
        Some([frontier(0)?, frontier(1)?])
    }

    /// Resamples the residuals around what was fitted, those of all budgets pooled as shares of the
    /// loss, so that every resample has every size.
    fn resampled(
        kind: FrontierKind,
        mut rungs: Vec<Rung>,
        mut refused: Vec<String>,
        draws: usize,
        seed: u64,
        level: f64,
    ) -> Self {
        // A budget whose loss lies above that of a smaller one is no point of a frontier.
        let mut lowest = f64::INFINITY;
        rungs.retain(|rung| {
            let falls = rung.loss_nats < lowest;
            if falls {
                lowest = rung.loss_nats;
            } else {
                refused.push(format!("{} FLOPs: no lower loss than a smaller budget", rung.c));
            }
            falls
        });
        let mut pool = pooled(kind, &rungs);
        if pool.is_empty() {
            pool = around_a_curve(&rungs);
        }
        // Where nothing says how runs scatter, nothing says how sure a reading is.
        let draws = if pool.is_empty() { 0 } else { draws };
        let draws: Vec<Vec<f64>> = (0..draws as u64)
            .map(|k| {
                let mut rng = stream(seed, k);
                rungs.iter().map(|rung| rung.drawn(kind, k, &pool, &mut rng).ln()).collect()
            })
            .collect();
        let points = rungs
            .iter()
            .enumerate()
            .map(|(i, rung)| {
                let sample: Vec<f64> = draws.iter().map(|draw| draw[i].exp()).collect();
                let interval = Interval::percentile(&sample, level);
                let (c, loss_nats, runs) = (rung.c, rung.loss_nats, rung.runs.len());
                FrontierLoss { c, loss_nats, interval, runs }
            })
            .collect();
        Self { kind, points, draws, refused }
    }

    /// The points as a curve of ln C over ln loss.
    pub(super) fn curve(&self) -> Curve {
        self.curve_through(self.points.iter().map(|p| p.loss_nats.ln()))
    }

    /// That of each resample.
    pub(super) fn curves(&self) -> impl Iterator<Item = Curve> + '_ {
        self.draws.iter().map(|draw| self.curve_through(draw.iter().copied()))
    }

    fn curve_through(&self, ln_losses: impl Iterator<Item = f64>) -> Curve {
        Curve::through(self.points.iter().map(|p| p.c.ln()).zip(ln_losses).collect())
    }

    /// The same up to a budget; `None` where fewer than two points are left.
    pub(super) fn up_to(&self, c: Flops) -> Option<Self> {
        let kept = self.points.iter().filter(|p| p.c.get() <= c.get()).count();
        (kept >= 2).then(|| Self {
            points: self.points[..kept].to_vec(),
            draws: self.draws.iter().map(|draw| draw[..kept].to_vec()).collect(),
            ..self.clone()
        })
    }
}

/// How many rungs have a lower loss than all before them.
fn falling(rungs: &[Rung]) -> usize {
    let mut lowest = f64::INFINITY;
    let falls = |rung: &&Rung| {
        let falls = rung.loss_nats < lowest;
        lowest = lowest.min(rung.loss_nats);
        falls
    };
    rungs.iter().filter(falls).count()
}

impl Rung {
    /// The loss of one resample.
    fn drawn(&self, kind: FrontierKind, k: u64, pool: &[f64], rng: &mut Stream) -> f64 {
        let mut noise = || pool[rng.random_range(0..pool.len())];
        let runs: Vec<(f64, f64)> = self
            .runs
            .iter()
            .zip(&self.fitted)
            .map(|((ln_n, _), fitted)| (*ln_n, fitted * (1.0 + noise())))
            .collect();
        match kind {
            // Half of the resamples read the minimum off a cubic: which curve a profile follows is not
            // known, and moves its minimum as much as noise does.
            FrontierKind::Valleys => lowest_of_profile(&runs, k % 2 == 1)
                .or_else(|| lowest_of_profile(&runs, false))
                .unwrap_or(self.loss_nats),
            FrontierKind::Ladder => runs.iter().map(|r| r.1).sum::<f64>() / runs.len() as f64,
        }
    }
}

/// Residuals as shares of what was fitted, each scaled for the freedom that the fit of its budget took.
fn pooled(kind: FrontierKind, rungs: &[Rung]) -> Vec<f64> {
    let taken = match kind {
        FrontierKind::Valleys => 3,
        FrontierKind::Ladder => 1,
    };
    rungs
        .iter()
        .filter(|rung| rung.runs.len() > taken)
        .flat_map(|rung| {
            let n = rung.runs.len() as f64;
            let inflate = (n / (n - taken as f64)).sqrt();
            rung.runs.iter().zip(&rung.fitted).map(move |((_, loss), f)| inflate * (loss / f - 1.0))
        })
        .collect()
}

/// How single runs of a ladder scatter around the parabola of ln loss in ln C, scaled for the freedom that
/// it takes; none below five budgets.
fn around_a_curve(rungs: &[Rung]) -> Vec<f64> {
    const TAKEN: usize = 3;
    if rungs.len() < TAKEN + 2 {
        return Vec::new();
    }
    let middle = rungs.iter().map(|rung| rung.c.ln()).sum::<f64>() / rungs.len() as f64;
    let power = |rung: &Rung, k: usize| (rung.c.ln() - middle).powi(k as i32);
    let x = DMatrix::from_fn(rungs.len(), TAKEN, |i, k| power(&rungs[i], k));
    let y = DVector::from_iterator(rungs.len(), rungs.iter().map(|rung| rung.loss_nats.ln()));
    let inflate = (rungs.len() as f64 / (rungs.len() - TAKEN) as f64).sqrt();
    match x.clone().svd(true, true).solve(&y, 1e-12) {
        Ok(c) => (y - x * c).iter().map(|residual| inflate * residual).collect(),
        Err(_) => Vec::new(),
    }
}

/// The budgets whose profile has a minimum, and the reasons of the others.
fn by_valleys(table: &RunTable, budgets: &[(Flops, Vec<&RunRecord>)]) -> (Vec<Rung>, Vec<String>) {
    let (mut rungs, mut refused) = (Vec::new(), Vec::new());
    let all: Vec<Valley> = valleys(table);
    for (c, runs) in budgets {
        let Some(valley) = all.iter().find(|v| v.c == *c) else {
            refused.push(format!("{c} FLOPs: fewer than three sizes"));
            continue;
        };
        match (valley.refusal(), valley.loss_nats) {
            (None, Some(loss_nats)) => {
                let runs: Vec<(f64, f64)> = runs.iter().map(|r| (r.n.ln(), r.loss_nats)).collect();
                let fitted = runs.iter().map(|r| valley.loss_at(r.0)).collect();
                rungs.push(Rung { c: *c, runs, loss_nats, fitted });
            }
            (refusal, _) => refused.push(format!("{c} FLOPs: {}", refusal.unwrap_or_default())),
        }
    }
    (rungs, refused)
}

fn rung(c: Flops, runs: &[&RunRecord]) -> Rung {
    let runs: Vec<(f64, f64)> = runs.iter().map(|r| (r.n.ln(), r.loss_nats)).collect();
    let loss_nats = runs.iter().map(|r| r.1).sum::<f64>() / runs.len() as f64;
    Rung { c, fitted: vec![loss_nats; runs.len()], runs, loss_nats }
}

/// Whether two ratios of tokens to parameters are one.
fn is_near(a: f64, b: f64) -> bool {
    (a / b).ln().abs() < 0.5 * ONE_RATIO.ln()
}

fn is_ladder(table: &RunTable) -> bool {
    let ratios = table.runs.iter().map(|r| r.d / r.n);
    let (lo, hi) = ratios.fold((f64::INFINITY, 0.0_f64), |(lo, hi), x| (lo.min(x), hi.max(x)));
    hi / lo < ONE_RATIO
}

/// Whether every budget has one size, and both size and tokens grow with it.
fn is_climbed(budgets: &[(Flops, Vec<&RunRecord>)]) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() < 0.02;
    let one_size = |runs: &[&RunRecord]| runs.iter().all(|r| near(r.n.ln(), runs[0].n.ln()));
    let grows = |pair: &[(Flops, Vec<&RunRecord>)]| {
        let (small, large) = (pair[0].1[0], pair[1].1[0]);
        small.n.get() <= large.n.get() && small.d.get() <= large.d.get()
    };
    budgets.iter().all(|(_, runs)| one_size(runs)) && budgets.windows(2).all(grows)
}
