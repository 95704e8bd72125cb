//! The registered families of benchmark laws, one line each.

use super::exponential::ExponentialError;
use super::form::Benchmark;
use super::logistic::LogisticError;
use crate::error::LawError;

static BENCHMARKS: &[&dyn Benchmark] = &[&ExponentialError, &LogisticError];

/// Every benchmark family.
#[must_use]
pub fn benchmarks() -> &'static [&'static dyn Benchmark] {
    BENCHMARKS
}

/// The benchmark family of this id.
///
/// # Errors
/// [`LawError::UnknownForm`] with the known ids.
pub fn benchmark_by_id(id: &str) -> Result<&'static dyn Benchmark, LawError> {
    BENCHMARKS.iter().copied().find(|b| b.id() == id).ok_or_else(|| LawError::UnknownForm {
        id: id.to_owned(),
        known: BENCHMARKS.iter().map(|b| b.id()).collect(),
    })
}
