//! What was measured, and what it adds to an interval.

use serde::{Deserialize, Serialize};

use super::verdict::Reach;
use crate::error::Warning;
use crate::law::{Beyond, RivalLaw};
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

/// What extrapolation has cost a law among its own runs, and what intervals beyond them carry for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Extrapolation {
    /// What intervals carry.
    #[serde(flatten)]
    pub beyond: Beyond,
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
}

impl Extrapolation {
    /// The rival that predicted runs of more compute with less than 0.7 of the error of the fitted law, best
    /// first.
    #[must_use]
    pub fn better(&self) -> Option<&RivalLaw> {
        let limit = 0.7 * self.error?;
        self.beyond
            .rivals
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
