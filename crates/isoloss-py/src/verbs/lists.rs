//! What is on record.

use isoloss::study::{devices_json, laws_json, models_json};
use pyo3::prelude::*;
use serde_json::Value;

use crate::answer::Answer;
use crate::errors::raised;

/// Adds the functions to the module.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(laws, module)?)?;
    module.add_function(wrap_pyfunction!(models, module)?)?;
    module.add_function(wrap_pyfunction!(devices, module)?)
}

/// Published laws and families.
#[pyfunction]
fn laws(py: Python<'_>) -> PyResult<Answer> {
    listed(py, laws_json())
}

/// Released models.
#[pyfunction]
fn models(py: Python<'_>) -> PyResult<Answer> {
    listed(py, models_json())
}

/// Accelerators.
#[pyfunction]
fn devices(py: Python<'_>) -> PyResult<Answer> {
    listed(py, devices_json())
}

fn listed(py: Python<'_>, json: isoloss::Result<Value>) -> PyResult<Answer> {
    json.and_then(|json| Answer::new(&json, String::new(), &[])).map_err(|error| raised(py, &error))
}
