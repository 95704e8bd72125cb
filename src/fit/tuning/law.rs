//! Power laws of the best learning rate and batch in N and D.

use std::collections::BTreeMap;

use nalgebra::{DMatrix, DVector};
use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::cell::{RefusedCell, TunedCell, optimum};
use crate::data::{BatchUnit, TuningRun, TuningTable};
use crate::error::FitError;
use crate::fit::limits;
use crate::num::{Interval, stream};
use crate::units::{ParamRule, Params, Tokens};

/// Settings of [`fit_tuning`].
///
/// | field | default | range | purpose |
/// |---|---|---|---|
/// | `bootstrap` | 2000 | 0 or >= 20 | resamples of the laws' residuals |
/// | `seed` | 0 | | seed of the resamples |
/// | `level` | 0.95 | 0.5..0.999 | level of the intervals |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TuningConfig {
    /// Resamples; 0 for none.
    pub bootstrap: usize,
    /// Seed of the resamples.
    pub seed: u64,
    /// Level of the intervals.
    pub level: f64,
}

impl Default for TuningConfig {
    fn default() -> Self {
        Self { bootstrap: 2000, seed: 0, level: 0.95 }
    }
}

/// ln y = ln k + a ln N + b ln D, for the best learning rate or batch y.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuningLaw {
    /// ln k: the logarithm of the law at one parameter and one token.
    pub ln_factor: f64,
    /// a; absent where N is not in the law.
    pub n_exponent: Option<f64>,
    /// b; absent where D is not in the law.
    pub d_exponent: Option<f64>,
    /// Percentile intervals by the names of the fields.
    pub intervals: BTreeMap<String, Interval>,
    /// Standard deviation of the logarithm of a cell's optimum around the law.
    pub residual_sd: f64,
    /// Cells fitted.
    pub cells: usize,
    #[serde(skip)]
    draws: Vec<[f64; 3]>,
}

/// The laws of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuningFit {
    /// Law of the best learning rate in N and D, as far as they vary.
    pub lr: TuningLaw,
    /// Law of the best batch in D, as Step Law has it; in N where D does not vary.
    pub batch: Option<TuningLaw>,
    /// The same with N beside D, to see whether the batch depends on it.
    pub batch_with_n: Option<TuningLaw>,
    /// What batches are counted in.
    pub batch_unit: BatchUnit,
    /// Which parameters N counts.
    pub params: ParamRule,
    /// The optimum of each cell, at the middle window.
    pub cells: Vec<TunedCell>,
    /// Cells without one.
    pub refused: Vec<RefusedCell>,
    /// Level of the intervals.
    pub level: f64,
}

/// How far above its lowest loss a cell's runs count, as shares of the loss. A narrow window has few
/// runs and much noise, a wide one a valley that is no quadratic, steeper towards large rates. The
/// estimate is that of the middle one; the draws of all three, and of the law through the lowest run of
/// each cell, are pooled, so that an interval carries what the choice is worth.
const WINDOWS: [f64; 3] = [0.005, 0.01, 0.02];
const MIDDLE: usize = 1;

/// Fits the laws of the best learning rate and batch.
///
/// Each cell, the runs of one N and D, gives its optimum by a quadratic of ln L in ln lr and ln batch;
/// power laws go through the optima by least squares of their logarithms. Draws are resampled residuals
/// of the laws, times sqrt(n / (n - p)), so they hold what the cells scatter whatever the reason.
///
/// Source: Li et al. 2025 (Step Law), arXiv:2503.04715, for the form: lr in N and D, batch in D. Differs
/// from it: they take the lowest run of a cell.
///
/// # Errors
/// [`FitError::FewCells`] without four cells that have an optimum, or where neither N nor D varies
/// among them, or a setting out of its range.
pub fn fit_tuning(table: &TuningTable, config: &TuningConfig) -> Result<TuningFit, FitError> {
    limits::bootstrap(config.bootstrap)?;
    limits::level(config.level)?;
    let cells = cells_of(&table.runs);
    let tuned = |window: f64| {
        let (mut found, mut refused) = (Vec::new(), Vec::new());
        for runs in &cells {
            match optimum(runs, window) {
                Ok(cell) => found.push(cell),
                Err(problem) => {
                    let (n, d, runs) = (runs[0].n, runs[0].d, runs.len());
                    refused.push(RefusedCell { n, d, runs, problem });
                }
            }
        }
        (found, refused)
    };
    let by_window: Vec<Vec<TunedCell>> = WINDOWS.iter().map(|w| tuned(*w).0).collect();
    let (found, refused) = tuned(WINDOWS[MIDDLE]);
    let terms = Terms::of(&found);
    if let Some(wanted) = terms.lack(found.len()) {
        let (sizes, tokens) = (terms.sizes, terms.tokens);
        let (usable, cells) = (found.len(), cells.len());
        let first = refused.first().map(ToString::to_string);
        return Err(FitError::FewCells { usable, cells, sizes, tokens, wanted, first });
    }
    let law = |target: Target, with: [bool; 2], salt: u64| {
        TuningLaw::of(&by_window, target, with, config, salt)
    };
    let rate = law(Target::Rate, [terms.n, terms.d], 0);
    let of_batch = if terms.d { [false, true] } else { [true, false] };
    let batch = law(Target::Batch, of_batch, 1);
    let both = terms.n && terms.d;
    let batch_with_n = both.then(|| law(Target::Batch, [true, true], 2)).flatten();
    let Some(lr) = rate else {
        let (usable, cells, sizes, tokens) = (found.len(), cells.len(), terms.sizes, terms.tokens);
        let (wanted, first) = (ON_A_LINE, None);
        return Err(FitError::FewCells { usable, cells, sizes, tokens, wanted, first });
    };
    Ok(TuningFit {
        lr,
        batch,
        batch_with_n,
        batch_unit: table.batch_unit,
        params: table.params,
        cells: found,
        refused,
        level: config.level,
    })
}

const ON_A_LINE: &str =
    "cells whose N and D do not lie on one line in the logarithms: give a size two token counts";

/// Runs by (N, D), in order of N and then of D.
fn cells_of(runs: &[TuningRun]) -> Vec<Vec<TuningRun>> {
    let mut sorted = runs.to_vec();
    let key = |run: &TuningRun| (run.n.get(), run.d.get());
    sorted.sort_by(|a, b| {
        let ((n1, d1), (n2, d2)) = (key(a), key(b));
        n1.total_cmp(&n2).then(d1.total_cmp(&d2))
    });
    sorted.chunk_by(|a, b| key(a) == key(b)).map(<[TuningRun]>::to_vec).collect()
}

/// What varies among the cells.
struct Terms {
    sizes: usize,
    tokens: usize,
    n: bool,
    d: bool,
}

impl Terms {
    fn of(cells: &[TunedCell]) -> Self {
        let distinct = |values: Vec<f64>| {
            let mut values = values;
            values.sort_by(f64::total_cmp);
            values.dedup();
            values.len()
        };
        let sizes = distinct(cells.iter().map(|c| c.n.get()).collect());
        let tokens = distinct(cells.iter().map(|c| c.d.get()).collect());
        Self { sizes, tokens, n: sizes > 1, d: tokens > 1 }
    }

    /// What is missing for a law.
    fn lack(&self, cells: usize) -> Option<&'static str> {
        if cells == 0 {
            Some("at least four cells with an optimum")
        } else if !self.n && !self.d {
            Some("cells of several N or D")
        } else if self.n && self.d && cells < 5 {
            Some("at least five cells: three coefficients, and two more to see how far it holds")
        } else if cells < 4 {
            Some("at least four cells")
        } else {
            None
        }
    }
}

/// What a law is of.
#[derive(Clone, Copy)]
enum Target {
    Rate,
    Batch,
}

impl Target {
    /// Its logarithm at the optimum of a cell, or at the lowest run.
    fn of(self, cell: &TunedCell, lowest: bool) -> Option<f64> {
        match (self, lowest) {
            (Self::Rate, false) => Some(cell.lr.ln()),
            (Self::Rate, true) => Some(cell.lowest_lr.ln()),
            (Self::Batch, false) => cell.batch.map(f64::ln),
            (Self::Batch, true) => cell.lowest_batch.map(f64::ln),
        }
    }
}

/// A least-squares line through cells, in centred logarithms.
struct Line {
    design: DMatrix<f64>,
    solver: DMatrix<f64>,
    coefs: DVector<f64>,
    residuals: DVector<f64>,
}

impl Line {
    /// `None` below two more cells than coefficients, or where the terms are not independent.
    fn of(
        cells: &[TunedCell],
        target: impl Fn(&TunedCell) -> Option<f64>,
        with: [bool; 2],
    ) -> Option<Self> {
        let rows: Vec<(Vec<f64>, f64)> = cells
            .iter()
            .filter_map(|cell| {
                let ln = [cell.n.get().ln(), cell.d.get().ln()];
                let used = ln.iter().zip(with).filter(|(_, used)| *used).map(|(x, _)| *x);
                Some((std::iter::once(1.0).chain(used).collect(), target(cell)?))
            })
            .collect();
        let p = 1 + with.iter().filter(|w| **w).count();
        if rows.len() < p + 2 {
            return None;
        }
        let design = DMatrix::from_fn(rows.len(), p, |i, j| rows[i].0[j]);
        let y = DVector::from_iterator(rows.len(), rows.iter().map(|row| row.1));
        // Centred columns tell whether the terms are independent.
        let mut centred = design.columns(1, p - 1).clone_owned();
        for mut column in centred.column_iter_mut() {
            let mean = column.mean();
            column.add_scalar_mut(-mean);
        }
        let singular = centred.singular_values();
        if singular.min() <= 1e-3 * singular.max() {
            return None;
        }
        let solver = design.clone().pseudo_inverse(1e-12).ok()?;
        let coefs = &solver * &y;
        let residuals = &y - &design * &coefs;
        Some(Self { design, solver, coefs, residuals })
    }

    /// Residuals are smaller than errors by this factor.
    fn inflation(&self) -> f64 {
        let (n, p) = (self.design.nrows() as f64, self.design.ncols() as f64);
        (n / (n - p)).sqrt()
    }

    fn draw(&self, rng: &mut crate::num::Stream) -> DVector<f64> {
        let n = self.residuals.len();
        let scale = self.inflation();
        let noise = DVector::from_fn(n, |_, _| scale * self.residuals[rng.random_range(0..n)]);
        &self.coefs + &self.solver * noise
    }

    /// ln k, a and b of coefficients; zero for what is not in the law.
    fn spread(coefs: &DVector<f64>, with: [bool; 2]) -> [f64; 3] {
        let mut rest = coefs.iter().skip(1).copied();
        let mut next = |used: bool| if used { rest.next().unwrap_or(0.0) } else { 0.0 };
        [coefs[0], next(with[0]), next(with[1])]
    }
}

impl TuningLaw {
    fn of(
        by_window: &[Vec<TunedCell>],
        target: Target,
        with: [bool; 2],
        config: &TuningConfig,
        salt: u64,
    ) -> Option<Self> {
        let middle = &by_window[MIDDLE];
        let line = Line::of(middle, |cell| target.of(cell, false), with)?;
        let lines: Vec<Line> = by_window
            .iter()
            .filter_map(|cells| Line::of(cells, |cell| target.of(cell, false), with))
            .chain(Line::of(middle, |cell| target.of(cell, true), with))
            .collect();
        let mut rng = stream(config.seed, salt);
        let draws: Vec<[f64; 3]> = (0..config.bootstrap)
            .map(|k| Line::spread(&lines[k % lines.len()].draw(&mut rng), with))
            .collect();
        let [ln_factor, n, d] = Line::spread(&line.coefs, with);
        let named = [("ln_factor", true), ("n_exponent", with[0]), ("d_exponent", with[1])];
        let intervals = named
            .iter()
            .enumerate()
            .filter(|(_, (_, used))| *used)
            .filter_map(|(i, (name, _))| {
                let sample: Vec<f64> = draws.iter().map(|draw| draw[i]).collect();
                Some(((*name).to_owned(), Interval::percentile(&sample, config.level)?))
            })
            .collect();
        let squares = line.residuals.norm_squared();
        let freedom = (line.design.nrows() - line.design.ncols()) as f64;
        Some(Self {
            ln_factor,
            n_exponent: with[0].then_some(n),
            d_exponent: with[1].then_some(d),
            intervals,
            residual_sd: (squares / freedom).sqrt(),
            cells: line.design.nrows(),
            draws,
        })
    }

    /// The best value at N and D.
    #[must_use]
    pub fn at(&self, n: Params, d: Tokens) -> f64 {
        let (a, b) = (self.n_exponent.unwrap_or(0.0), self.d_exponent.unwrap_or(0.0));
        (self.ln_factor + a * n.get().ln() + b * d.get().ln()).exp()
    }

    /// Where the best value at N and D is, at `level`; `None` without draws.
    #[must_use]
    pub fn interval_at(&self, n: Params, d: Tokens, level: f64) -> Option<Interval> {
        let (ln_n, ln_d) = (n.get().ln(), d.get().ln());
        let sample: Vec<f64> =
            self.draws.iter().map(|[k, a, b]| (k + a * ln_n + b * ln_d).exp()).collect();
        Interval::percentile(&sample, level)
    }
}
