//! Forecasts of runs that are not finished.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::config::CurveConfig;
use super::fitted::FittedCurves;
use super::windows::Windows;
use crate::data::TrainingCurve;
use crate::error::{FitError, Result, Warning};
use crate::fit::progress::{OnProgress, Parts, ignore};
use crate::fit::solve::Certificate;
use crate::fit::uncertainty::Spread;
use crate::law::CurveForm;
use crate::num::{Interval, mean};

/// A forecast that would have been made earlier, beside the observed loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hindsight {
    /// The last step with a loss that the forecast used.
    pub known_until: usize,
    /// The loss it gives for the last window of the known part.
    pub forecast: f64,
    /// Its interval.
    pub interval: Option<Interval>,
    /// The observed loss.
    pub actual: f64,
}

/// The final loss of a run that is not finished.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Forecast {
    /// Family id.
    pub law: String,
    /// The run.
    pub run: String,
    /// Curves fitted, this one included.
    pub curves: usize,
    /// Rows fitted.
    pub n_points: usize,
    /// The last step with a loss.
    pub known_until: usize,
    /// The last step of the schedule.
    pub final_step: usize,
    /// Loss there, nats per token.
    #[serde(rename = "loss")]
    pub loss_nats: f64,
    /// Where the loss of the run is expected: draws of the law with a resampled residual.
    pub interval: Option<Interval>,
    /// Level of the intervals.
    pub level: f64,
    /// Sum of rates to the end over that to the last known step.
    pub area_ahead: f64,
    /// Coefficients by name.
    pub coefficients: BTreeMap<String, f64>,
    /// Percentile intervals by name.
    pub intervals: BTreeMap<String, Interval>,
    /// Bootstrap standard deviations by name.
    pub std_errors: BTreeMap<String, f64>,
    /// The proof of the minimum.
    pub certificate: Certificate,
    /// Standard deviation of the log residuals.
    pub residual_sd: f64,
    /// Correlation of neighbouring residuals.
    pub lag_one: f64,
    /// Rows that are resampled together.
    pub block: usize,
    /// Draws without a minimum.
    pub draws_failed: usize,
    /// Forecasts made from less of the curve, where the law could be fitted to it.
    pub hindsight: Vec<Hindsight>,
    /// What a reader has to know.
    #[serde(serialize_with = "crate::error::with_messages")]
    pub warnings: Vec<Warning>,
}

/// Shares of the known rows, in tenths, from which the rest of them is forecast in hindsight.
const HINDSIGHT_TENTHS: [usize; 5] = [5, 6, 7, 8, 9];

/// Forecasts the end of the first curve from what is known of it and of the other curves, which must
/// be of the same N and batch size under whatever schedules.
///
/// The interval covers what is unknown of the coefficients and the scatter of the curve; that the law
/// itself may be off shows in [`Forecast::hindsight`] alone.
///
/// # Errors
/// [`FitError::NotIdentified`] when no learning rate came down in the known rows,
/// [`FitError::TooFewRuns`] below three rows per coefficient, [`FitError::NoMinimum`], or a schedule
/// that is none.
///
/// # Example
/// ```
/// use isoloss::fit::{CurveConfig, forecast};
/// use isoloss::law::curve_forms;
///
/// # use isoloss::data::{LoggedPoint, TrainingCurve};
/// # use isoloss::law::LearningRates;
/// # let law = curve_forms().iter().copied().find(|l| l.id() == "annealing").expect("registered");
/// # let loss_at = |rates: &LearningRates, step| {
/// #     law.loss(law.example(), &law.features(rates, &[step])[0])
/// # };
/// # let curve = |name: &str, rates: &LearningRates, known: usize| TrainingCurve {
/// #     name: name.to_owned(),
/// #     points: (1..=rates.steps())
/// #         .map(|step| LoggedPoint {
/// #             step,
/// #             rate: rates.rates()[step - 1],
/// #             loss_nats: (step > 100 && step <= known && step % 20 == 0)
/// #                 .then(|| loss_at(rates, step)),
/// #         })
/// #         .collect(),
/// #     replaced: 0,
/// # };
/// # let short = LearningRates::cosine(3e-4, 3e-5, 100, 3000)?;
/// # let long = LearningRates::cosine(3e-4, 3e-5, 100, 6000)?;
/// // A run of 6000 steps known to step 4000, and a finished one of 3000.
/// let curves = [curve("long", &long, 4000), curve("short", &short, 3000)];
/// let config = CurveConfig { bootstrap: 0, ..CurveConfig::default() };
/// let answer = forecast(law, &curves, &config)?;
/// assert_eq!((answer.known_until, answer.final_step), (4000, 6000));
/// // The losses were made by the law, so it foresees the end.
/// assert!((answer.loss_nats - loss_at(&long, 6000)).abs() < 1e-3);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn forecast(
    law: &'static dyn CurveForm,
    curves: &[TrainingCurve],
    config: &CurveConfig,
) -> Result<Forecast> {
    forecast_with_progress(law, curves, config, &ignore)
}

/// As [`forecast`]; `progress` counts its fits, those in hindsight included.
///
/// # Errors
/// As [`forecast`]; [`FitError::Stopped`] when `progress` says so.
pub fn forecast_with_progress(
    law: &'static dyn CurveForm,
    curves: &[TrainingCurve],
    config: &CurveConfig,
    progress: &OnProgress<'_>,
) -> Result<Forecast> {
    config.validate()?;
    let windows =
        curves.iter().map(|c| Windows::of(c, config)).collect::<Result<Vec<Windows>>>()?;
    let (Some(curve), Some(first)) = (curves.first(), windows.first()) else {
        let (field, found) = ("curves", "none".to_owned());
        return Err(FitError::Config { field, found, wanted: "at least one" }.into());
    };
    let parts = Parts::new(1 + HINDSIGHT_TENTHS.len(), progress);
    let final_step = first.schedule.steps();
    let known_until = curve.known_until();
    let ahead = law.features(&first.schedule, &[final_step]).remove(0);
    let area_ahead = first.schedule.area(final_step) / first.schedule.area(known_until);
    let fitted = FittedCurves::of(law, &windows, config, &parts.inner())?;
    parts.one_done();
    let mut warnings = fitted.certificate.warnings();
    warnings.extend(fitted.draws.warning());
    if area_ahead > 1.5 {
        let quantity = "the sum of learning rates".to_owned();
        warnings.push(Warning::Extrapolation { quantity, factor: area_ahead });
    }
    let seen = windows.iter().map(Windows::decay).fold(0.0, f64::max);
    let decay_ahead = first.schedule.decay(final_step);
    if decay_ahead > seen + 0.1 {
        warnings.push(Warning::DecayUnseen { seen, ahead: decay_ahead });
    }
    let hindsight = hindsight(law, first, &windows[1..], config, &parts)?;
    let coefs = law.coefs();
    let free = vec![None; coefs.len()];
    let Spread { intervals, std_errors } =
        Spread::of(&fitted.draws.samples(coefs, &free), config.level);
    let squares: Vec<f64> = fitted.residuals.iter().map(|r| r * r).collect();
    Ok(Forecast {
        law: law.id().to_owned(),
        run: curve.name.clone(),
        curves: curves.len(),
        n_points: fitted.residuals.len(),
        known_until,
        final_step,
        loss_nats: fitted.loss(&ahead),
        interval: fitted.interval(&ahead, config.level),
        level: config.level,
        area_ahead,
        coefficients: coefs
            .iter()
            .zip(&fitted.theta)
            .map(|(c, t)| (c.name.to_owned(), *t))
            .collect(),
        intervals,
        std_errors,
        certificate: fitted.certificate,
        residual_sd: mean(&squares).sqrt(),
        lag_one: fitted.lag_one,
        block: fitted.block,
        draws_failed: fitted.draws.failed,
        hindsight,
        warnings,
    })
}

/// Forecasts of the last known row of a curve from less of it, where the law can be fitted to that.
fn hindsight(
    law: &'static dyn CurveForm,
    curve: &Windows,
    others: &[Windows],
    config: &CurveConfig,
    parts: &Parts<'_>,
) -> Result<Vec<Hindsight>> {
    let rows = curve.steps.len();
    let mut hindsight = Vec::new();
    for tenths in HINDSIGHT_TENTHS {
        let kept = rows * tenths / 10;
        let mut known = vec![curve.cut(kept)];
        known.extend(others.iter().map(|o| o.cut(o.steps.len())));
        let earlier = FittedCurves::of(law, &known, config, &parts.inner());
        parts.one_done();
        parts.stopped()?;
        let Ok(earlier) = earlier else { continue };
        let features = law.features(&curve.schedule, &[curve.steps[rows - 1]]).remove(0);
        hindsight.push(Hindsight {
            known_until: curve.steps[kept - 1],
            forecast: earlier.loss(&features),
            interval: earlier.interval(&features, config.level),
            actual: curve.ln_loss[rows - 1].exp(),
        });
    }
    Ok(hindsight)
}
