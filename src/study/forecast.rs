//! The final loss of a run that is not finished.

use serde::{Deserialize, Serialize};

#[cfg(feature = "logs")]
use crate::data::CurveSet;
use crate::data::{LoggedPoint, TrainingCurve};
use crate::error::{Result, ScheduleProblem, StudyError};
use crate::fit::{CurveConfig, Forecast, OnProgress, forecast_with_progress};
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
    /// Down to the final rate as one minus the square root of the share of the decay that is done.
    Sqrt,
    /// The cosine that began at the peak, to the final rate.
    Cosine,
}

/// The rest of a schedule that its log does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rest {
    /// Last step of the run; the steps it is planned for when absent.
    #[serde(default)]
    pub until: Option<usize>,
    /// How the rate goes on to it.
    #[serde(default)]
    pub shape: Continuation,
    /// Rate at the last step, unless the rate is held.
    #[serde(default)]
    pub final_rate: f64,
    /// Steps over which a linear or square-root decay goes down at the end; all that are left when absent.
    #[serde(default)]
    pub decay_steps: Option<usize>,
}

/// What is asked of training curves: the final loss of one of them.
///
/// | field | default | purpose |
/// |---|---|---|
/// | `law` | sublinear-power | law of loss curves |
/// | `run` | the first | name of the run to forecast |
/// | `rest` | none | rest of its schedule, where its rows do not plan it |
/// | `warmup` | none | steps of a linear warm-up that no curve has logged |
/// | `peak_lr` | none | peak rate of a run whose log holds no rates |
/// | `config` | [`CurveConfig::default`] | how the law is fitted; its fields stand beside in a file |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ForecastRequest {
    /// Id of the law.
    pub law: String,
    /// Name of the run to forecast, where files hold several; the first when absent.
    pub run: Option<String>,
    /// Rest of its schedule.
    pub rest: Option<Rest>,
    /// Steps of a linear warm-up that the curves leave out; 0 for none.
    pub warmup: Option<usize>,
    /// Peak learning rate of a run whose log holds no rates; `rest` says its schedule from the start.
    pub peak_lr: Option<f64>,
    /// How the law is fitted.
    #[serde(flatten)]
    pub config: CurveConfig,
}

impl Default for ForecastRequest {
    fn default() -> Self {
        let config = CurveConfig::default();
        let law = "sublinear-power".to_owned();
        Self { law, run: None, rest: None, warmup: None, peak_lr: None, config }
    }
}

/// A forecast with what it was not made from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ForecastReport {
    /// The forecast.
    #[serde(flatten)]
    pub forecast: Forecast,
    /// Curves that were not: what they are and why.
    pub left_out: Vec<String>,
}

/// Sizes further apart than this share are of two models.
const OTHER_SIZE: f64 = 1e-3;

impl ForecastRequest {
    /// The law of the request.
    ///
    /// # Errors
    /// [`LawError::UnknownForm`](crate::error::LawError::UnknownForm).
    pub fn form(&self) -> Result<&'static dyn CurveForm> {
        Ok(curve_form_by_id(&self.law)?)
    }

    /// Forecasts the end of a run; the other curves are runs of the same size and batch under other
    /// schedules, and those whose size is known to be another are left out.
    ///
    /// # Errors
    /// [`StudyError::UnknownRun`]; [`StudyError::Schedule`] where the schedule cannot go on as asked, or
    /// the run is planned for more steps than its rows say the rate of; as
    /// [`forecast()`](crate::fit::forecast()) otherwise.
    pub fn answer(&self, curves: &[TrainingCurve]) -> Result<ForecastReport> {
        self.answer_with_progress(curves, &|_| std::ops::ControlFlow::Continue(()))
    }

    /// As [`answer`](Self::answer); `progress` counts the fits.
    ///
    /// # Errors
    /// As [`answer`](Self::answer); [`FitError::Stopped`](crate::error::FitError::Stopped) when
    /// `progress` says so.
    pub fn answer_with_progress(
        &self,
        curves: &[TrainingCurve],
        progress: &OnProgress<'_>,
    ) -> Result<ForecastReport> {
        let law = self.form()?;
        let mut curves = self.run_first(curves)?;
        for curve in &mut curves {
            curve.warmup = self.warmup.or(curve.warmup);
        }
        let mut left_out = Vec::new();
        if let Some((run, others)) = curves.split_first_mut() {
            if run.without_rates {
                let Some(peak) = self.peak_lr.filter(|lr| lr.is_finite() && *lr > 0.0) else {
                    return Err(StudyError::NoRates { run: run.name.clone() }.into());
                };
                run.points.iter_mut().for_each(|point| point.rate = peak);
            }
            match &self.rest {
                Some(rest) => rest.extend(run)?,
                None => check_planned(run)?,
            }
            left_out = others.iter().filter_map(|other| is_other(run, other)).collect();
        }
        if let Some(run) = curves.first().cloned() {
            curves.retain(|other| is_other(&run, other).is_none());
            // The run itself is kept whatever it lacks.
            if run.without_rates {
                curves.insert(0, run);
            }
        }
        let forecast = forecast_with_progress(law, &curves, &self.config, progress)?;
        Ok(ForecastReport { forecast, left_out })
    }

    /// As [`answer_with_progress`](Self::answer_with_progress) for curves that were read: what was left
    /// out of their files is told, too.
    ///
    /// # Errors
    /// As [`answer_with_progress`](Self::answer_with_progress).
    #[cfg(feature = "logs")]
    pub fn answer_set(&self, set: &CurveSet, progress: &OnProgress<'_>) -> Result<ForecastReport> {
        let mut report = self.answer_with_progress(&set.curves, progress)?;
        report.left_out.extend(set.skipped.iter().map(ToString::to_string));
        Ok(report)
    }

    /// The curves with the run to forecast first.
    fn run_first(&self, curves: &[TrainingCurve]) -> Result<Vec<TrainingCurve>, StudyError> {
        let mut curves = curves.to_vec();
        let Some(name) = &self.run else { return Ok(curves) };
        let Some(at) = curves.iter().position(|curve| curve.name == *name) else {
            let known = curves.into_iter().map(|curve| curve.name).collect();
            return Err(StudyError::UnknownRun { run: name.clone(), known });
        };
        let run = curves.remove(at);
        curves.insert(0, run);
        Ok(curves)
    }
}

/// Why a curve cannot be fitted with a run, where something says so.
fn is_other(run: &TrainingCurve, other: &TrainingCurve) -> Option<String> {
    if other.without_rates {
        return Some(format!("{}: no learning rate was logged", other.name));
    }
    if run.per_byte != other.per_byte {
        return Some(format!(
            "{}: its loss counts bytes in one run and tokens in the other",
            other.name
        ));
    }
    let (one, two) = (run.params?, other.params?);
    ((two.get() / one.get() - 1.0).abs() > OTHER_SIZE)
        .then(|| format!("{}: {two} parameters, the run has {one}", other.name))
}

/// Refuses a run that is planned for more steps than its rows say the rate of.
fn check_planned(run: &TrainingCurve) -> Result<(), StudyError> {
    let last = run.points.last().map_or(0, |p| p.step);
    // Logs are written every so many steps, and some count from 0.
    let usual = last / run.points.len().max(1);
    match run.planned {
        Some(planned) if planned > last + usual.max(1) => {
            let problem = ScheduleProblem::NotPlanned { last, planned };
            Err(StudyError::Schedule { run: run.name.clone(), problem })
        }
        _ => Ok(()),
    }
}

impl Rest {
    /// Plans the rest of a curve from its last row.
    fn extend(&self, curve: &mut TrainingCurve) -> Result<(), StudyError> {
        let Some(last) = curve.points.last().copied() else { return Ok(()) };
        let run = curve.name.clone();
        let bad = |problem| Err(StudyError::Schedule { run, problem });
        let Some(until) = self.until.or(curve.planned) else {
            return bad(ScheduleProblem::NoEnd { last: last.step });
        };
        let final_rate = self.final_rate;
        if until < last.step || (until == last.step && !curve.without_rates) {
            return bad(ScheduleProblem::EndsBefore { last: last.step, until });
        }
        if until > MOST_STEPS {
            return bad(ScheduleProblem::TooLong { until, most: MOST_STEPS });
        }
        if !(final_rate.is_finite() && final_rate >= 0.0) {
            return bad(ScheduleProblem::FinalRate { found: final_rate });
        }
        if curve.without_rates {
            self.lay(curve, until);
            return Ok(());
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
                Continuation::Linear | Continuation::Sqrt => {
                    let done = (step + decay).saturating_sub(until) as f64 / decay as f64;
                    let done = if self.shape == Continuation::Sqrt { done.sqrt() } else { done };
                    last.rate + done * (final_rate - last.rate)
                }
            };
            curve.points.push(LoggedPoint { step, rate, loss_nats: None });
        }
        Ok(())
    }

    /// The whole schedule of a run whose log holds no rates, from its warm-up on.
    fn lay(&self, curve: &mut TrainingCurve, until: usize) {
        let (Some(first), Some(last)) = (curve.points.first(), curve.points.last()) else { return };
        let (peak, last) = (first.rate, last.step);
        let warm = curve.warmup.unwrap_or(0).min(until - 1);
        let decay = self.decay_steps.unwrap_or(until - warm).clamp(1, until - warm);
        let rate = |step: usize| {
            let begun = if self.shape == Continuation::Cosine { warm } else { until - decay };
            let done = step.saturating_sub(begun) as f64 / (until - begun) as f64;
            let left = match self.shape {
                Continuation::Hold => 1.0,
                Continuation::Linear => 1.0 - done,
                Continuation::Sqrt => 1.0 - done.sqrt(),
                Continuation::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
            };
            let warmed = if step < warm { step as f64 / warm as f64 } else { 1.0 };
            warmed * (self.final_rate + left * (peak - self.final_rate))
        };
        for point in &mut curve.points {
            point.rate = rate(point.step);
        }
        let ahead =
            (last + 1..=until).map(|step| LoggedPoint { step, rate: rate(step), loss_nats: None });
        curve.points.extend(ahead);
    }
}
