//! What was measured, and what it adds to an interval.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::folds::distance;
use super::verdict::Reach;
use crate::error::Warning;
use crate::law::{Point, Surface};
use crate::num::Interval;
use crate::units::Flops;

/// A fit of the runs of less compute, tested on those of more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NearerFit {
    /// Largest C = 6 N D among the fitted runs.
    pub fitted_to: Flops,
    /// Runs fitted.
    pub n_fitted: usize,
    /// Runs of more compute, all of them tested.
    pub n_points: usize,
    /// Root mean square of ln(predicted) - ln(observed) of the tested runs.
    pub error: f64,
    /// Mean of it.
    pub bias: f64,
    /// Standard deviation of the residuals of the fitted runs.
    pub scatter: f64,
}

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

/// What extrapolation has cost a law among its own runs, and what intervals beyond them carry for it.
///
/// At a distance x = ln of how far a run lies beyond the largest N, D or C, the logarithm of the loss has
/// the further variance rate² x + (spread of rival laws / 2)²; a Student quantile turns it into the
/// half-width that joins the interval of the draws in quadrature. In the range of the runs it is zero.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Extrapolation {
    /// Standard deviation of ln loss per square root of x.
    pub rate: f64,
    /// The same of ln N* at a budget: how far the optimum moved when the larger runs were added.
    pub rate_params: f64,
    /// Degrees of freedom of the rates.
    pub freedom: f64,
    /// Level of the intervals.
    pub level: f64,
    /// Root mean square error on runs of more compute, over the fits; absent where none could be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<f64>,
    /// The half-width that ten times the compute adds to the logarithm of the loss, at the optimum.
    pub tenfold: f64,
    /// By how much the law says that ten times the compute lowers the logarithm of the loss there.
    pub gain: f64,
    /// Whether the law may be believed beyond its runs.
    pub reach: Reach,
    /// The fits of the nearer runs, fewest first.
    pub fits: Vec<NearerFit>,
    /// Other laws of the same runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rivals: Vec<RivalLaw>,
}

impl Extrapolation {
    /// How many standard deviations the half of an interval is.
    pub(super) fn quantile(&self) -> f64 {
        StudentsT::new(0.0, 1.0, self.freedom)
            .map_or(f64::NAN, |t| t.inverse_cdf(0.5 + 0.5 * self.level))
    }

    /// The half-width that intervals of the loss at `at` carry, in ln loss; zero in the range of the
    /// runs.
    ///
    /// - `best`: the fitted surface.
    #[must_use]
    pub fn half_width(&self, best: &Surface, at: &Point) -> f64 {
        let x = distance(&best.support, at);
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

    /// The rival that predicted runs of more compute with less than 0.7 of the error of the fitted law, best
    /// first.
    #[must_use]
    pub fn better(&self) -> Option<&RivalLaw> {
        let limit = 0.7 * self.error?;
        self.rivals
            .iter()
            .filter(|rival| rival.error.is_some_and(|error| error < limit))
            .min_by(|a, b| a.error.unwrap_or(limit).total_cmp(&b.error.unwrap_or(limit)))
    }

    /// A warning where the law must not be used beyond its runs.
    #[must_use]
    pub fn warning(&self) -> Option<Warning> {
        (self.reach == Reach::DoNotExtrapolate).then(|| Warning::DoNotExtrapolate {
            cost: self.tenfold.exp_m1(),
            gain: -(-self.gain).exp_m1(),
            fits: self.fits.len(),
            better: self.better().map(|rival| rival.surface.law().id().to_owned()),
        })
    }
}

/// An interval of a positive quantity with `half` more in its logarithm, in quadrature around the middle.
pub(crate) fn widened(interval: Interval, half: f64) -> Interval {
    let (lo, hi) = (interval.lo.ln(), interval.hi.ln());
    if half <= 0.0 || !(lo.is_finite() && hi.is_finite()) {
        return interval;
    }
    let (middle, own) = (0.5 * (lo + hi), 0.5 * (hi - lo));
    let whole = own.hypot(half);
    Interval { lo: (middle - whole).exp(), hi: (middle + whole).exp() }
}
