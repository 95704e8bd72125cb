//! From fits of the nearer runs and rival laws to a rate and a verdict.

use super::extrapolation::{Extrapolation, NearerFit};
use super::folds::{NearerRuns, nearer_fits};
use super::rivals::{mean_square_of, rivals};
use super::verdict::Reach;
use crate::data::RunTable;
use crate::fit::config::FitConfig;
use crate::fit::solve::Minimum;
use crate::law::{Beyond, Point, Surface};
use crate::num::{Interval, mean, median};
use crate::units::{Flops, Params, Tokens};

/// What laws of public tables cost per square root of x beyond their runs lies between the scatter of
/// the runs and about one percent: their geometric mean is expected before any fit of nearer runs is
/// seen, and counts as much as this many of them.
const EXPECTED: f64 = 0.013;
const EXPECTED_FREEDOM: f64 = 4.0;

/// What a fit of the nearer runs counts for: fits share their runs, so that four are worth one.
const SHARE: f64 = 0.25;

/// Largest cost of ten times the compute as a share of its gain with which a law holds, and with which
/// it can be used with care.
const HOLDS: f64 = 0.5;
const WITH_CARE: f64 = 1.0;

/// What extrapolation costs the law of `surface`; `None` away from a minimum.
///
/// - `residuals`: ln(predicted) - ln(observed) of the runs.
/// - `draws`: coefficients of the resamples.
pub(crate) fn measure(
    surface: &Surface,
    best: &Minimum,
    residuals: &[f64],
    draws: &[Vec<f64>],
    table: &RunTable,
    config: &FitConfig,
) -> Option<Extrapolation> {
    if !best.certificate.certified {
        return None;
    }
    let nearer = nearer_fits(surface.law(), best, table, config);
    let sizes: Vec<f64> = residuals.iter().map(|r| r.abs()).collect();
    let expected = 1.4826 * median(&sizes) * EXPECTED;
    let freedom = EXPECTED_FREEDOM + SHARE * nearer.len() as f64;
    let excess: f64 = nearer.iter().map(NearerRuns::excess).sum();
    let rate = ((EXPECTED_FREEDOM * expected + SHARE * excess) / freedom).sqrt();
    let beyond = Beyond {
        rate,
        rate_params: moved(surface, &nearer, draws).map_or(0.0, |moves| mean(&moves).sqrt()),
        freedom,
        level: config.level,
        rivals: rivals(surface, &nearer, residuals, table, config),
    };
    let (edge, tenfold) = decade(surface)?;
    let cost = beyond.half_width(surface, &tenfold);
    let gain = (surface.loss(&edge) / surface.loss(&tenfold)).ln();
    Some(Extrapolation {
        beyond,
        error: mean_square_of(&nearer).map(f64::sqrt),
        tenfold: cost,
        gain,
        reach: reach(cost / gain, !nearer.is_empty()),
        fits: nearer.iter().map(NearerRuns::summary).collect(),
    })
}

/// - `share`: the cost of ten times the compute as a share of its gain.
/// - `tested`: whether runs of more compute tested a fit of nearer ones.
fn reach(share: f64, tested: bool) -> Reach {
    if tested && (0.0..=HOLDS).contains(&share) {
        Reach::Holds
    } else if (0.0..=WITH_CARE).contains(&share) {
        Reach::WithCare
    } else {
        // A law without a gain says that compute is worth nothing.
        Reach::DoNotExtrapolate
    }
}

/// The best run of the largest compute of the runs and that of ten times as much; for a law without an
/// optimum, or whose optimum lies outside the runs, the middle ratio of the runs.
fn decade(surface: &Surface) -> Option<(Point, Point)> {
    let support = &surface.support;
    let largest = support.c?.hi;
    let ratio = support.tokens_per_param.map_or(20.0, |r| (r.lo * r.hi).sqrt());
    let at = |c: f64| {
        let best = surface.ln_n_optimal(Flops::new(c * surface.flops_per_nd / 6.0));
        let n = best.map_or((c / 6.0 / ratio).sqrt(), f64::exp);
        Point::new(Params::new(n), Tokens::new(c / 6.0 / n)).within(surface.setting)
    };
    Some((at(largest), at(10.0 * largest)))
}

/// Squares of how far ln N* at the largest compute moved from each fit of nearer runs to that of all,
/// beyond what resamples of as many runs scatter, per unit of distance; `None` where there is no optimum.
fn moved(surface: &Surface, nearer: &[NearerRuns], draws: &[Vec<f64>]) -> Option<Vec<f64>> {
    let largest = surface.support.c?.hi;
    let c = Flops::new(largest * surface.flops_per_nd / 6.0);
    let optimum = |theta: &[f64]| surface.with_theta(theta.to_vec()).ln_n_optimal(c);
    let here = surface.ln_n_optimal(c)?;
    let scattered: Vec<f64> = draws.iter().filter_map(|theta| optimum(theta)).collect();
    // Two standard deviations of a normal, whatever its tails.
    let scatter = Interval::percentile(&scattered, 0.6827).map_or(0.0, |i| 0.5 * (i.hi - i.lo));
    let moves: Vec<f64> = nearer
        .iter()
        .filter_map(|fit| {
            let x = (largest / fit.support.c?.hi).ln();
            let chance =
                scatter * scatter * (fit.fitted + fit.beyond.len()) as f64 / fit.fitted as f64;
            let square = (optimum(&fit.theta)? - here).powi(2) - chance;
            (x > 0.0).then(|| square.max(0.0) / x)
        })
        .collect();
    (!moves.is_empty()).then_some(moves)
}

impl NearerRuns {
    fn summary(&self) -> NearerFit {
        NearerFit {
            fitted_to: Flops::new(self.support.c.map_or(0.0, |c| c.hi)),
            n_fitted: self.fitted,
            n_points: self.beyond.len(),
            error: self.mean_square().sqrt(),
            bias: mean(&self.beyond.iter().map(|(e, _)| *e).collect::<Vec<_>>()),
            scatter: self.scatter,
        }
    }
}
