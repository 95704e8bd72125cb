//! What is on record.

use isoloss::report::Text;
use isoloss::study::{devices_json, devices_text, laws_json, laws_text, models_json, models_text};
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
    listed(py, laws_json(), laws_text())
}

/// Released models.
#[pyfunction]
fn models(py: Python<'_>) -> PyResult<Answer> {
    listed(py, models_json(), models_text())
}

/// Accelerators.
#[pyfunction]
fn devices(py: Python<'_>) -> PyResult<Answer> {
    listed(py, devices_json(), devices_text())
}

fn listed(
    py: Python<'_>,
    json: isoloss::Result<Value>,
    text: isoloss::Result<Text>,
) -> PyResult<Answer> {
    let answer = json.and_then(|json| Answer::new(&json, &text?, &[]));
    answer.map_err(|error| raised(py, &error))
}
