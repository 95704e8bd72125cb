//! What intervals of a fitted law carry beyond its runs.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::point::Point;
use super::surface::Surface;
use crate::units::Flops;

/// Another law of the same runs, with a certified fit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RivalLaw {
    /// Its fit to all runs.
    pub surface: Surface,
    /// How much it counts, 0 to 1: by its errors on runs of more compute and by its residuals, beside
    /// those of the fitted law.
    pub weight: f64,
    /// Root mean square error on runs of more compute, over the fits; absent where none could be made.
    pub error: Option<f64>,
}

/// How uncertain a law is beyond its runs, besides what its draws say.
///
/// At a distance x = ln of how far a run lies beyond the largest N, D or C, the logarithm of the loss has
/// the further variance rate² x + (spread of rival laws / 2)²; a Student quantile turns it into the
/// half-width that joins the interval of the draws in quadrature. In the range of the runs it is zero.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Beyond {
    /// Standard deviation of ln loss per square root of x.
    pub rate: f64,
    /// The same of ln N* at a budget.
    pub rate_params: f64,
    /// Degrees of freedom of the rates.
    pub freedom: f64,
    /// Level of the intervals.
    pub level: f64,
    /// Other laws of the same runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rivals: Vec<RivalLaw>,
}

impl Beyond {
    /// The half-width that intervals of the loss at `at` carry, in ln loss; zero in the range of the
    /// runs.
    ///
    /// - `best`: the fitted surface.
    #[must_use]
    pub fn half_width(&self, best: &Surface, at: &Point) -> f64 {
        let x = best.support.distance_beyond(at);
        if x <= 0.0 {
            return 0.0;
        }
        let here = best.loss(at).ln();
        let apart = self.spread(x, |rival| Some(rival.loss(at).ln() - here));
        self.quantile() * (self.rate * self.rate * x + apart).sqrt()
    }

    /// The half-width that intervals of the best size at `c` carry, in ln N; zero in the range of the
    /// runs.
    ///
    /// - `best`: the fitted surface.
    #[must_use]
    pub fn half_width_params(&self, best: &Surface, c: Flops) -> f64 {
        let largest = best.support.c.map_or(f64::INFINITY, |c| c.hi * best.flops_per_nd / 6.0);
        let x = (c.get() / largest).ln();
        let Some(here) = best.ln_n_optimal(c).filter(|_| x > 1e-9) else { return 0.0 };
        let apart = self.spread(x, |rival| Some(rival.ln_n_optimal(c)? - here));
        self.quantile() * (self.rate_params * self.rate_params * x + apart).sqrt()
    }

    /// How many standard deviations the half of an interval is.
    fn quantile(&self) -> f64 {
        StudentsT::new(0.0, 1.0, self.freedom)
            .map_or(f64::NAN, |t| t.inverse_cdf(0.5 + 0.5 * self.level))
    }

    /// A quarter of the mean square by which rivals differ, which counts in full from a factor 1.6 beyond the
    /// runs: a weighted mean over the rivals and, where their weights do not reach one, none.
    fn spread(&self, x: f64, differs: impl Fn(&Surface) -> Option<f64>) -> f64 {
        let (mut squares, mut weights) = (0.0, 0.0);
        for rival in &self.rivals {
            let Some(d) = differs(&rival.surface).filter(|d| d.is_finite()) else { continue };
            squares += rival.weight * d * d;
            weights += rival.weight;
        }
        0.25 * squares / f64::max(weights, 1.0) * (2.0 * x).min(1.0)
    }
}
