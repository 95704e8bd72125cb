//! The number of experts in laws of routed models.

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
