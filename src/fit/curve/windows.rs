//! A training curve as the solver sees it: windows of logged steps.

use super::config::CurveConfig;
use crate::data::TrainingCurve;
use crate::error::Result;
use crate::law::LearningRates;

/// A curve cut into windows; each becomes a row.
pub(super) struct Windows {
    pub(super) schedule: LearningRates,
    /// Middle steps.
    pub(super) steps: Vec<usize>,
    /// Mean log losses.
    pub(super) ln_loss: Vec<f64>,
}

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
        Ok(Self { steps: steps.collect(), ln_loss: ln_loss.collect(), schedule })
    }

    /// The first `rows` of them.
    pub(super) fn cut(&self, rows: usize) -> Self {
        Self {
            schedule: self.schedule.clone(),
            steps: self.steps[..rows].to_vec(),
            ln_loss: self.ln_loss[..rows].to_vec(),
        }
    }

    /// How far the rate comes down within them, as a share of its peak.
    pub(super) fn decay(&self) -> f64 {
        self.steps.last().map_or(0.0, |s| self.schedule.decay(*s))
    }
}
