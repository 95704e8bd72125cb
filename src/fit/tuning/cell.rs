//! The best learning rate and batch of one (N, D).

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use crate::data::TuningRun;
use crate::num::median;
use crate::units::{Params, Tokens};

/// The best learning rate and batch of one (N, D).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TunedCell {
    /// Parameters.
    pub n: Params,
    /// Training tokens.
    pub d: Tokens,
    /// Runs of the cell.
    pub runs: usize,
    /// Runs near its optimum, to which the quadratic is fitted.
    pub near: usize,
    /// Best learning rate.
    pub lr: f64,
    /// Standard error of its logarithm; absent where the runs are no more than the coefficients.
    pub lr_se: Option<f64>,
    /// Best batch, where the cell varies it.
    pub batch: Option<f64>,
    /// Standard error of its logarithm.
    pub batch_se: Option<f64>,
    /// Loss there.
    #[serde(rename = "loss")]
    pub loss_nats: f64,
    /// Learning rate of the run with the lowest loss.
    pub lowest_lr: f64,
    /// Its batch, where the cell varies it.
    pub lowest_batch: Option<f64>,
}

/// A cell without an optimum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefusedCell {
    /// Parameters.
    pub n: Params,
    /// Training tokens.
    pub d: Tokens,
    /// Runs of the cell.
    pub runs: usize,
    /// Why.
    pub problem: CellProblem,
}

impl std::fmt::Display for RefusedCell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "N {}, D {} ({} runs): {}", self.n, self.d, self.runs, self.problem)
    }
}

/// Why a cell has no optimum.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CellProblem {
    /// Too few runs for a quadratic.
    FewRuns {
        /// Runs it takes.
        wanted: usize,
    },
    /// Fewer than three learning rates.
    OneRate,
    /// The optimum is at an end of the grid or beyond it.
    Edge {
        /// Whether of the batch rather than of the learning rate.
        batch: bool,
        /// Whether at the upper end.
        upper: bool,
    },
    /// The loss hardly depends on it: its standard error is more than a factor of two.
    Flat {
        /// Whether on the batch rather than on the learning rate.
        batch: bool,
    },
    /// The loss has no minimum among the runs.
    NoMinimum,
}

impl std::fmt::Display for CellProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = |batch: bool| if batch { "batch" } else { "learning rate" };
        match self {
            Self::FewRuns { wanted } => write!(f, "a quadratic takes at least {wanted} runs"),
            Self::OneRate => f.write_str("fewer than three learning rates"),
            Self::Edge { batch, upper } => {
                let (end, more) =
                    if *upper { ("largest", "larger") } else { ("smallest", "smaller") };
                let name = name(*batch);
                write!(f, "the loss is lowest at the {end} {name} or beyond; add {more} ones")
            }
            Self::Flat { batch } => write!(
                f,
                "flat: the best {} is not known to a factor of two; widen the grid, or add seeds",
                name(*batch)
            ),
            Self::NoMinimum => f.write_str("the loss does not turn within the grid"),
        }
    }
}

/// A standard error of the logarithm beyond which an optimum is not one: a factor of two.
const FLAT: f64 = std::f64::consts::LN_2;

/// Passes of choosing runs near the optimum, and of reweighting them.
const PASSES: usize = 12;
const REWEIGHTS: usize = 12;

/// Half-width of Huber's band in standard deviations: 95 % efficient for normal errors.
const BAND: f64 = 1.345;

/// A quadratic of the loss in the logarithms of learning rate and batch.
struct Quadratic {
    coefs: DVector<f64>,
    /// Where it is lowest, around the centre.
    optimum: DVector<f64>,
    lowest: f64,
    /// Standard errors of the optimum.
    errors: Vec<f64>,
}

/// The optimum of the runs of one (N, D).
///
/// ln L is fitted by a quadratic in ln lr and ln batch (in ln lr alone where the batch does not vary),
/// by Huber's weights, to the runs whose predicted loss is within `window` of the lowest, chosen again
/// until they stay. At least two runs more than coefficients are kept, where there are as many.
///
/// - `window`: a share of the loss.
pub(super) fn optimum(runs: &[TuningRun], window: f64) -> Result<TunedCell, CellProblem> {
    let columns = variables(runs)?;
    let k = columns.len();
    let p = 1 + k + k * (k + 1) / 2;
    // Three rates fix a parabola, and people try three; more variables want runs to spare.
    let wanted = if k == 1 { p } else { p + 2 };
    if runs.len() < wanted {
        return Err(CellProblem::FewRuns { wanted });
    }
    let least = (p + 2).min(runs.len());
    let centres: Vec<f64> =
        columns.iter().map(|c| c.iter().sum::<f64>() / c.len() as f64).collect();
    let at: Vec<Vec<f64>> = (0..runs.len())
        .map(|i| columns.iter().zip(&centres).map(|(c, centre)| c[i] - centre).collect())
        .collect();
    let ln_loss: Vec<f64> = runs.iter().map(|run| run.loss_nats.ln()).collect();
    let mut near = lowest(&ln_loss, window, least);
    let mut found = None;
    for _ in 0..PASSES {
        let quadratic = fit(&at, &ln_loss, &near, k);
        let Some(quadratic) = quadratic else { break };
        let predicted: Vec<f64> = at.iter().map(|x| dot(&quadratic.coefs, &terms(x))).collect();
        // A run far above the quadratic has diverged, or another fault.
        let shown: Vec<f64> =
            predicted.iter().zip(&ln_loss).map(|(p, l)| p.max(l - window)).collect();
        let again = within(&shown, quadratic.lowest + window, least);
        found = Some((quadratic, near.iter().filter(|n| **n).count()));
        if again == near {
            break;
        }
        near = again;
    }
    let Some((quadratic, near)) = found else {
        return Err(edge_of_lowest(&at, &ln_loss).unwrap_or(CellProblem::NoMinimum));
    };
    for (j, x) in quadratic.optimum.iter().enumerate() {
        let ends = at.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), row| {
            (lo.min(row[j]), hi.max(row[j]))
        });
        if !(*x > ends.0 && *x < ends.1) {
            return Err(CellProblem::Edge { batch: j == 1, upper: *x >= ends.1 });
        }
        if quadratic.errors[j] > FLAT {
            return Err(CellProblem::Flat { batch: j == 1 });
        }
    }
    let natural = |j: usize| (quadratic.optimum[j] + centres[j]).exp();
    let (n, d) = (runs[0].n, runs[0].d);
    let lowest = (0..runs.len()).min_by(|a, b| ln_loss[*a].total_cmp(&ln_loss[*b])).unwrap_or(0);
    Ok(TunedCell {
        lowest_lr: runs[lowest].lr,
        lowest_batch: runs[lowest].batch.filter(|_| k == 2),
        n,
        d,
        runs: runs.len(),
        near,
        lr: natural(0),
        lr_se: Some(quadratic.errors[0]).filter(|se| se.is_finite()),
        batch: (k == 2).then(|| natural(1)),
        batch_se: (k == 2).then(|| quadratic.errors[1]),
        loss_nats: quadratic.lowest.exp(),
    })
}

/// ln lr, and ln batch where it varies.
fn variables(runs: &[TuningRun]) -> Result<Vec<Vec<f64>>, CellProblem> {
    let rates: Vec<f64> = runs.iter().map(|run| run.lr.ln()).collect();
    if distinct(rates.iter().copied()) < 3 {
        return Err(CellProblem::OneRate);
    }
    let batches: Option<Vec<f64>> = runs.iter().map(|run| run.batch.map(f64::ln)).collect();
    let batches = batches.filter(|column| distinct(column.iter().copied()) >= 3);
    Ok(std::iter::once(rates).chain(batches).collect())
}

/// Different values.
fn distinct(values: impl Iterator<Item = f64>) -> usize {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.dedup();
    sorted.len()
}

/// Constant, linear and quadratic terms.
fn terms(x: &[f64]) -> Vec<f64> {
    let squares = (0..x.len()).flat_map(|i| (i..x.len()).map(move |j| x[i] * x[j]));
    std::iter::once(1.0).chain(x.iter().copied()).chain(squares).collect()
}

fn dot(coefs: &DVector<f64>, terms: &[f64]) -> f64 {
    coefs.iter().zip(terms).map(|(c, t)| c * t).sum()
}

/// Runs within a window of the lowest loss, where the lowest is the one that leaves a quadratic: a
/// single lucky run does not set it.
fn lowest(ln_loss: &[f64], window: f64, least: usize) -> Vec<bool> {
    let mut sorted = ln_loss.to_vec();
    sorted.sort_by(f64::total_cmp);
    within(ln_loss, sorted[least - 1] + window, least)
}

/// Rows below a limit, at least the `least` lowest.
fn within(values: &[f64], limit: f64, least: usize) -> Vec<bool> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let limit = limit.max(sorted[least - 1]);
    values.iter().map(|v| *v <= limit).collect()
}

/// The lowest run, where it is at an end of the grid.
fn edge_of_lowest(at: &[Vec<f64>], ln_loss: &[f64]) -> Option<CellProblem> {
    let best = (0..at.len()).min_by(|a, b| ln_loss[*a].total_cmp(&ln_loss[*b]))?;
    (0..at[best].len()).find_map(|j| {
        let x = at[best][j];
        let upper = at.iter().all(|row| row[j] <= x);
        let lower = at.iter().all(|row| row[j] >= x);
        (upper || lower).then_some(CellProblem::Edge { batch: j == 1, upper })
    })
}

/// The quadratic through the rows `near`; `None` where it has no minimum.
fn fit(at: &[Vec<f64>], ln_loss: &[f64], near: &[bool], k: usize) -> Option<Quadratic> {
    let rows: Vec<usize> = (0..at.len()).filter(|i| near[*i]).collect();
    let all: Vec<Vec<f64>> = rows.iter().map(|i| terms(&at[*i])).collect();
    let p = all.first()?.len();
    // Two values of a variable leave its curvature open.
    if (0..k).any(|j| distinct(rows.iter().map(|i| at[*i][j])) < 3) {
        return None;
    }
    let design = DMatrix::from_fn(rows.len(), p, |i, j| all[i][j]);
    let y = DVector::from_iterator(rows.len(), rows.iter().map(|i| ln_loss[*i]));
    let mut weights = vec![1.0; rows.len()];
    let (mut coefs, mut inverse, mut sd) = (DVector::zeros(p), DMatrix::zeros(p, p), 0.0);
    for _ in 0..REWEIGHTS {
        let weighted = DMatrix::from_fn(rows.len(), p, |i, j| weights[i] * design[(i, j)]);
        inverse = (design.transpose() * &weighted).try_inverse()?;
        coefs = &inverse * (weighted.transpose() * &y);
        let residuals = &y - &design * &coefs;
        let sizes: Vec<f64> = residuals.iter().map(|r| r.abs()).collect();
        // The median of n residuals of p coefficients is too small.
        let freedom = match rows.len() - p {
            0 => f64::NAN,
            spare => (rows.len() as f64 / spare as f64).sqrt(),
        };
        sd = 1.4826 * median(&sizes) * freedom;
        // An exact fit leaves nothing to weigh.
        if sd.is_nan() || sd < 1e-14 {
            break;
        }
        for (w, r) in weights.iter_mut().zip(&sizes) {
            *w = (BAND * sd / r.max(1e-300)).min(1.0);
        }
    }
    let gradient = coefs.rows(1, k).clone_owned();
    let mut hessian = DMatrix::zeros(k, k);
    let mut term = 1 + k;
    for i in 0..k {
        for j in i..k {
            hessian[(i, j)] += coefs[term];
            hessian[(j, i)] += coefs[term];
            term += 1;
        }
    }
    let turned = hessian.clone().cholesky()?.inverse();
    let optimum = -(&turned * &gradient);
    let lowest = coefs[0] + 0.5 * gradient.dot(&optimum);
    // How the optimum moves with each coefficient: -H^-1 (d gradient + d H optimum).
    let mut moves = DMatrix::zeros(k, p);
    let mut set = |term: usize, by: DVector<f64>| moves.set_column(term, &-(&turned * by));
    let unit = |i: usize, x: f64| DVector::from_fn(k, |row, _| if row == i { x } else { 0.0 });
    for i in 0..k {
        set(1 + i, unit(i, 1.0));
    }
    let mut term = 1 + k;
    for i in 0..k {
        for j in i..k {
            set(term, unit(i, optimum[j]) + unit(j, optimum[i]));
            term += 1;
        }
    }
    let covariance = &moves * inverse * moves.transpose();
    let errors = (0..k).map(|i| sd * covariance[(i, i)].max(0.0).sqrt()).collect();
    Some(Quadratic { coefs, optimum, lowest, errors })
}
