//! Every way tested where the answer is known: on budgets that it was not given.

use serde::{Deserialize, Serialize};

use super::request::GainConfig;
use super::row::Row;
use super::way::{Asked, Attempt, Side, Way, take_quickly};
use crate::error::Result;
use crate::law::Law;
use crate::units::Flops;

/// A multiplier predicted from smaller budgets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOutGain {
    /// The largest budget of either recipe that was fitted.
    pub fitted_to_flops: Flops,
    /// Training FLOPs of B.
    pub flops: Flops,
    /// What was measured there.
    pub measured: f64,
    /// What was predicted; absent for infinite.
    pub predicted: Option<f64>,
    /// Whether the prediction is inside the interval of the measurement, or off by a tenth.
    pub agrees: bool,
}

/// The predictions of one way.
#[derive(Clone, Debug)]
pub(super) struct Tested {
    pub(super) way: Way,
    pub(super) law: Option<&'static str>,
    pub(super) tests: Vec<HeldOutGain>,
}

/// Most an error counts: a way that says infinite is wrong by a factor of a hundred.
const MOST: f64 = 4.605_170_185_988_092; // ln 100

impl Tested {
    /// Mean of |ln(predicted / measured)|; `None` without a test.
    pub(super) fn error(&self) -> Option<f64> {
        let off = |test: &HeldOutGain| match test.predicted {
            Some(predicted) => (predicted / test.measured).ln().abs().min(MOST),
            None => MOST,
        };
        let count = self.tests.len() as f64;
        (!self.tests.is_empty()).then(|| self.tests.iter().map(off).sum::<f64>() / count)
    }
}

/// Gives every way the budgets up to one and asks for the measured multipliers beyond it, for each
/// budget with at least three below it in both recipes, or two where there are no more.
///
/// - `rows`: what was measured on all budgets.
///
/// # Errors
/// [`FitError::Stopped`](crate::error::FitError::Stopped).
pub(super) fn held_out(
    [a, b]: [&Side<'_>; 2],
    rows: &[Row],
    laws: &[&'static dyn Law],
    config: &GainConfig,
) -> Result<Vec<Tested>> {
    let mut all: Vec<Tested> = Vec::new();
    for cut in cuts(a, b, rows) {
        let (a, b) = (a.up_to(cut), b.up_to(cut));
        for Attempt { way, law, taken } in take_quickly([&a, &b], laws, config)? {
            // A law without a proven minimum says nothing that could be held against it.
            let Some(taken) = taken.ok().filter(|taken| taken.certified()) else { continue };
            let tests: Vec<HeldOutGain> = rows
                .iter()
                .filter(|row| is_beyond(row, cut))
                .filter_map(|row| {
                    let ln_m = taken.ln_multiplier(&Asked::from(&row.reading))?;
                    Some(HeldOutGain {
                        fitted_to_flops: cut,
                        flops: Flops::new(row.reading.ln_c_b.exp()),
                        measured: row.reading.ln_multiplier().exp(),
                        predicted: Some(ln_m.exp()).filter(|m| m.is_finite()),
                        agrees: row.agrees(ln_m, config.fit.level),
                    })
                })
                .collect();
            match all.iter_mut().find(|t| t.way == way && t.law == law) {
                Some(tested) => tested.tests.extend(tests),
                None => all.push(Tested { way, law, tests }),
            }
        }
    }
    Ok(all)
}

/// Whether either recipe was given no budget as large as the row's.
fn is_beyond(row: &Row, cut: Flops) -> bool {
    let most = row.reading.ln_c_a.max(row.reading.ln_c_b);
    most > (1.04 * cut.get()).ln()
}

/// The budgets up to which ways are given runs.
fn cuts(a: &Side<'_>, b: &Side<'_>, rows: &[Row]) -> Vec<Flops> {
    let (Some(fa), Some(fb)) = (&a.frontier, &b.frontier) else { return Vec::new() };
    let mut budgets: Vec<f64> = fa.points.iter().chain(&fb.points).map(|p| p.c.get()).collect();
    budgets.sort_by(f64::total_cmp);
    budgets.dedup_by(|x, y| *x < 1.04 * *y);
    let with = |least: usize| -> Vec<Flops> {
        let enough = |c: &Flops| {
            [fa, fb].iter().all(|f| f.up_to(*c).is_some_and(|f| f.points.len() >= least))
        };
        let asked = |c: &Flops| rows.iter().any(|row| is_beyond(row, *c));
        budgets.iter().map(|c| Flops::new(*c)).filter(enough).filter(asked).collect()
    };
    let three = with(3);
    if three.is_empty() { with(2) } else { three }
}
