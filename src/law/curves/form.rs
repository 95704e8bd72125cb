//! What a family of laws of loss curves writes.

use super::rates::LearningRates;
use crate::law::coef::Coef;

/// A family of laws of loss curves: the part a new one writes.
pub trait CurveForm: Send + Sync {
    /// Stable id, as in files and flags.
    fn id(&self) -> &'static str;
    /// The equation in plain text.
    fn equation(&self) -> &'static str;
    /// Paper and equation number.
    fn source(&self) -> &'static str;
    /// Coefficients in order.
    fn coefs(&self) -> &'static [Coef];
    /// Typical coefficients, for tests and documentation.
    fn example(&self) -> &'static [f64];

    /// What is left of the law where no rate comes down after its warm-up.
    fn without_decay(&self) -> &'static dyn CurveForm;

    /// What the loss at each of `steps` depends on besides the coefficients, computed once per fit. The
    /// steps are in order and after the warm-up.
    fn features(&self, rates: &LearningRates, steps: &[usize]) -> Vec<Vec<f64>>;

    /// Loss in nats per token.
    fn loss(&self, theta: &[f64], features: &[f64]) -> f64;

    /// Loss with gradient (p) and Hessian (p by p, row by row) in the coefficients.
    fn jet(
        &self,
        theta: &[f64],
        features: &[f64],
        gradient: &mut [f64],
        hessian: &mut [f64],
    ) -> f64;

    /// Closed ranges of coefficients that these rows may leave without a limit; none of most laws.
    fn bounds(&self, _features: &[Vec<f64>]) -> Vec<Option<(f64, f64)>> {
        vec![None; self.coefs().len()]
    }

    /// Points to start a fit from.
    fn starts(&self, features: &[Vec<f64>], loss: &[f64]) -> Vec<Vec<f64>>;
}
