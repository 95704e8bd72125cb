//! Benchmark laws: from the loss of a model to its error on tasks.
//!
//! A law of N and D says what a run loses; a benchmark law says what that loss is worth on a task.
//! Together they are the two-step prediction of Gadre et al. 2024 and of Llama 3 (arXiv:2407.21783,
//! sec. 3.2.1): [`TwoStep`].

mod exponential;
mod logistic;
mod prediction;

pub use exponential::ExponentialError;
pub use logistic::LogisticError;
pub use prediction::TwoStepPrediction;

use num_dual::HyperDual64;

use super::form::{Coef, dual_jet};
use super::surface::{Point, Surface};
use crate::error::LawError;
use crate::num::{Real, find_root};

/// A family of benchmark laws: the part a new one writes.
pub trait BenchmarkForm: Send + Sync + 'static {
    /// Stable id, as in files and flags.
    const ID: &'static str;
    /// The equation in plain text.
    const EQUATION: &'static str;
    /// Paper and equation number.
    const SOURCE: &'static str;
    /// Coefficients in order.
    const COEFS: &'static [Coef];

    /// Error, one minus accuracy, at a loss in nats per token.
    fn error<T: Real>(&self, theta: &[T], loss: T) -> T;

    /// Points to start a fit from.
    fn starts(&self, loss: &[f64], error: &[f64]) -> Vec<Vec<f64>>;
}

/// A benchmark family behind a reference. Implemented for every [`BenchmarkForm`].
pub trait Benchmark: Send + Sync {
    /// Stable id.
    fn id(&self) -> &'static str;
    /// The equation in plain text.
    fn equation(&self) -> &'static str;
    /// Paper and equation number.
    fn source(&self) -> &'static str;
    /// Coefficients in order.
    fn coefs(&self) -> &'static [Coef];
    /// See [`BenchmarkForm::error`].
    fn error(&self, theta: &[f64], loss: f64) -> f64;
    /// Error with its gradient (p) and Hessian (p by p) in the coefficients.
    fn jet(&self, theta: &[f64], loss: f64, gradient: &mut [f64], hessian: &mut [f64]) -> f64;
    /// See [`BenchmarkForm::starts`].
    fn starts(&self, loss: &[f64], error: &[f64]) -> Vec<Vec<f64>>;
}

impl<F: BenchmarkForm> Benchmark for F {
    fn id(&self) -> &'static str {
        F::ID
    }
    fn equation(&self) -> &'static str {
        F::EQUATION
    }
    fn source(&self) -> &'static str {
        F::SOURCE
    }
    fn coefs(&self) -> &'static [Coef] {
        F::COEFS
    }
    fn error(&self, theta: &[f64], loss: f64) -> f64 {
        BenchmarkForm::error(self, theta, loss)
    }
    fn jet(&self, theta: &[f64], loss: f64, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let error = |theta: &[HyperDual64]| BenchmarkForm::error(self, theta, loss.into());
        dual_jet(error, theta, gradient, hessian)
    }
    fn starts(&self, loss: &[f64], error: &[f64]) -> Vec<Vec<f64>> {
        BenchmarkForm::starts(self, loss, error)
    }
}

static BENCHMARKS: [&dyn Benchmark; 2] = [&ExponentialError, &LogisticError];

/// Every benchmark family.
#[must_use]
pub fn benchmarks() -> &'static [&'static dyn Benchmark] {
    &BENCHMARKS
}

/// The benchmark family of this id.
///
/// # Errors
/// [`LawError::UnknownForm`] with the known ids.
pub fn benchmark_by_id(id: &str) -> Result<&'static dyn Benchmark, LawError> {
    BENCHMARKS.iter().copied().find(|b| b.id() == id).ok_or_else(|| LawError::UnknownForm {
        id: id.to_owned(),
        known: BENCHMARKS.map(Benchmark::id).join(", "),
    })
}

/// A law of loss and a benchmark law: size and tokens in, error out.
#[derive(Clone)]
pub struct TwoStep {
    /// Loss from N and D.
    pub surface: Surface,
    /// Error from loss.
    pub benchmark: &'static dyn Benchmark,
    /// Coefficients of the benchmark law.
    pub theta: Vec<f64>,
}

impl TwoStep {
    /// Predicted error at a point.
    #[must_use]
    pub fn error(&self, point: &Point) -> f64 {
        self.benchmark.error(&self.theta, self.surface.loss(point))
    }

    /// The loss at which the error is `target`: what a plan for a score has to reach. `None` when no
    /// loss between the floor of the law and 20 nats gives it.
    ///
    /// ```
    /// use isoloss::law::{ExponentialError, Surface, TwoStep};
    ///
    /// // Gadre et al. 2024, RedPajama, mean of 17 tasks.
    /// let surface = Surface::published("gadre-redpajama")?;
    /// let law = TwoStep { surface, benchmark: &ExponentialError, theta: vec![0.857, 2.21, 0.715] };
    /// let loss = law.loss_for_error(0.5).expect("within reach");
    /// assert!((0.857 - 2.21 * (-0.715 * loss).exp() - 0.5).abs() < 1e-9);
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    #[must_use]
    pub fn loss_for_error(&self, target: f64) -> Option<f64> {
        let excess = |loss: f64| self.benchmark.error(&self.theta, loss) - target;
        find_root("loss for an error", excess, self.surface.floor(), 20.0).ok()
    }
}
