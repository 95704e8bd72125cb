//! The proof that a fit is at a minimum.

use serde::{Deserialize, Serialize};

use crate::error::Warning;
use crate::num::{NewtonEnd, smallest_eigenvalue};

/// Scaled gradient under which a point counts as stationary. Rounding leaves about 1e-14; a point
/// where a quasi-Newton method stops on small decreases has 1e-6 to 1e-3.
pub(crate) const GRADIENT_TOLERANCE: f64 = 1e-9;

/// Whether a Newton end is a stationary point with upward curvature.
pub(crate) fn is_minimum(end: &NewtonEnd) -> bool {
    end.jet.value.is_finite()
        && end.jet.scaled_gradient() <= GRADIENT_TOLERANCE
        && smallest_eigenvalue(end.x.len(), &end.jet.hessian) > 0.0
}

/// What was checked at the end point.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// Largest gradient component over the sum of absolute row contributions to it.
    pub gradient_norm: f64,
    /// Smallest eigenvalue of the Hessian in (ln of positive coefficients, exponents), uncentred.
    pub hessian_min_eigenvalue: f64,
    /// Starts tried.
    pub starts: usize,
    /// Starts that ended in this minimum.
    pub starts_agreeing: usize,
    /// Runs inside the Huber band, which carry the curvature.
    pub rows_in_band: usize,
    /// Where a coefficient stands at zero: the slope of the objective towards positive values over the
    /// sum of absolute row contributions to it. Above zero, the minimum lies on that boundary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiplier: Option<f64>,
    /// Gradient at rounding, Hessian positive definite, no multiplier below zero, and at least two
    /// starts agree.
    pub certified: bool,
}

impl Certificate {
    pub(crate) fn new(
        gradient_norm: f64,
        hessian_min_eigenvalue: f64,
        starts: usize,
        starts_agreeing: usize,
        rows_in_band: usize,
        multiplier: Option<f64>,
    ) -> Self {
        let mut certificate = Self {
            gradient_norm,
            hessian_min_eigenvalue,
            starts,
            starts_agreeing,
            rows_in_band,
            multiplier,
            certified: false,
        };
        certificate.certified = certificate.is_proof();
        certificate
    }

    /// Whether the figures prove a minimum, whatever `certified` says.
    #[must_use]
    pub fn is_proof(&self) -> bool {
        self.gradient_norm <= GRADIENT_TOLERANCE
            && self.hessian_min_eigenvalue > 0.0
            && self.multiplier.is_none_or(|slope| slope >= 0.0)
            && self.starts_agreeing >= 2
    }

    /// The same proof with the Hessian in other variables.
    pub(super) fn with_eigenvalue(self, hessian_min_eigenvalue: f64) -> Self {
        let mut certificate = Self { hessian_min_eigenvalue, ..self };
        certificate.certified = certificate.is_proof();
        certificate
    }

    /// What a reader has to know of a doubtful minimum.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if !self.certified {
            warnings.push(Warning::NotCertified {
                gradient_ratio: self.gradient_norm / GRADIENT_TOLERANCE,
                hessian_min_eigenvalue: self.hessian_min_eigenvalue,
            });
        }
        if 2 * self.starts_agreeing < self.starts {
            warnings.push(Warning::StartsDisagree {
                agreeing: self.starts_agreeing,
                starts: self.starts,
            });
        }
        warnings
    }
}
