//! How the runs lie in the (N, D) plane, and what repeats at one place show of the noise of seeds.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF, FisherSnedecor};

use crate::data::{RunRecord, RunTable};
use crate::law::Range;
use crate::num::{Interval, mean};

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
    let mut cells: BTreeMap<[u64; 10], Vec<f64>> = BTreeMap::new();
    for run in &table.runs {
        cells.entry(place(run)).or_default().push(run.loss_nats.ln());
    }
    let repeats: Vec<&Vec<f64>> = cells.values().filter(|c| c.len() >= 2).collect();
    let within: f64 = repeats
        .iter()
        .map(|c| {
            let centre = mean(c);
            c.iter().map(|x| (x - centre).powi(2)).sum::<f64>()
        })
        .sum();
    let runs: usize = repeats.iter().map(|c| c.len()).sum();
    let freedom = runs.checked_sub(repeats.len()).filter(|f| *f > 0)? as f64;
    let chi = ChiSquared::new(freedom).ok()?;
    let tail = 0.5 * (1.0 - level);
    let end = |p: f64| (within / chi.inverse_cdf(p)).sqrt();
    Some(Repeats {
        cells: repeats.len(),
        runs,
        sd: (within / freedom).sqrt(),
        interval: Interval { lo: end(1.0 - tail), hi: end(tail) },
    })
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
    /// Probability of residuals this large if the law were right and only seeds scattered (F test of
    /// lack of fit); small means that the law, not the noise, is off.
    pub lack_of_fit_p: f64,
}

/// N and D to a hundredth of a percent and the setting: runs with the same are repeats.
fn place(run: &RunRecord) -> [u64; 10] {
    let s = &run.setting;
    let rounded = |x: f64| ((x * 1e4).round() as i64).cast_unsigned();
    let bits = |x: Option<f64>| x.map_or(u64::MAX, f64::to_bits);
    [
        rounded(run.n.ln()),
        rounded(run.d.ln()),
        s.unique.map_or(u64::MAX, |u| rounded(u.ln())),
        s.experts.to_bits(),
        s.granularity.to_bits(),
        s.sparsity.to_bits(),
        bits(s.weight_bits),
        bits(s.activation_bits),
        bits(s.kv_bits),
        bits(s.served_bits),
    ]
}

/// Seed noise from repeats; `None` when no two runs share N, D and setting.
///
/// - `squares`, `freedom`: sum of squared log residuals of the fit and n - p.
pub(crate) fn seed_noise(
    table: &RunTable,
    squares: f64,
    freedom: usize,
    level: f64,
) -> Option<SeedNoise> {
    let Repeats { cells, runs, sd, interval } = repeats(table, level)?;
    let pure = runs - cells;
    let within = sd * sd * pure as f64;
    let lack = freedom.saturating_sub(pure);
    let lack_of_fit_p = match FisherSnedecor::new(lack as f64, pure as f64) {
        Ok(fisher) if within > 0.0 => {
            fisher.sf(((squares - within).max(0.0) / lack as f64) / (within / pure as f64))
        }
        _ => 1.0,
    };
    Some(SeedNoise { cells, runs, sd, interval, lack_of_fit_p })
}
