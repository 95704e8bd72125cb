//! The final loss of a run that is not finished.

use serde::{Deserialize, Serialize};

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
    /// How the law is fitted.
    #[serde(flatten)]
    pub config: CurveConfig,
}

impl Default for ForecastRequest {
    fn default() -> Self {
        let config = CurveConfig::default();
        Self { law: "sublinear-power".to_owned(), run: None, rest: None, warmup: None, config }
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
            match &self.rest {
                Some(rest) => rest.extend(run)?,
                None => check_planned(run)?,
            }
            left_out = others.iter().filter_map(|other| is_other(run, other)).collect();
        }
        if let Some(run) = curves.first().cloned() {
            curves.retain(|other| is_other(&run, other).is_none());
        }
        let forecast = forecast_with_progress(law, &curves, &self.config, progress)?;
        Ok(ForecastReport { forecast, left_out })
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
}
