//! What a law of curves says of a later step of a run, and how far off such forecasts were before.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::config::CurveConfig;
use super::fitted::{CurveRows, FittedCurves};
use super::windows::Windows;
use crate::law::{Annealing, CurveForm, SublinearPower};
use crate::num::Interval;

/// A forecast made with part of a curve left out, beside what came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The run.
    pub run: String,
    /// The last step that the forecast used.
    pub known_until: usize,
    /// The step it is for.
    pub step: usize,
    /// The forecast.
    pub forecast: f64,
    /// The observed loss.
    pub actual: f64,
    /// By how much the loss was still to fall, as a share: ln of the last known loss over the forecast.
    pub fall: f64,
}

/// Shares of the known rows, in tenths, from which the rest of them is forecast again.
pub(super) const TENTHS: [usize; 5] = [5, 6, 7, 8, 9];

/// How far off a forecast is when all of a fall is ahead, before any backtest: log loss. Over the
/// eighteen curves of Luo et al. (2025) at 25M and 100M parameters, each forecast at five points with
/// two or three others beside it, the root mean square of error over [`reach`] is 0.2 %.
const USUAL_ERROR: f64 = 2.5e-3;

/// Curves that this figure is worth beside those at hand.
const USUAL_WEIGHT: f64 = 3.0;

/// The fall at which half of that error is reached.
const HALF_FALL: f64 = 0.01;

/// What share of a law's error a forecast has whose loss falls by a share `fall`: next to nothing one
/// step ahead, all of it far ahead.
pub(super) fn reach(fall: f64) -> f64 {
    let fall = fall.abs();
    fall / (fall + HALF_FALL)
}

/// How far off a law is, learnt from backtests.
pub(super) struct LawError {
    /// Standard deviation in log loss at full reach.
    sd: f64,
    freedom: f64,
}

impl LawError {
    /// From trials of each curve: those of one curve share their end, so a curve counts once.
    pub(super) fn of<'a>(trials: impl Iterator<Item = &'a [Trial]>) -> Self {
        let (mut squares, mut weight) = (USUAL_WEIGHT * USUAL_ERROR.powi(2), USUAL_WEIGHT);
        for of_curve in trials.filter(|t| !t.is_empty()) {
            let sum: f64 = of_curve
                .iter()
                .map(|t| ((t.forecast / t.actual).ln() / reach(t.fall).max(0.1)).powi(2))
                .sum();
            squares += sum / of_curve.len() as f64;
            weight += 1.0;
        }
        Self { sd: (squares / weight).sqrt(), freedom: weight }
    }

    /// Standard deviation of a forecast in log loss.
    pub(super) fn sd(&self, fall: f64) -> f64 {
        self.sd * reach(fall)
    }

    /// `interval` around `centre`, widened by the error of the law and the distance to a rival: all
    /// half-widths in log loss, added in squares.
    fn widen(
        &self,
        interval: Interval,
        centre: f64,
        fall: f64,
        rival: Option<f64>,
        level: f64,
    ) -> Interval {
        let t = StudentsT::new(0.0, 1.0, self.freedom)
            .map_or(2.0, |student| student.inverse_cdf(0.5 + 0.5 * level));
        let apart = rival.map_or(0.0, |rival| (rival / centre).ln());
        let half = (t * self.sd(fall)).hypot(apart);
        let side = |end: f64| (end / centre).ln().hypot(half).exp();
        Interval { lo: centre / side(interval.lo), hi: centre * side(interval.hi) }
    }
}

/// What coefficients say of the loss at a step of a run, from its own last rows.
pub(super) struct Ahead {
    features: Vec<f64>,
    /// How much of the run's latest residual is left at that step: the share of the area under its
    /// rates that was known.
    share: f64,
    /// Rows at the end of the known part whose mean residual counts.
    tail: usize,
    /// Mean log loss of those rows.
    ln_last: Option<f64>,
}

impl Ahead {
    /// - `run`: the known rows of the run.
    pub(super) fn of(law: &'static dyn CurveForm, run: &Windows, step: usize) -> Self {
        let features = law.features(&run.schedule, &[step]).remove(0);
        let tail = (run.steps.len() / 10).max(5).min(run.steps.len());
        let last = &run.ln_loss[run.ln_loss.len() - tail..];
        let ln_last = (tail > 0).then(|| last.iter().sum::<f64>() / tail as f64);
        let known = run.steps.last().map_or(0.0, |s| run.schedule.area(*s));
        Self { features, share: known / run.schedule.area(step), tail, ln_last }
    }

    /// Loss at the step, shifted by what is left of the run's own last residuals.
    ///
    /// - `residuals`: of the fit, those of the run first.
    /// - `rows`: of the run.
    pub(super) fn loss(
        &self,
        law: &'static dyn CurveForm,
        theta: &[f64],
        residuals: &[f64],
        rows: usize,
    ) -> f64 {
        law.loss(theta, &self.features) * self.shift(residuals, rows).exp()
    }

    fn shift(&self, residuals: &[f64], rows: usize) -> f64 {
        if self.tail == 0 {
            return 0.0;
        }
        let last = &residuals[rows - self.tail..rows];
        self.share * last.iter().sum::<f64>() / self.tail as f64
    }

    /// By how much the loss falls from the last known rows to `loss`, in log loss. With nothing known
    /// of the run, as far as can be.
    pub(super) fn fall(&self, loss: f64) -> f64 {
        self.ln_last.map_or(f64::MAX, |last| last - loss.ln())
    }

    /// Where the loss is expected: of each draw, with a residual, widened by the error of the law and
    /// the forecast of its rival.
    pub(super) fn interval(
        &self,
        fitted: &FittedCurves,
        rows: usize,
        error: &LawError,
        rival: Option<f64>,
        level: f64,
    ) -> Option<Interval> {
        let shift = self.shift(&fitted.residuals, rows);
        let centre = fitted.law.loss(&fitted.theta, &self.features) * shift.exp();
        let drawn = crate::fit::uncertainty::predictive_interval(
            &fitted.draws.thetas,
            &fitted.residuals,
            level,
            |_, theta, residual| fitted.law.loss(theta, &self.features) * (shift + residual).exp(),
        )?;
        Some(error.widen(drawn, centre, self.fall(centre), rival, level))
    }
}

/// What another law says of a step of the first curve. Schedules unlike those seen are where laws part:
/// after one cosine, those of WSD decays are 1.2 % apart at 25M parameters, and the truth lies between.
pub(super) fn rival(
    law: &'static dyn CurveForm,
    curves: &[Windows],
    step: usize,
    config: &CurveConfig,
) -> Option<f64> {
    if law.id() == law.without_decay().id() {
        return None;
    }
    let other: &'static dyn CurveForm =
        if law.id() == Annealing.id() { &SublinearPower } else { &Annealing };
    let rows = CurveRows::of(other, curves).ok()?;
    let theta = rows.backtest(config)?;
    let run = curves.first()?;
    let loss =
        Ahead::of(other, run, step).loss(other, &theta, &rows.residuals(&theta), run.steps.len());
    (loss.is_finite() && loss > 0.0).then_some(loss)
}

/// Forecasts of the last known row of curve `at` from less of it, beside the others; none from parts
/// that the law cannot be fitted to.
pub(super) fn trials(
    law: &'static dyn CurveForm,
    curves: &[Windows],
    at: usize,
    config: &CurveConfig,
) -> Vec<Trial> {
    let curve = &curves[at];
    let Some(step) = curve.steps.last().copied() else { return Vec::new() };
    let trial = |tenths: &usize| {
        let kept = curve.steps.len() * tenths / 10;
        let mut known = vec![curve.cut(kept)];
        let others = curves.iter().enumerate().filter(|(i, _)| *i != at);
        known.extend(others.map(|(_, o)| o.cut(o.steps.len())));
        if kept < 5 || !super::windows::shows_decay(law, &known, step) {
            return None;
        }
        let rows = CurveRows::of(law, &known).ok()?;
        let theta = rows.backtest(config)?;
        let ahead = Ahead::of(law, &known[0], step);
        let forecast = ahead.loss(law, &theta, &rows.residuals(&theta), kept);
        Some(Trial {
            run: curve.name.clone(),
            known_until: curve.steps[kept - 1],
            step,
            forecast,
            actual: curve.ln_loss[curve.ln_loss.len() - 1].exp(),
            fall: ahead.fall(forecast),
        })
    };
    TENTHS.iter().filter_map(trial).collect()
}
