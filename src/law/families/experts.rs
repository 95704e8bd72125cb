//! The number of experts in laws of routed models.

use num_dual::DualNum;

use crate::law::form::dual_jet;
use crate::num::Real;

/// The saturated number of experts: 1 / Ê = 1 / (E - 1 + 1 / (1 / Es - 1 / Em)) + 1 / Em.
///
/// Ê runs from Es at E = 1, a dense model, to Em for infinitely many experts.
///
/// Source: Clark et al. 2022, arXiv:2202.01169; Ludziejewski et al. 2025, arXiv:2502.05172.
pub(super) fn saturated<T: Real>(experts: f64, first: T, most: T) -> T {
    let inner = (first.recip() - most.recip()).recip() + T::from(experts - 1.0);
    (inner.recip() + most.recip()).recip()
}

/// ln Ê with its gradient in (Es, Em) and its second derivatives in Es twice, in both, in Em twice.
pub(super) fn ln_saturated(experts: f64, first: f64, most: f64) -> (f64, [f64; 2], [f64; 3]) {
    let (mut slopes, mut bends) = ([0.0; 2], [0.0; 4]);
    let ln =
        dual_jet(|x| saturated(experts, x[0], x[1]).ln(), &[first, most], &mut slopes, &mut bends);
    (ln, slopes, [bends[0], bends[1], bends[3]])
}
