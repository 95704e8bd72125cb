//! From N and D to loss, and from loss to error.

use super::form::Benchmark;
use crate::law::point::Point;
use crate::law::surface::Surface;
use crate::num::find_root;

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

    /// The loss at which the error is `target`: what a plan for a target error has to reach. `None` when no
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
