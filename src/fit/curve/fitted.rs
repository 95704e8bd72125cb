//! A law of curves fitted to windows.

use rand::RngExt;

use super::config::CurveConfig;
use super::windows::Windows;
use crate::error::{FitError, Warning};
use crate::fit::progress::OnProgress;
use crate::fit::solve::{
    Certificate, Known, Observed, Penalty, Predictor, Problem, estimate, refit,
};
use crate::fit::uncertainty::{Draws, resample};
use crate::law::{Coef, CurveForm};

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

/// The rows of curves with what a law sees of them.
pub(super) struct CurveRows {
    law: &'static dyn CurveForm,
    features: Vec<Vec<f64>>,
    observed: Observed,
    /// Rows of each curve.
    pub(super) counts: Vec<usize>,
    known: Known,
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
    /// Coefficients at the end of the range that the rows can tell.
    pub(super) at_bound: Vec<Warning>,
}

/// Starts of a fit in a backtest, the best first: those of the law agree, and a backtest has many fits.
const BACKTEST_STARTS: usize = 3;

impl CurveRows {
    /// # Errors
    /// [`FitError::TooFewRuns`] below three rows per coefficient.
    pub(super) fn of(law: &'static dyn CurveForm, curves: &[Windows]) -> Result<Self, FitError> {
        let counts: Vec<usize> = curves.iter().map(|c| c.steps.len()).collect();
        let (rows, p) = (counts.iter().sum::<usize>(), law.coefs().len());
        if rows < 3 * p {
            let (law, wanted) = (law.id(), 3 * p);
            return Err(FitError::TooFewRuns { law, found: rows, coefs: p, wanted });
        }
        let features: Vec<Vec<f64>> =
            curves.iter().flat_map(|c| law.features(&c.schedule, &c.steps)).collect();
        let loss = curves.iter().flat_map(|c| c.ln_loss.iter().map(|l| l.exp())).collect();
        let known = Known { bounds: law.bounds(&features), ..Known::held(vec![None; p]) };
        Ok(Self { law, features, observed: Observed::of(loss), counts, known })
    }

    fn model(&self) -> CurveOn<'_> {
        CurveOn { law: self.law, features: &self.features }
    }

    fn problem<'a>(&'a self, model: &'a CurveOn<'a>, config: &CurveConfig) -> Problem<'a> {
        Problem {
            model,
            observed: &self.observed,
            weights: None,
            penalty: Penalty::HuberLog { delta: config.delta },
            held: &self.known.held,
            priors: &[],
        }
    }

    fn starts(&self) -> Vec<Vec<f64>> {
        self.law.starts(&self.features, &self.observed.value.to_vec())
    }

    /// Coefficients of the lowest minimum from a few starts, or `None` where there is none.
    pub(super) fn backtest(&self, config: &CurveConfig) -> Option<Vec<f64>> {
        let model = self.model();
        let problem = self.problem(&model, config);
        let starts = self.starts();
        self.lowest(&problem, &starts[..starts.len().min(BACKTEST_STARTS)])
    }

    /// Coefficients of the lowest minimum from points near it, within the bounds of the law.
    fn lowest(&self, problem: &Problem<'_>, near: &[Vec<f64>]) -> Option<Vec<f64>> {
        let (_, theta) = self.known.settle(problem, |problem| {
            let starts: Vec<Vec<f64>> = near.iter().map(|s| problem.variables(s)).collect();
            let end = refit(problem, &starts)?;
            let theta = problem.natural(&end.x);
            Some((end, theta))
        })?;
        Some(theta)
    }

    /// ln(observed) - ln(predicted).
    pub(super) fn residuals(&self, theta: &[f64]) -> Vec<f64> {
        let predicted = self.features.iter().map(|f| self.law.loss(theta, f).ln());
        self.observed.ln.iter().zip(predicted).map(|(o, p)| o - p).collect()
    }
}

impl FittedCurves {
    /// Fits a law to the rows of all curves and to resamples of blocks of its residuals.
    pub(super) fn of(
        rows: &CurveRows,
        config: &CurveConfig,
        progress: &OnProgress<'_>,
    ) -> Result<Self, FitError> {
        let (law, model) = (rows.law, rows.model());
        let problem = rows.problem(&model, config);
        let minimum = estimate(law.id(), &problem, &rows.known, &rows.starts(), false)?;
        let theta = minimum.theta;
        let residuals = rows.residuals(&theta);
        let (lag_one, block) = blocks(&residuals, &rows.counts);
        let near = [theta.clone()];
        let n = residuals.len();
        let draws = resample(config.bootstrap, config.seed, progress, |rng| {
            let mut drawn = Vec::with_capacity(n);
            while drawn.len() < n {
                let from = rng.random_range(0..=n - block);
                drawn.extend_from_slice(&residuals[from..from + block]);
            }
            let fitted = rows.features.iter().map(|f| law.loss(&theta, f));
            let loss = fitted.zip(&drawn).map(|(loss, r)| loss * r.exp()).collect();
            let observed = Observed::of(loss);
            let again = Problem { observed: &observed, ..problem };
            rows.lowest(&again, &near)
        })?;
        let certificate = minimum.certificate;
        let at_bound = (0..theta.len()).filter(|&i| minimum.held[i].is_some());
        let at_bound = at_bound
            .map(|i| Warning::AtBound { coef: law.coefs()[i].name.to_owned(), bound: theta[i] });
        let at_bound = at_bound.collect();
        Ok(Self { at_bound, law, theta, certificate, residuals, lag_one, block, draws })
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
