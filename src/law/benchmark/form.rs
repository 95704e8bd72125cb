//! What a family of benchmark laws writes, and the same behind a reference.

use num_dual::HyperDual64;

use crate::law::coef::Coef;
use crate::law::form::dual_jet;
use crate::num::Real;

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
    /// Typical coefficients, for tests and documentation.
    const EXAMPLE: &'static [f64];

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
    /// See [`BenchmarkForm::EXAMPLE`].
    fn example(&self) -> &'static [f64];
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
    fn example(&self) -> &'static [f64] {
        F::EXAMPLE
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
