//! The verbs: keywords to a request, its answer back.

mod curves;
mod fits;
mod gains;
mod lists;
mod logs;
mod mixtures;
mod plans;

use pyo3::prelude::*;

use crate::answer::Answer;
use crate::errors::raised;
use crate::watch::{Watch, watched};

/// Adds every function to the module.
pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    logs::add(module)?;
    fits::add(module)?;
    gains::add(module)?;
    mixtures::add(module)?;
    plans::add(module)?;
    curves::add(module)?;
    lists::add(module)
}

/// Works off the interpreter's lock, errors as exceptions.
fn found<T: Send + 'static>(
    py: Python<'_>,
    report: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Watch) -> isoloss::Result<T> + Send + 'static,
) -> PyResult<T> {
    watched(py, report, work)?.map_err(|error| raised(py, &error))
}

/// As [`found`], where nothing is reported and the work is an answer already.
fn answered(
    py: Python<'_>,
    work: impl FnOnce() -> isoloss::Result<Answer> + Send + 'static,
) -> PyResult<Answer> {
    found(py, None, move |_| work())
}
