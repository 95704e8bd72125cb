//! Fits of loss curves under a schedule, and forecasts of runs that are not finished.

use std::collections::BTreeMap;

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::certificate::Certificate;
use super::objective::{Model, Observed, Penalty, Problem};
use super::solve::{descend, finish, search, stands};
use crate::data::TrainingCurve;
use crate::error::{FitError, Result, Warning};
use crate::law::{Coef, CurveForm, LearningRates};
use crate::num::{Interval, mean, smallest_eigenvalue, standard_deviation, stream};

/// Settings of [`forecast`].
///
/// | field | default | range | purpose |
/// |---|---|---|---|
/// | `rows` | 200 | 20..5000 | windows of a curve that become rows of the fit |
/// | `burn_in` | 0 | | steps left out after the warm-up |
/// | `delta` | 1e-3 | 1e-9..10 | half-width of the Huber band in log loss |
/// | `bootstrap` | 400 | 0 or >= 20 | resamples of blocks of residuals |
/// | `seed` | 0 | | seed of the resamples |
/// | `level` | 0.95 | 0.5..0.999 | level of the intervals |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CurveConfig {
    /// Windows of each curve; the mean log loss of a window is a row.
    pub rows: usize,
    /// Steps left out after the warm-up.
    pub burn_in: usize,
    /// Half-width of the Huber band in log loss.
    pub delta: f64,
    /// Resamples; 0 for none.
    pub bootstrap: usize,
    /// Seed of the resamples.
    pub seed: u64,
    /// Level of the intervals.
    pub level: f64,
}

impl Default for CurveConfig {
    fn default() -> Self {
        Self { rows: 200, burn_in: 0, delta: 1e-3, bootstrap: 400, seed: 0, level: 0.95 }
    }
}

impl CurveConfig {
    fn validate(&self) -> Result<(), FitError> {
        let bad = |field, found: String, wanted| Err(FitError::Config { field, found, wanted });
        if !(20..=5000).contains(&self.rows) {
            return bad("rows", self.rows.to_string(), "between 20 and 5000");
        }
        if !(1e-9..=10.0).contains(&self.delta) {
            return bad("delta", self.delta.to_string(), "between 1e-9 and 10");
        }
        if self.bootstrap != 0 && !(20..=100_000).contains(&self.bootstrap) {
            return bad("bootstrap", self.bootstrap.to_string(), "0, or between 20 and 100000");
        }
        if !(0.5..=0.999).contains(&self.level) {
            return bad("level", self.level.to_string(), "between 0.5 and 0.999");
        }
        Ok(())
    }
}

/// A forecast that would have been made earlier, beside what came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hindsight {
    /// The last step the forecast knew.
    pub known_until: usize,
    /// The loss it gave for the last window of the known part.
    pub forecast: f64,
    /// Its interval.
    pub interval: Option<Interval>,
    /// The loss that came.
    pub actual: f64,
}

/// The end of a run, foreseen.
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
    /// Doubts.
    #[serde(serialize_with = "crate::error::with_messages")]
    pub warnings: Vec<Warning>,
}

/// A curve as the solver sees it.
struct Prepared {
    schedule: LearningRates,
    /// Middle steps of the windows.
    steps: Vec<usize>,
    /// Mean log losses of the windows.
    ln_loss: Vec<f64>,
}

impl Prepared {
    /// Windows of equal numbers of logged steps after the warm-up and the burn-in.
    fn of(curve: &TrainingCurve, config: &CurveConfig) -> Result<Self> {
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

    /// The first rows of it.
    fn cut(&self, rows: usize) -> Self {
        Self {
            schedule: self.schedule.clone(),
            steps: self.steps[..rows].to_vec(),
            ln_loss: self.ln_loss[..rows].to_vec(),
        }
    }

    /// How far the rate has come down within the rows.
    fn decay(&self) -> f64 {
        self.steps.last().map_or(0.0, |s| self.schedule.decay(*s))
    }
}

/// A law of curves on rows.
struct CurveOn<'a> {
    law: &'static dyn CurveForm,
    features: &'a [Vec<f64>],
}

impl Model for CurveOn<'_> {
    fn coefs(&self) -> &'static [Coef] {
        self.law.coefs()
    }

    fn predict(&self, theta: &[f64], i: usize) -> f64 {
        self.law.loss(theta, &self.features[i])
    }

    fn jet(&self, theta: &[f64], i: usize, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        self.law.jet(theta, &self.features[i], gradient, hessian)
    }
}

/// A law fitted to curves.
struct Fitted {
    theta: Vec<f64>,
    certificate: Certificate,
    /// ln(observed) - ln(predicted), curve after curve.
    residuals: Vec<f64>,
    lag_one: f64,
    block: usize,
    draws: Vec<Vec<f64>>,
    draws_failed: usize,
}

/// Least share of the peak by which the rate must have come down for the terms of decay to show.
const LEAST_DECAY: f64 = 0.05;

fn fit_curves(
    law: &'static dyn CurveForm,
    curves: &[Prepared],
    config: &CurveConfig,
) -> Result<Fitted, FitError> {
    let rows: usize = curves.iter().map(|c| c.steps.len()).sum();
    let p = law.coefs().len();
    if rows < 3 * p {
        let (law, wanted) = (law.id(), 3 * p);
        return Err(FitError::TooFewRuns { law, found: rows, coefs: p, wanted });
    }
    let seen = curves.iter().map(Prepared::decay).fold(0.0, f64::max);
    if seen < LEAST_DECAY {
        return Err(FitError::NotIdentified {
            law: law.id(),
            reason: format!(
                "the learning rate has come down by {:.1} % of its peak at most, so what its decay is worth cannot be seen",
                100.0 * seen
            ),
            mend: "Add the curve of a run of the same size and batch whose rate decays".to_owned(),
        });
    }
    let features: Vec<Vec<f64>> =
        curves.iter().flat_map(|c| law.features(&c.schedule, &c.steps)).collect();
    let loss: Vec<f64> = curves.iter().flat_map(|c| c.ln_loss.iter().map(|l| l.exp())).collect();
    let observed = Observed::of(loss.iter().copied().collect());
    let model = CurveOn { law, features: &features };
    let held = vec![None; p];
    let problem = Problem {
        model: &model,
        observed: &observed,
        weights: None,
        penalty: Penalty::HuberLog { delta: config.delta },
        held: &held,
        priors: &[],
    };
    let starts = law.starts(&features, &loss);
    let none = || FitError::NoMinimum { law: law.id(), starts: starts.len() };
    let found = search(&problem, &starts, false).ok_or_else(none)?;
    let best = found.best;
    let theta = problem.natural(&best.x);
    let certificate = Certificate::new(
        best.jet.scaled_gradient(),
        smallest_eigenvalue(best.x.len(), &best.jet.hessian),
        starts.len(),
        found.agreeing,
        problem.rows_in_band(&best.x).len(),
    );
    let residuals: Vec<f64> = (0..rows).map(|i| -problem.residual(&theta, i)).collect();
    let lengths: Vec<usize> = curves.iter().map(|c| c.steps.len()).collect();
    let (lag_one, block) = blocks(&residuals, &lengths);
    let one = |k: usize| {
        let mut rng = stream(config.seed, k as u64);
        let mut drawn = Vec::with_capacity(rows);
        while drawn.len() < rows {
            let from = rng.random_range(0..=rows - block);
            drawn.extend_from_slice(&residuals[from..from + block]);
        }
        let ln: Vec<f64> =
            (0..rows).map(|i| law.loss(&theta, &features[i]).ln() + drawn[i]).collect();
        let observed = Observed::of(ln.iter().map(|l| l.exp()).collect());
        let again = Problem { observed: &observed, ..problem };
        let mut end = finish(&again, &best.x);
        if !stands(&end) {
            end = descend(&again, &best.x);
        }
        stands(&end).then(|| again.natural(&end.x))
    };
    #[cfg(feature = "parallel")]
    let draws: Vec<Option<Vec<f64>>> = {
        use rayon::prelude::*;
        (0..config.bootstrap).into_par_iter().map(one).collect()
    };
    #[cfg(not(feature = "parallel"))]
    let draws: Vec<Option<Vec<f64>>> = (0..config.bootstrap).map(one).collect();
    let draws_failed = draws.iter().filter(|d| d.is_none()).count();
    let draws = draws.into_iter().flatten().collect();
    Ok(Fitted { theta, certificate, residuals, lag_one, block, draws, draws_failed })
}

/// Correlation of neighbouring residuals within curves, and the length of the blocks that keep it:
/// (sqrt(6) rho / (1 - rho²))^(2/3) n^(1/3) rows (Carlstein 1986, for an autoregression of order
/// one), at least one and at most a quarter of the rows.
fn blocks(residuals: &[f64], lengths: &[usize]) -> (f64, usize) {
    let (mut products, mut squares, mut from) = (0.0, 0.0, 0);
    for length in lengths {
        let curve = &residuals[from..from + length];
        products += curve.windows(2).map(|w| w[0] * w[1]).sum::<f64>();
        squares += curve.iter().map(|r| r * r).sum::<f64>();
        from += length;
    }
    let rho = if squares > 0.0 { (products / squares).clamp(-0.99, 0.99) } else { 0.0 };
    let n = residuals.len() as f64;
    let length = (6_f64.sqrt() * rho.abs() / (1.0 - rho * rho)).powf(2.0 / 3.0) * n.cbrt();
    let most = (residuals.len() / 4).max(1);
    (rho, (length.ceil() as usize).clamp(1, most))
}

/// Loss of a draw with a residual, for each draw.
fn spread(law: &dyn CurveForm, fitted: &Fitted, features: &[f64], level: f64) -> Option<Interval> {
    let sample: Vec<f64> = fitted
        .draws
        .iter()
        .enumerate()
        .map(|(k, theta)| {
            // A prime stride walks through all residuals, unlike their order in the curve.
            let residual = fitted.residuals[(k * 7919) % fitted.residuals.len()];
            law.loss(theta, features) * residual.exp()
        })
        .collect();
    Interval::percentile(&sample, level)
}

/// Forecasts the end of the first curve from what is known of it and of the other curves, which must
/// be of the same N and batch size under whatever schedules.
///
/// The interval holds what is unknown of the coefficients and the scatter of the curve; that the law
/// itself may be off shows in [`Forecast::hindsight`] alone.
///
/// # Errors
/// [`FitError::NotIdentified`] when no learning rate came down in the known rows,
/// [`FitError::TooFewRuns`] below three rows per coefficient, [`FitError::NoMinimum`], or a schedule
/// that is none.
pub fn forecast(
    law: &'static dyn CurveForm,
    curves: &[TrainingCurve],
    config: &CurveConfig,
) -> Result<Forecast> {
    config.validate()?;
    let mut prepared =
        curves.iter().map(|c| Prepared::of(c, config)).collect::<Result<Vec<Prepared>>>()?;
    let (Some(curve), Some(first)) = (curves.first(), prepared.first()) else {
        let (field, found) = ("curves", "none".to_owned());
        return Err(FitError::Config { field, found, wanted: "at least one" }.into());
    };
    let final_step = first.schedule.steps();
    let known_until = curve.known_until();
    let ahead = law.features(&first.schedule, &[final_step]).remove(0);
    let area_ahead = first.schedule.area(final_step) / first.schedule.area(known_until);
    let decay_ahead = first.schedule.decay(final_step);
    let fitted = fit_curves(law, &prepared, config)?;
    let mut warnings = fitted.certificate.warnings();
    if fitted.draws_failed > 0 {
        let (failed, draws) = (fitted.draws_failed, config.bootstrap);
        warnings.push(Warning::DrawsFailed { failed, draws });
    }
    let seen = prepared.iter().map(Prepared::decay).fold(0.0, f64::max);
    if area_ahead > 1.5 {
        let quantity = "the sum of learning rates".to_owned();
        warnings.push(Warning::Extrapolation { quantity, factor: area_ahead });
    }
    if decay_ahead > seen + 0.1 {
        warnings.push(Warning::DecayUnseen { seen, ahead: decay_ahead });
    }
    let rows = prepared[0].steps.len();
    let others: Vec<Prepared> = prepared.drain(1..).collect();
    let mut hindsight = Vec::new();
    for tenths in [5, 6, 7, 8, 9] {
        let kept = rows * tenths / 10;
        let mut cut = vec![prepared[0].cut(kept)];
        cut.extend(others.iter().map(|o| o.cut(o.steps.len())));
        let Ok(earlier) = fit_curves(law, &cut, config) else { continue };
        let last = prepared[0].steps[rows - 1];
        let features = law.features(&prepared[0].schedule, &[last]).remove(0);
        hindsight.push(Hindsight {
            known_until: prepared[0].steps[kept - 1],
            forecast: law.loss(&earlier.theta, &features),
            interval: spread(law, &earlier, &features, config.level),
            actual: prepared[0].ln_loss[rows - 1].exp(),
        });
    }
    let coefs = law.coefs();
    let sample = |i: usize| fitted.draws.iter().map(|d| d[i]).collect::<Vec<f64>>();
    let named = |i: usize| coefs[i].name.to_owned();
    let squares: Vec<f64> = fitted.residuals.iter().map(|r| r * r).collect();
    Ok(Forecast {
        law: law.id().to_owned(),
        run: curve.name.clone(),
        curves: curves.len(),
        n_points: fitted.residuals.len(),
        known_until,
        final_step,
        loss_nats: law.loss(&fitted.theta, &ahead),
        interval: spread(law, &fitted, &ahead, config.level),
        level: config.level,
        area_ahead,
        coefficients: (0..coefs.len()).map(|i| (named(i), fitted.theta[i])).collect(),
        intervals: (0..coefs.len())
            .filter_map(|i| Some((named(i), Interval::percentile(&sample(i), config.level)?)))
            .collect(),
        std_errors: (0..coefs.len())
            .filter(|_| fitted.draws.len() >= 2)
            .map(|i| (named(i), standard_deviation(&sample(i))))
            .collect(),
        certificate: fitted.certificate,
        residual_sd: mean(&squares).sqrt(),
        lag_one: fitted.lag_one,
        block: fitted.block,
        draws_failed: fitted.draws_failed,
        hindsight,
        warnings,
    })
}
