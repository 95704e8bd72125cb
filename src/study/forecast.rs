//! The final loss of a run that is not finished.

#[cfg(feature = "logs")]
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::data::{LoggedPoint, TrainingCurve};
use crate::error::{Result, ScheduleProblem, StudyError};
use crate::fit::{CurveConfig, Forecast, forecast};
use crate::law::{CurveForm, curve_form_by_id};

/// Most steps a schedule may be continued to.
const MOST_STEPS: usize = 5_000_000;

/// How a learning rate goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Continuation {
    /// The last rate until the end.
    #[default]
    Hold,
    /// Down to the final rate in a straight line.
    Linear,
    /// The cosine that began at the peak, to the final rate.
    Cosine,
}

/// The rest of a schedule that its log does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rest {
    /// Last step of the run.
    pub until: usize,
    /// How the rate goes on to it.
    #[serde(default)]
    pub shape: Continuation,
    /// Rate at the last step, for linear and cosine.
    #[serde(default)]
    pub final_rate: f64,
    /// Steps over which a linear decay goes down at the end; all that are left when absent.
    #[serde(default)]
    pub decay_steps: Option<usize>,
}

/// What is asked of training curves: the final loss of the first of them.
///
/// | field | default | purpose |
/// |---|---|---|
/// | `law` | multi-power | law of loss curves |
/// | `rest` | none | rest of the first curve's schedule, where its rows do not plan it |
/// | `config` | [`CurveConfig::default`] | how the law is fitted; its fields stand beside in a file |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ForecastRequest {
    /// Id of the law.
    pub law: String,
    /// Rest of the first curve's schedule.
    pub rest: Option<Rest>,
    /// How the law is fitted.
    #[serde(flatten)]
    pub config: CurveConfig,
}

impl Default for ForecastRequest {
    fn default() -> Self {
        Self { law: "multi-power".to_owned(), rest: None, config: CurveConfig::default() }
    }
}

impl ForecastRequest {
    /// The law of the request.
    ///
    /// # Errors
    /// [`LawError::UnknownForm`](crate::error::LawError::UnknownForm).
    pub fn form(&self) -> Result<&'static dyn CurveForm> {
        Ok(curve_form_by_id(&self.law)?)
    }

    /// Forecasts the end of the first curve; the others are runs of the same size and batch under
    /// other schedules.
    ///
    /// # Errors
    /// [`StudyError::Schedule`] where the schedule cannot go on as asked; as
    /// [`forecast()`](crate::fit::forecast()) otherwise.
    pub fn answer(&self, curves: &[TrainingCurve]) -> Result<Forecast> {
        let law = self.form()?;
        let mut curves = curves.to_vec();
        if let (Some(rest), Some(curve)) = (&self.rest, curves.first_mut()) {
            rest.extend(curve)?;
        }
        forecast(law, &curves, &self.config)
    }
}

/// Reads training curves from tables with columns step, lr and loss.
///
/// # Errors
/// As [`read_curve`](crate::data::read_curve).
#[cfg(feature = "logs")]
pub fn read_curves(paths: &[impl AsRef<Path>]) -> Result<Vec<TrainingCurve>> {
    paths.iter().map(|path| crate::data::read_curve(path.as_ref())).collect()
}

impl Rest {
    /// Plans the rest of a curve from its last row.
    fn extend(&self, curve: &mut TrainingCurve) -> Result<(), StudyError> {
        let Some(last) = curve.points.last().copied() else { return Ok(()) };
        let run = curve.name.clone();
        let bad = |problem| Err(StudyError::Schedule { run, problem });
        let (until, final_rate) = (self.until, self.final_rate);
        if until <= last.step {
            return bad(ScheduleProblem::EndsBefore { last: last.step, until });
        }
        if until > MOST_STEPS {
            return bad(ScheduleProblem::TooLong { until, most: MOST_STEPS });
        }
        if !(final_rate.is_finite() && final_rate >= 0.0) {
            return bad(ScheduleProblem::FinalRate { found: final_rate });
        }
        let rates = curve.rates();
        let peak = rates.iter().copied().fold(0.0, f64::max);
        let warm = 1 + rates.iter().position(|r| *r == peak).unwrap_or(0);
        let cosine = |step: usize| {
            let done = (step - warm) as f64 / (until - warm) as f64;
            final_rate + 0.5 * (peak - final_rate) * (1.0 + (std::f64::consts::PI * done).cos())
        };
        let expected = cosine(last.step);
        if self.shape == Continuation::Cosine && (expected / last.rate - 1.0).abs() > 0.02 {
            let (step, found) = (last.step, last.rate);
            return bad(ScheduleProblem::OtherCosine {
                peak,
                warm,
                final_rate,
                until,
                step,
                expected,
                found,
            });
        }
        let decay = self.decay_steps.unwrap_or(until - last.step).clamp(1, until - last.step);
        for step in last.step + 1..=until {
            let rate = match self.shape {
                Continuation::Hold => last.rate,
                Continuation::Cosine => cosine(step),
                Continuation::Linear => {
                    let done = (step + decay).saturating_sub(until) as f64 / decay as f64;
                    last.rate + done * (final_rate - last.rate)
                }
            };
            curve.points.push(LoggedPoint { step, rate, loss_nats: None });
        }
        Ok(())
    }
}
