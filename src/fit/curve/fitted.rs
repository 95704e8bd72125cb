//! A law of curves fitted to windows.

use rand::RngExt;

use super::config::CurveConfig;
use super::windows::Windows;
use crate::error::{DesignGap, FitError};
use crate::fit::progress::OnProgress;
use crate::fit::solve::{
    Certificate, Known, Observed, Penalty, Predictor, Problem, estimate, refit,
};
use crate::fit::uncertainty::{Draws, predictive_interval, resample};
use crate::law::{Coef, CurveForm};
use crate::num::Interval;

/// A law of curves on rows.
struct CurveOn<'a> {
    law: &'static dyn CurveForm,
    features: &'a [Vec<f64>],
}

impl Predictor for CurveOn<'_> {
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
pub(super) struct FittedCurves {
    pub(super) law: &'static dyn CurveForm,
    pub(super) theta: Vec<f64>,
    pub(super) certificate: Certificate,
    /// ln(observed) - ln(predicted), curve after curve.
    pub(super) residuals: Vec<f64>,
    pub(super) lag_one: f64,
    pub(super) block: usize,
    pub(super) draws: Draws,
}

/// Least share of the peak by which the rate must have come down for the terms of decay to show.
const LEAST_DECAY: f64 = 0.05;

impl FittedCurves {
    /// Fits `law` to the rows of all curves and to resamples of blocks of its residuals.
    pub(super) fn of(
        law: &'static dyn CurveForm,
        curves: &[Windows],
        config: &CurveConfig,
        progress: &OnProgress<'_>,
    ) -> Result<Self, FitError> {
        let rows: usize = curves.iter().map(|c| c.steps.len()).sum();
        let p = law.coefs().len();
        if rows < 3 * p {
            let (law, wanted) = (law.id(), 3 * p);
            return Err(FitError::TooFewRuns { law, found: rows, coefs: p, wanted });
        }
        let decay = curves.iter().map(Windows::decay).fold(0.0, f64::max);
        if decay < LEAST_DECAY {
            let gap = DesignGap::NoDecay { decay };
            return Err(FitError::NotIdentified { law: law.id(), gap });
        }
        let features: Vec<Vec<f64>> =
            curves.iter().flat_map(|c| law.features(&c.schedule, &c.steps)).collect();
        let loss: Vec<f64> =
            curves.iter().flat_map(|c| c.ln_loss.iter().map(|l| l.exp())).collect();
        let observed = Observed::of(loss.iter().copied().collect());
        let known = Known::held(vec![None; p]);
        let problem = Problem {
            model: &CurveOn { law, features: &features },
            observed: &observed,
            weights: None,
            penalty: Penalty::HuberLog { delta: config.delta },
            held: &known.held,
            priors: &[],
        };
        let starts = law.starts(&features, &loss);
        let minimum = estimate(law.id(), &problem, &known, &starts, false)?;
        let theta = minimum.theta;
        let residuals: Vec<f64> = (0..rows).map(|i| -problem.residual(&theta, i)).collect();
        let counts: Vec<usize> = curves.iter().map(|c| c.steps.len()).collect();
        let (lag_one, block) = blocks(&residuals, &counts);
        let near = [minimum.best.x];
        let draws = resample(config.bootstrap, config.seed, progress, |rng| {
            let mut drawn = Vec::with_capacity(rows);
            while drawn.len() < rows {
                let from = rng.random_range(0..=rows - block);
                drawn.extend_from_slice(&residuals[from..from + block]);
            }
            let ln: Vec<f64> =
                (0..rows).map(|i| law.loss(&theta, &features[i]).ln() + drawn[i]).collect();
            let observed = Observed::of(ln.iter().map(|l| l.exp()).collect());
            let again = Problem { observed: &observed, ..problem };
            refit(&again, &near).map(|end| again.natural(&end.x))
        })?;
        let certificate = minimum.certificate;
        Ok(Self { law, theta, certificate, residuals, lag_one, block, draws })
    }

    /// Loss at these features.
    pub(super) fn loss(&self, features: &[f64]) -> f64 {
        self.law.loss(&self.theta, features)
    }

    /// Where the loss at these features is expected: of each draw, with a residual.
    pub(super) fn interval(&self, features: &[f64], level: f64) -> Option<Interval> {
        predictive_interval(&self.draws.thetas, &self.residuals, level, |_, theta, residual| {
            self.law.loss(theta, features) * residual.exp()
        })
    }
}

/// Correlation of neighbouring residuals within curves, and the number of rows in the blocks that keep
/// it: (sqrt(6) rho / (1 - rho²))^(2/3) n^(1/3) (Carlstein 1986, for an autoregression of order
/// one), at least one and at most a quarter of the rows.
///
/// - `counts`: rows of each curve.
fn blocks(residuals: &[f64], counts: &[usize]) -> (f64, usize) {
    let (mut products, mut squares, mut from) = (0.0, 0.0, 0);
    for count in counts {
        let curve = &residuals[from..from + count];
        products += curve.windows(2).map(|w| w[0] * w[1]).sum::<f64>();
        squares += curve.iter().map(|r| r * r).sum::<f64>();
        from += count;
    }
    let rho = if squares > 0.0 { (products / squares).clamp(-0.99, 0.99) } else { 0.0 };
    let n = residuals.len() as f64;
    let block = (6_f64.sqrt() * rho.abs() / (1.0 - rho * rho)).powf(2.0 / 3.0) * n.cbrt();
    let most = (residuals.len() / 4).max(1);
    (rho, (block.ceil() as usize).clamp(1, most))
}
