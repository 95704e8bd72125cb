//! The ways a compute multiplier can be had, each as something that answers at a budget.

use std::borrow::Cow;
use std::fmt;

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::joined::{Sharing, fit_joined};
use super::measured::Frontier;
use super::pair::{LawPair, ln_flops_for_loss};
use super::pairs::{Pair, drawn_means, means, pairs};
use super::read_off::{Reading, read_off};
use super::request::GainConfig;
use crate::data::{RunRecord, RunTable};
use crate::error::{Error, FitError, Result};
use crate::fit::config::{FitConfig, ProfileOf};
use crate::fit::design::unspoken;
use crate::fit::fitted::Fit;
use crate::fit::progress::{OnProgress, ignore};
use crate::fit::runs::fit_with_progress;
use crate::law::{Law, Surface};
use crate::num::stream;
use crate::units::Flops;

/// A way of having a compute multiplier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// The lowest losses by budget, read off each other. No law; nothing beyond both recipes' runs.
    Measured,
    /// One law whose exponents and floor both share: the gain splits into parameters and tokens.
    SharedExponents,
    /// Two laws with one floor.
    SharedFloor,
    /// Two laws that share nothing.
    SeparateLaws,
    /// A law of A, and single runs of B.
    SingleRuns,
    /// Runs of both in one cell, along the frontier of A's law.
    PairedRuns,
}

impl Way {
    /// Every way, simplest assumptions first.
    pub const ALL: [Self; 6] = [
        Self::Measured,
        Self::SharedExponents,
        Self::SharedFloor,
        Self::SeparateLaws,
        Self::SingleRuns,
        Self::PairedRuns,
    ];
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Measured => "measured losses",
            Self::SharedExponents => "shared exponents",
            Self::SharedFloor => "shared floor",
            Self::SeparateLaws => "separate laws",
            Self::SingleRuns => "law of A, runs of B",
            Self::PairedRuns => "paired runs",
        })
    }
}

/// Where a multiplier is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Asked {
    /// ln of B's training FLOPs.
    pub(super) ln_c_b: f64,
    /// ln of B's loss there, where it was measured.
    pub(super) ln_loss: Option<f64>,
}

impl From<&Reading> for Asked {
    fn from(reading: &Reading) -> Self {
        Self { ln_c_b: reading.ln_c_b, ln_loss: Some(reading.ln_loss) }
    }
}

/// A way on some runs.
pub(super) enum Taken {
    /// (ln C of B, ln multiplier) of each reading, smallest C first, and of each resample.
    Measured {
        rows: Vec<(f64, f64)>,
        draws: Vec<Vec<(f64, f64)>>,
    },
    Laws(Box<LawPair>),
    /// A's law with its draws and residuals.
    Singles {
        a: Box<Surface>,
        draws: Vec<Surface>,
        residuals: Vec<f64>,
    },
    /// Means by budget, and those of each resample.
    Pairs {
        pairs: Vec<Pair>,
        rows: Vec<(f64, f64)>,
        draws: Vec<Vec<(f64, f64)>>,
    },
}

impl Taken {
    /// ln multiplier; infinite where A never reaches the loss. `None` where the way has no answer.
    pub(super) fn ln_multiplier(&self, at: &Asked) -> Option<f64> {
        match self {
            Self::Measured { rows, .. } | Self::Pairs { rows, .. } => between(rows, at.ln_c_b),
            Self::Laws(pair) => pair.ln_multiplier(Flops::new(at.ln_c_b.exp())),
            Self::Singles { a, .. } => Some(ln_flops_for_loss(a, at.ln_loss?.exp()) - at.ln_c_b),
        }
    }

    /// That of every draw which has one.
    pub(super) fn drawn(&self, at: &Asked, seed: u64) -> Vec<f64> {
        match self {
            Self::Measured { draws, .. } | Self::Pairs { draws, .. } => {
                draws.iter().filter_map(|rows| between(rows, at.ln_c_b)).collect()
            }
            Self::Laws(pair) => pair.ln_multipliers(Flops::new(at.ln_c_b.exp())),
            Self::Singles { draws, residuals, .. } => {
                let Some(ln_loss) = at.ln_loss else { return Vec::new() };
                let drawn = |(k, a): (usize, &Surface)| {
                    let mut rng = stream(seed, k as u64);
                    let noise = residuals[rng.random_range(0..residuals.len())];
                    ln_flops_for_loss(a, (ln_loss + noise).exp()) - at.ln_c_b
                };
                draws.iter().enumerate().map(drawn).collect()
            }
        }
    }

    /// Whether its minima are certified; of a way without any, yes.
    pub(super) fn certified(&self) -> bool {
        match self {
            Self::Laws(pair) => pair.certified,
            _ => true,
        }
    }
}

/// Linear between rows of (x, y), level beyond them; `None` without a row.
fn between(rows: &[(f64, f64)], x: f64) -> Option<f64> {
    let (first, last) = (rows.first()?, rows.last()?);
    if x <= first.0 || x >= last.0 {
        return Some(if x <= first.0 { first.1 } else { last.1 });
    }
    let after = rows.partition_point(|row| row.0 < x);
    let ((x0, y0), (x1, y1)) = (rows[after - 1], rows[after]);
    Some(y0 + (y1 - y0) * (x - x0) / (x1 - x0))
}

/// What a recipe brings: its runs, its measured frontier and a law that was fitted before.
#[derive(Clone)]
pub(super) struct Side<'a> {
    pub(super) runs: Option<Cow<'a, RunTable>>,
    pub(super) frontier: Option<Frontier>,
    pub(super) fitted: Option<&'a Fit>,
}

impl Side<'_> {
    /// Its law.
    fn law(
        &self,
        law: &'static dyn Law,
        config: &FitConfig,
        progress: &OnProgress<'_>,
    ) -> Result<Option<Fit>> {
        match (self.fitted, &self.runs) {
            (Some(fit), _) => Ok(Some(fit.clone())),
            (None, Some(runs)) => fit_with_progress(law, runs, config, progress).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// The same up to a budget.
    pub(super) fn up_to(&self, c: Flops) -> Self {
        let runs = self.runs.as_ref().map(|table| {
            let near = |r: &&RunRecord| r.budget.unwrap_or(r.c).get() <= 1.04 * c.get();
            let kept = table.runs.iter().filter(near).cloned().collect();
            Cow::Owned(table.with_runs(kept))
        });
        let frontier = self.frontier.as_ref().and_then(|f| f.up_to(c));
        Self { runs, frontier, fitted: None }
    }
}

/// A way with what came of it, or why it cannot be taken.
pub(super) struct Attempt {
    pub(super) way: Way,
    /// Family id, of a way with laws.
    pub(super) law: Option<&'static str>,
    pub(super) taken: Tried<Taken>,
}

/// Something, or the reason why there is none.
type Tried<T> = std::result::Result<T, String>;

/// An error as a reason, unless the caller stopped the work.
fn tried<T>(result: Result<T>) -> Result<Tried<T>> {
    match result {
        Err(Error::Fit(FitError::Stopped)) => Err(FitError::Stopped.into()),
        Err(error) => Ok(Err(error.to_string())),
        Ok(value) => Ok(Ok(value)),
    }
}

/// Why a way takes runs that are not there.
const NO_RUNS: &str = "it takes the runs of both, not laws alone";

/// Every way on both recipes' runs.
///
/// # Errors
/// [`FitError::Stopped`] when `progress` says so; what else goes wrong is the reason why a way is not
/// taken.
pub(super) fn take(
    [a, b]: [&Side<'_>; 2],
    laws: &[&'static dyn Law],
    config: &GainConfig,
    progress: &OnProgress<'_>,
) -> Result<Vec<Attempt>> {
    let floor = config.floor;
    let mut config =
        FitConfig { profile: ProfileOf::None, extrapolation: false, ..config.fit.clone() };
    // Draw k of one recipe must not resample the rows that draw k of the other does.
    let seed_b = config.seed ^ (1 << 40);
    let mut all = vec![Attempt { way: Way::Measured, law: None, taken: measured(a, b) }];
    for &law in laws {
        config.fixed.clear();
        config.fixed.extend(floor.map(|e| (law.coefs()[0].name.to_owned(), e)));
        let config_b = FitConfig { seed: seed_b, ..config.clone() };
        let fit_a = tried(a.law(law, &config, progress))?.and_then(|f| f.ok_or(NO_RUNS.to_owned()));
        let fit_b =
            tried(b.law(law, &config_b, progress))?.and_then(|f| f.ok_or(NO_RUNS.to_owned()));
        let shared = |sharing| tried(joined(a, b, (law, sharing), floor, &config, progress));
        let ways = [
            (Way::SharedExponents, shared(Sharing::Exponents)?.and_then(|taken| taken)),
            (Way::SharedFloor, shared(Sharing::Floor)?.and_then(|taken| taken)),
            (Way::SeparateLaws, separate(&fit_a, &fit_b)),
            (Way::SingleRuns, singles(&fit_a)),
            (Way::PairedRuns, paired(a, b, &fit_a, &fit_b, config.seed)),
        ];
        let attempt = |(way, taken)| Attempt { way, law: Some(law.id()), taken };
        all.extend(ways.into_iter().map(attempt));
    }
    Ok(all)
}

/// The same without draws.
pub(super) fn take_quickly(
    sides: [&Side<'_>; 2],
    laws: &[&'static dyn Law],
    config: &GainConfig,
) -> Result<Vec<Attempt>> {
    let fit = FitConfig { bootstrap: 0, ..config.fit.clone() };
    take(sides, laws, &GainConfig { fit, ..config.clone() }, &ignore)
}

fn joined(
    a: &Side<'_>,
    b: &Side<'_>,
    (law, sharing): (&'static dyn Law, Sharing),
    floor: Option<f64>,
    config: &FitConfig,
    progress: &OnProgress<'_>,
) -> Result<Tried<Taken>> {
    let (Some(a), Some(b)) = (&a.runs, &b.runs) else { return Ok(Err(NO_RUNS.to_owned())) };
    let both = a.with_runs(a.runs.iter().chain(&b.runs).cloned().collect());
    if let Some(quantity) = unspoken(law, &both) {
        return Ok(Err(format!(
            "`{}` says nothing of {quantity}, in which the runs differ",
            law.id()
        )));
    }
    let pair = fit_joined(law, sharing, [a, b], config, floor, progress)?;
    Ok(pair.map(|pair| Taken::Laws(Box::new(pair))).ok_or_else(|| {
        format!("`{}` with parameters and tokens worth more by a factor is another law", law.id())
    }))
}

fn separate(a: &Tried<Fit>, b: &Tried<Fit>) -> Tried<Taken> {
    let (a, b) = (a.as_ref().map_err(Clone::clone)?, b.as_ref().map_err(Clone::clone)?);
    Ok(Taken::Laws(Box::new(LawPair::of_fits(a, b))))
}

fn singles(a: &Tried<Fit>) -> Tried<Taken> {
    let a = a.as_ref().map_err(Clone::clone)?;
    let (draws, residuals) = (a.ensemble().draws, a.residuals.clone());
    Ok(Taken::Singles { a: Box::new(a.surface.clone()), draws, residuals })
}

fn measured(a: &Side<'_>, b: &Side<'_>) -> Tried<Taken> {
    let (Some(a), Some(b)) = (&a.frontier, &b.frontier) else {
        let wanted =
            "it takes two budgets of each with a bracketed profile, or runs along one ladder";
        return Err(wanted.to_owned());
    };
    let rows = |readings: Vec<Option<Reading>>| {
        let mut rows: Vec<(f64, f64)> =
            readings.into_iter().flatten().map(|r| (r.ln_c_b, r.ln_multiplier())).collect();
        rows.sort_by(|x, y| x.0.total_cmp(&y.0));
        rows
    };
    let draws = a.curves().zip(b.curves()).map(|(a, b)| rows(read_off(&a, &b))).collect();
    let rows = rows(read_off(&a.curve(), &b.curve()));
    match rows.is_empty() {
        true => Err("neither reached a loss of the other".to_owned()),
        false => Ok(Taken::Measured { rows, draws }),
    }
}

fn paired(
    a: &Side<'_>,
    b: &Side<'_>,
    fit_a: &Tried<Fit>,
    fit_b: &Tried<Fit>,
    seed: u64,
) -> Tried<Taken> {
    let (Some(a_runs), Some(b_runs)) = (&a.runs, &b.runs) else { return Err(NO_RUNS.to_owned()) };
    let law = fit_a.as_ref().map_err(Clone::clone)?;
    let pairs = pairs(a_runs, b_runs, (law, fit_b.as_ref().ok()));
    if pairs.is_empty() {
        return Err("no run of either has the N, D and seed of one of the other".to_owned());
    }
    let rows = means(&pairs, &law.surface);
    let draws = drawn_means(&pairs, &law.ensemble().draws, seed);
    match rows.is_empty() {
        true => Err("A's law never reaches the losses of the pairs".to_owned()),
        false => Ok(Taken::Pairs { pairs, rows, draws }),
    }
}
