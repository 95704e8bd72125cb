//! Run tables as the solver sees them: centred logarithms and losses.

use ndarray::Array1;

use super::problem::{Observed, Predictor};
use crate::data::{RunRecord, RunTable};
use crate::law::{At, Coef, Law, Point, Separable};

/// A run as a law sees it.
pub(crate) fn point(run: &RunRecord) -> Point {
    Point::new(run.n, run.d).within(run.setting)
}

/// ln N, ln D and ln L of the runs, N and D relative to their means.
///
/// Around the mean the logarithm of a coefficient and its exponent are nearly independent; from
/// N = 1 they are correlated to 0.9993 on the Chinchilla points and every solver crawls.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    pub(crate) at: Vec<At<f64>>,
    pub(crate) observed: Observed,
    /// How much each run counts; `None` for each once.
    pub(crate) weights: Option<Vec<f64>>,
    pub(crate) ln_n0: f64,
    pub(crate) ln_d0: f64,
}

impl Rows {
    /// The runs around the centre `law` can work at.
    pub(crate) fn of(table: &RunTable, law: &dyn Law) -> Self {
        let at: Vec<At<f64>> = table.runs.iter().map(|r| point(r).at()).collect();
        let mean = |f: fn(&At<f64>) -> f64| {
            at.iter().map(f).collect::<Array1<f64>>().mean().unwrap_or(0.0)
        };
        let ln_n0 = mean(|x| x.ln_n);
        let ln_d0 = if law.centres_tokens() { mean(|x| x.ln_d) } else { 0.0 };
        let weighted = table.runs.iter().any(|r| r.weight.is_some());
        Self {
            at: at.iter().map(|x| x.relative_to(ln_n0, ln_d0)).collect(),
            observed: Observed::of(table.runs.iter().map(|r| r.loss_nats).collect()),
            weights: weighted.then(|| table.runs.iter().map(|r| r.weight.unwrap_or(1.0)).collect()),
            ln_n0,
            ln_d0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.at.len()
    }

    /// The same rows around N = 1 and D = 1, where published constants live.
    pub(crate) fn uncentred(&self) -> Self {
        let at = self.at.iter().map(|x| x.relative_to(-self.ln_n0, -self.ln_d0)).collect();
        Self { at, ln_n0: 0.0, ln_d0: 0.0, ..self.clone() }
    }
}

/// A law of N and D on rows.
#[derive(Clone, Copy)]
pub(crate) struct LawOn<'a> {
    pub(crate) law: &'static dyn Law,
    pub(crate) at: &'a [At<f64>],
}

impl<'a> LawOn<'a> {
    pub(crate) fn new(law: &'static dyn Law, rows: &'a Rows) -> Self {
        Self { law, at: &rows.at }
    }
}

impl Predictor for LawOn<'_> {
    fn coefs(&self) -> &'static [Coef] {
        self.law.coefs()
    }

    fn predict(&self, theta: &[f64], i: usize) -> f64 {
        self.law.loss(theta, &self.at[i])
    }

    fn jet(&self, theta: &[f64], i: usize, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        self.law.jet(theta, &self.at[i], gradient, hessian)
    }

    fn separable(&self, theta: &[f64]) -> Option<(Separable, &[At<f64>])> {
        Some((self.law.separable(theta)?, self.at))
    }
}
