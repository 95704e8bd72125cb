//! Forecasts of runs that are not finished.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ahead::{Ahead, LawError, TENTHS, Trial, rival, trials};
use super::config::CurveConfig;
use super::fitted::{CurveRows, FittedCurves};
use super::windows::{Windows, decay_seen, is_decay, shows_decay};
use crate::data::{LeadIn, TrainingCurve};
use crate::error::{DesignGap, FitError, Result, Warning};
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

/// A curve that took part in a forecast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedCurve {
    /// The run.
    pub run: String,
    /// Its last step with a loss; 0 without any.
    pub known_until: usize,
    /// Repeated steps that were replaced by their last row.
    pub replaced: usize,
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
    /// Each of them, the run first.
    pub fitted: Vec<FittedCurve>,
    /// Rows fitted.
    pub n_points: usize,
    /// The last step with a loss.
    pub known_until: usize,
    /// The last step of the schedule.
    pub final_step: usize,
    /// Loss there, nats per token.
    #[serde(rename = "loss")]
    pub loss_nats: f64,
    /// Where the loss of the run is expected: draws of the law with a resampled residual, widened by
    /// the error that the law had in backtests.
    pub interval: Option<Interval>,
    /// Standard deviation of that error, as a share of the loss.
    pub law_error: f64,
    /// What another law says, where one can be fitted: the interval reaches at least that far.
    pub rival_loss: Option<f64>,
    /// Whether losses are per byte rather than per token.
    pub per_byte: bool,
    /// Level of the intervals.
    pub level: f64,
    /// Sum of rates to the end over the largest that any curve has behind its last known step.
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
    /// Forecasts of the other curves' ends from less of them.
    pub trials: Vec<Trial>,
    /// What a reader has to know.
    #[serde(serialize_with = "crate::error::with_messages")]
    pub warnings: Vec<Warning>,
}

/// Forecasts the end of the first curve from what is known of it and of the other curves, which must
/// be of the same N and batch size under whatever schedules.
///
/// The forecast is the law's, shifted by the mean of the run's own last residuals times the share of the
/// area under its rates that is known. Where no rate came down and none will, the law is
/// [`CurveForm::without_decay`]. The first curve may hold no loss at all: a run that was not begun.
///
/// The interval covers what is unknown of the coefficients, the scatter of the curve, the distance to
/// what a rival law says, and the error of the law itself. That error grows with the fall ahead and is learnt from backtests: every curve is cut
/// at five places and its end forecast. [`Forecast::hindsight`] shows those of the first curve, with
/// intervals that know the backtests of the other curves alone.
///
/// # Errors
/// [`FitError::NotIdentified`] when the rate will come down and none did in the known rows,
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
/// #     ..TrainingCurve::default()
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
    let guesses = curves;
    let curves = &alike(curves);
    let windows =
        curves.iter().map(|c| Windows::of(c, config)).collect::<Result<Vec<Windows>>>()?;
    let (Some(curve), Some(first)) = (curves.first(), windows.first()) else {
        let (field, found) = ("curves", "none".to_owned());
        return Err(FitError::Config { field, found, wanted: "at least one" }.into());
    };
    let final_step = first.schedule.steps();
    let (seen, decay_ahead) = (decay_seen(&windows), first.schedule.decay(final_step));
    let law = if is_decay(seen.max(decay_ahead)) { law } else { law.without_decay() };
    if !shows_decay(law, &windows, final_step) {
        let gap = DesignGap::NoDecay { decay: seen };
        return Err(FitError::NotIdentified { law: law.id(), gap }.into());
    }
    let parts = Parts::new(1 + TENTHS.len() + windows.len(), progress);
    let rows = CurveRows::of(law, &windows)?;
    let fitted = FittedCurves::of(&rows, config, &parts.inner())?;
    parts.one_done();
    let mut others = Vec::new();
    for at in 1..windows.len() {
        others.push(trials(law, &windows, at, config));
        parts.one_done();
        parts.stopped()?;
    }
    let own = trials(law, &windows, 0, config);
    parts.one_done();
    let of_others = LawError::of(others.iter().map(Vec::as_slice));
    let hindsight = hindsight(law, &windows, &own, &of_others, config, &parts)?;
    let error = LawError::of(others.iter().chain([&own]).map(Vec::as_slice));
    let ahead = Ahead::of(law, first, final_step);
    let known = first.steps.len();
    let loss_nats = ahead.loss(law, &fitted.theta, &fitted.residuals, known);
    let rival_loss = rival(law, &windows, final_step, config);
    let known_until = curve.known_until();
    let area_ahead = first.schedule.area(final_step) / furthest_area(&windows);
    let mut warnings = fitted.certificate.warnings();
    warnings.extend(fitted.draws.warning());
    warnings.extend(fitted.at_bound.iter().cloned());
    warnings.extend(doubts(guesses, area_ahead, seen, decay_ahead));
    let coefs = law.coefs();
    let free = vec![None; coefs.len()];
    let Spread { intervals, std_errors } =
        Spread::of(&fitted.draws.samples(coefs, &free), config.level);
    let squares: Vec<f64> = fitted.residuals.iter().map(|r| r * r).collect();
    Ok(Forecast {
        law: law.id().to_owned(),
        run: curve.name.clone(),
        curves: curves.len(),
        fitted: curves.iter().map(FittedCurve::of).collect(),
        n_points: fitted.residuals.len(),
        known_until,
        final_step,
        loss_nats,
        interval: ahead.interval(&fitted, known, &error, rival_loss, config.level),
        rival_loss,
        law_error: error.sd(ahead.fall(loss_nats)),
        per_byte: curve.per_byte,
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
        trials: others.into_iter().flatten().collect(),
        warnings,
    })
}

impl FittedCurve {
    fn of(curve: &TrainingCurve) -> Self {
        let (run, known_until) = (curve.name.clone(), curve.known_until());
        Self { run, known_until, replaced: curve.replaced }
    }
}

/// The largest sum of rates that a row of any curve has behind it.
fn furthest_area(curves: &[Windows]) -> f64 {
    let area = |c: &Windows| c.steps.last().map_or(0.0, |s| c.schedule.area(*s));
    curves.iter().map(area).fold(0.0, f64::max)
}

/// The curves with one guess of what their first steps were: if one seems to leave out its warm-up, so
/// do all that begin late, and the warm-up is over where the first of them begins.
fn alike(curves: &[TrainingCurve]) -> Vec<TrainingCurve> {
    let ramps = curves.iter().filter(|c| matches!(c.lead_in(), LeadIn::Ramp(_)));
    let Some(first) = ramps.filter_map(TrainingCurve::guessed_until).min() else {
        return curves.to_vec();
    };
    let late = |c: &TrainingCurve| c.guessed_until().is_some();
    let one = |c: &TrainingCurve| {
        let warmup = if late(c) { Some(first) } else { c.warmup };
        TrainingCurve { warmup, ..c.clone() }
    };
    curves.iter().map(one).collect()
}

/// What is doubtful about the curves and how far the forecast goes beyond them.
fn doubts(curves: &[TrainingCurve], area_ahead: f64, seen: f64, decay_ahead: f64) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if area_ahead > 1.5 {
        let quantity = "the sum of learning rates".to_owned();
        warnings.push(Warning::Extrapolation { quantity, factor: area_ahead });
    }
    if decay_ahead > seen + 0.1 {
        warnings.push(Warning::DecayUnseen { seen, ahead: decay_ahead });
    }
    let guessed = curves.iter().filter_map(|c| Some((c, c.guessed_until()?)));
    if let Some((curve, first)) = guessed.min_by_key(|(_, first)| *first) {
        let ramp = curves
            .iter()
            .any(|c| c.guessed_until().is_some() && matches!(c.lead_in(), LeadIn::Ramp(_)));
        let run = curve.name.clone();
        warnings.push(Warning::WarmupGuessed { run, first, ramp });
    }
    warnings
}

/// The trials of the first curve with the intervals they would have had.
fn hindsight(
    law: &'static dyn CurveForm,
    curves: &[Windows],
    own: &[Trial],
    error: &LawError,
    config: &CurveConfig,
    parts: &Parts<'_>,
) -> Result<Vec<Hindsight>> {
    let mut hindsight = Vec::new();
    for trial in own {
        let kept = curves[0].steps.partition_point(|step| *step <= trial.known_until);
        let mut known = vec![curves[0].cut(kept)];
        known.extend(curves[1..].iter().map(|o| o.cut(o.steps.len())));
        let rows = CurveRows::of(law, &known)?;
        let earlier = FittedCurves::of(&rows, config, &parts.inner());
        parts.one_done();
        parts.stopped()?;
        let Ok(earlier) = earlier else { continue };
        let ahead = Ahead::of(law, &known[0], trial.step);
        let other = rival(law, &known, trial.step, config);
        hindsight.push(Hindsight {
            known_until: trial.known_until,
            forecast: ahead.loss(law, &earlier.theta, &earlier.residuals, kept),
            interval: ahead.interval(&earlier, kept, error, other, config.level),
            actual: trial.actual,
        });
    }
    Ok(hindsight)
}
