//! A training curve as the solver sees it: windows of logged steps.

use super::config::CurveConfig;
use crate::data::TrainingCurve;
use crate::error::Result;
use crate::law::{CurveForm, LearningRates};

/// A curve cut into windows; each becomes a row.
pub(super) struct Windows {
    pub(super) name: String,
    pub(super) schedule: LearningRates,
    /// Middle steps.
    pub(super) steps: Vec<usize>,
    /// Mean log losses.
    pub(super) ln_loss: Vec<f64>,
}

/// Least share of the peak by which the rate must have come down for the terms of decay to show.
const LEAST_DECAY: f64 = 0.05;

/// Rows behind a decay that show its effect.
const LEAST_ROWS: usize = 5;

impl Windows {
    /// Windows of equal numbers of logged steps after the warm-up and the burn-in.
    pub(super) fn of(curve: &TrainingCurve, config: &CurveConfig) -> Result<Self> {
        let schedule = LearningRates::new(curve.rates())?;
        let first = schedule.warmup() + config.burn_in;
        let logged: Vec<(usize, f64)> = curve
            .points
            .iter()
            .filter(|p| p.step > first)
            .filter_map(|p| Some((p.step, p.loss_nats?.ln())))
            .collect();
        let width = logged.len().div_ceil(config.rows).max(1);
        let windows = logged.chunks(width);
        let steps = windows.clone().map(|w| {
            let sum: f64 = w.iter().map(|p| p.0 as f64).sum();
            (sum / w.len() as f64).round() as usize
        });
        let ln_loss = windows.clone().map(|w| w.iter().map(|p| p.1).sum::<f64>() / w.len() as f64);
        let (steps, ln_loss) = (steps.collect(), ln_loss.collect());
        Ok(Self { name: curve.name.clone(), steps, ln_loss, schedule })
    }

    /// The first `rows` of them.
    pub(super) fn cut(&self, rows: usize) -> Self {
        Self {
            name: self.name.clone(),
            schedule: self.schedule.clone(),
            steps: self.steps[..rows].to_vec(),
            ln_loss: self.ln_loss[..rows].to_vec(),
        }
    }

    /// How far the rate has come down within them, as a share of its peak, with a few rows left to see
    /// what it did.
    pub(super) fn decay(&self) -> f64 {
        let seen = self.steps.len().checked_sub(LEAST_ROWS);
        seen.map_or(0.0, |at| self.schedule.decay(self.steps[at]))
    }
}

/// The largest decay within the rows of curves, as a share of the peak.
pub(super) fn decay_seen(curves: &[Windows]) -> f64 {
    curves.iter().map(Windows::decay).fold(0.0, f64::max)
}

/// Whether a rate comes down far enough for the terms of decay to show.
pub(super) fn is_decay(decay: f64) -> bool {
    decay >= LEAST_DECAY
}

/// Whether curves show what `law` needs to forecast a step of the first of them: a decay, unless it is
/// the law of a constant rate.
pub(super) fn shows_decay(law: &'static dyn CurveForm, curves: &[Windows], step: usize) -> bool {
    let none_ahead = curves.first().is_some_and(|c| !is_decay(c.schedule.decay(step)));
    is_decay(decay_seen(curves)) || (none_ahead && law.id() == law.without_decay().id())
}
