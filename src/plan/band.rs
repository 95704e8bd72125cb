//! An iso-loss curve with what the draws of its law say of it.

use serde::Serialize;

use super::curve::{IsoLossCurve, iso_loss_curve};
use super::isoloss::tokens_for_loss;
use crate::error::Result;
use crate::law::Ensemble;
use crate::num::Interval;
use crate::units::Params;

/// A curve with the interval of its training FLOPs at each size, where the law has draws.
#[derive(Clone, Debug, Serialize)]
pub struct BandedCurve {
    /// The curve of the best surface.
    #[serde(flatten)]
    pub curve: IsoLossCurve,
    /// One per point of the curve, `[lo, null]` where the upper end is past the wall of some draws;
    /// empty for a law without draws.
    pub train_flops_intervals: Vec<Option<Interval>>,
    /// Sizes left of the best law's wall that some draws reach, by rising size: `[lo, null]` each.
    pub left_of_wall: Vec<(Params, Interval)>,
}

impl BandedCurve {
    /// The interval of the training FLOPs by rising size, left of the wall included; far above the
    /// picture an open end is drawn like a closed one.
    #[must_use]
    pub fn band(&self) -> Vec<(Params, Interval)> {
        let top = 1e6 * self.curve.optimum.train_flops.get();
        let right = self.curve.points.iter().zip(&self.train_flops_intervals);
        let right = right.filter_map(|(p, interval)| Some((p.n, (*interval)?)));
        let all = self.left_of_wall.iter().copied().chain(right);
        all.map(|(n, i)| (n, Interval { lo: i.lo, hi: i.hi.min(top) })).collect()
    }
}

/// The iso-loss curve of an ensemble's best surface with the band of its draws; `points` as for
/// [`iso_loss_curve`].
///
/// # Errors
/// As [`iso_loss_curve`].
pub fn banded_curve(ensemble: &Ensemble, loss: f64, points: usize) -> Result<BandedCurve> {
    let curve = iso_loss_curve(&ensemble.best, loss, points)?;
    let train_flops_intervals = if ensemble.draws.is_empty() {
        Vec::new()
    } else {
        curve.points.iter().map(|p| flops_interval(ensemble, p.n, loss)).collect()
    };
    // The wall is as uncertain as the rest: where draws pass it, so does the band.
    let left_of_wall = (1..=LEFT_SIZES)
        .rev()
        .map(|i| curve.wall_params * (-LEFT_STEP * f64::from(i)).exp())
        .filter_map(|n| Some((n, flops_interval(ensemble, n, loss)?)))
        .collect();
    Ok(BandedCurve { curve, train_flops_intervals, left_of_wall })
}

/// Sizes tried left of the wall, and their distance in ln N.
const LEFT_SIZES: u32 = 40;
const LEFT_STEP: f64 = 0.02;

/// Training FLOPs of a size at a loss over the draws; draws past the wall count as infinite, so
/// that the band opens upwards where some of them cannot reach the loss at all.
fn flops_interval(ensemble: &Ensemble, n: Params, loss: f64) -> Option<Interval> {
    let draws = ensemble.map(|surface| {
        let tokens = tokens_for_loss(surface, n, loss);
        Ok(tokens.map_or(f64::INFINITY, |d| surface.train_flops(n, d).get()))
    });
    let mut sorted = draws.values;
    sorted.sort_by(f64::total_cmp);
    let tail = 0.5 * (1.0 - ensemble.level);
    let at = |p: f64| sorted.get((p * (sorted.len() as f64 - 1.0)).round() as usize).copied();
    let interval = Interval { lo: at(tail)?, hi: at(1.0 - tail)? };
    interval.lo.is_finite().then_some(interval)
}
