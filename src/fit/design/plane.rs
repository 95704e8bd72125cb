//! How the runs lie in the (N, D) plane, and what repeats at one place show of the noise of seeds.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF, FisherSnedecor};

use crate::data::RunTable;
use crate::law::Range;
use crate::num::{Interval, mean, median};

/// Cells per side of the grid in which runs are counted.
const SIDE: usize = 4;

/// Where the runs lie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plane {
    /// Different model sizes, to a hundredth of a percent.
    pub sizes: usize,
    /// Different token counts.
    #[serde(rename = "lengths")]
    pub token_counts: usize,
    /// Largest over smallest N.
    pub n_span: f64,
    /// Largest over smallest D.
    pub d_span: f64,
    /// Largest over smallest D/N.
    pub ratio_span: f64,
    /// Of the 16 cells of a 4 by 4 grid over the ranges of ln N and ln D/N, those that hold runs.
    pub cells_filled: usize,
}

/// The coverage of the plane; `None` without runs.
#[must_use]
pub fn coverage(table: &RunTable) -> Option<Plane> {
    let ln_n: Vec<f64> = table.runs.iter().map(|r| r.n.ln()).collect();
    let ratio: Vec<f64> = table.runs.iter().map(|r| (r.d / r.n).ln()).collect();
    let distinct = |x: &mut dyn Iterator<Item = f64>| -> usize {
        x.map(|x| (x * 1e4).round() as i64).collect::<BTreeSet<_>>().len()
    };
    let range = |x: &[f64]| Range::of(x.iter().copied());
    let ln_d: Vec<f64> = table.runs.iter().map(|r| r.d.ln()).collect();
    let (n, d, m) = (range(&ln_n)?, range(&ln_d)?, range(&ratio)?);
    let cell = |x: f64, r: Range| {
        let share = if r.hi > r.lo { (x - r.lo) / (r.hi - r.lo) } else { 0.0 };
        ((share * SIDE as f64) as usize).min(SIDE - 1)
    };
    let cells: BTreeSet<(usize, usize)> =
        ln_n.iter().zip(&ratio).map(|(x, y)| (cell(*x, n), cell(*y, m))).collect();
    let span = |r: Range| (r.hi - r.lo).exp();
    Some(Plane {
        sizes: distinct(&mut ln_n.iter().copied()),
        token_counts: distinct(&mut ln_d.iter().copied()),
        n_span: span(n),
        d_span: span(d),
        ratio_span: span(m),
        cells_filled: cells.len(),
    })
}

/// How far runs at one N and D scatter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Repeats {
    /// Places with at least two runs.
    pub cells: usize,
    /// Runs there.
    pub runs: usize,
    /// Pooled standard deviation of ln loss within a place.
    pub sd: f64,
    /// Its interval under normal errors, by chi squared.
    pub interval: Interval,
}

/// The scatter of repeats; `None` when no two runs share N, D and setting.
///
/// - `level`: of the interval, for example 0.95.
#[must_use]
pub fn repeats(table: &RunTable, level: f64) -> Option<Repeats> {
    pooled(&cells(table, None), level)
}

/// Logarithms of the losses at each place with several runs, and which runs these are.
struct Cell {
    ln_loss: Vec<f64>,
    runs: Vec<usize>,
}

impl Cell {
    /// Sum of squares about the mean.
    fn squares(&self) -> f64 {
        let centre = mean(&self.ln_loss);
        self.ln_loss.iter().map(|x| (x - centre).powi(2)).sum()
    }

    fn freedom(&self) -> f64 {
        (self.runs.len() - 1) as f64
    }
}

/// Places with several runs; where a column says which kind a run is, only runs of one kind repeat.
fn cells(table: &RunTable, kind: Option<&str>) -> Vec<Cell> {
    let key = |i: usize| {
        let run = &table.runs[i];
        (run.cell(), kind.and_then(|column| run.labels.get(column)).map(ToString::to_string))
    };
    // Most places have one run: of those only a hash is kept.
    let hash = |i: usize| {
        let mut hasher = DefaultHasher::new();
        key(i).hash(&mut hasher);
        hasher.finish()
    };
    let mut order: Vec<(u64, usize)> = (0..table.runs.len()).map(|i| (hash(i), i)).collect();
    order.sort_unstable();
    let mut cells: BTreeMap<([u64; 10], Option<String>), Cell> = BTreeMap::new();
    for alike in order.chunk_by(|a, b| a.0 == b.0).filter(|alike| alike.len() > 1) {
        for (_, i) in alike {
            let empty = || Cell { ln_loss: Vec::new(), runs: Vec::new() };
            let cell = cells.entry(key(*i)).or_insert_with(empty);
            cell.ln_loss.push(table.runs[*i].loss_nats.ln());
            cell.runs.push(*i);
        }
    }
    cells.into_values().filter(|cell| cell.runs.len() >= 2).collect()
}

fn pooled(cells: &[Cell], level: f64) -> Option<Repeats> {
    let within: f64 = cells.iter().map(Cell::squares).sum();
    let runs: usize = cells.iter().map(|c| c.runs.len()).sum();
    let freedom = runs.checked_sub(cells.len()).filter(|f| *f > 0)? as f64;
    let chi = ChiSquared::new(freedom).ok()?;
    let tail = 0.5 * (1.0 - level);
    let end = |p: f64| (within / chi.inverse_cdf(p)).sqrt();
    Some(Repeats {
        cells: cells.len(),
        runs,
        sd: (within / freedom).sqrt(),
        interval: Interval { lo: end(1.0 - tail), hi: end(tail) },
    })
}

/// Probability of a cell this scattered by chance, over all cells, below which one of its runs is off.
const ODD: f64 = 1e-3;

/// Takes out the cells whose scatter is far above that of the others, since one run that went wrong is
/// no noise of seeds; the scale they are judged by is the median over the cells.
fn without_odd(cells: Vec<Cell>) -> (Vec<Cell>, Vec<Cell>) {
    const FEWEST: usize = 4;
    if cells.len() < FEWEST {
        return (cells, Vec::new());
    }
    let scaled = |cell: &Cell| {
        let half = ChiSquared::new(cell.freedom()).map_or(1.0, |chi| chi.inverse_cdf(0.5));
        cell.squares() / half
    };
    let typical = median(&cells.iter().map(scaled).collect::<Vec<f64>>());
    let allowed = ODD / cells.len() as f64;
    cells.into_iter().partition(|cell| {
        let p = ChiSquared::new(cell.freedom()).map_or(1.0, |chi| chi.sf(cell.squares() / typical));
        typical <= 0.0 || p > allowed
    })
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature serde calls")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Seed noise beside the residuals of a fit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedNoise {
    /// Places with at least two runs.
    pub cells: usize,
    /// Runs there.
    pub runs: usize,
    /// Pooled standard deviation of ln loss within a place.
    pub sd: f64,
    /// Its interval under normal errors, by chi squared.
    pub interval: Interval,
    /// Places left out because one of their runs went wrong.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub odd_cells: usize,
    /// Probability of residuals this large if the law were right and only seeds scattered (F test of
    /// lack of fit); small means that the law, not the noise, is off.
    pub lack_of_fit_p: f64,
}

/// Seed noise from repeats; `None` when no two runs share N, D and setting. Cells in which a run went
/// wrong are left out of the noise and of the test.
///
/// - `residuals`: ln(predicted) - ln(observed) of the fit, by run.
/// - `coefs`: free coefficients p of the fit.
/// - `kind`: a column whose values are kinds of runs, which do not repeat each other.
pub(crate) fn seed_noise(
    table: &RunTable,
    residuals: &[f64],
    coefs: usize,
    kind: Option<&str>,
    level: f64,
) -> Option<SeedNoise> {
    let (kept, odd) = without_odd(cells(table, kind));
    let Repeats { cells, runs, sd, interval } = pooled(&kept, level)?;
    let out: BTreeSet<usize> = odd.iter().flat_map(|cell| cell.runs.iter().copied()).collect();
    let tested = (0..residuals.len()).filter(|i| !out.contains(i));
    let squares: f64 = tested.clone().map(|i| residuals[i] * residuals[i]).sum();
    let freedom = tested.count().saturating_sub(coefs);
    let pure = runs - cells;
    let within = sd * sd * pure as f64;
    let lack = freedom.saturating_sub(pure);
    let lack_of_fit_p = match FisherSnedecor::new(lack as f64, pure as f64) {
        Ok(fisher) if within > 0.0 => {
            fisher.sf(((squares - within).max(0.0) / lack as f64) / (within / pure as f64))
        }
        _ => 1.0,
    };
    Some(SeedNoise { cells, runs, sd, interval, odd_cells: odd.len(), lack_of_fit_p })
}
