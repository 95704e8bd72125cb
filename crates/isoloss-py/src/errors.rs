//! Errors of the library as exceptions of `isoloss._errors`.

use isoloss::Error;
use pyo3::prelude::*;

use crate::hint::hint;

/// The exception for an error, with the hint in Python's words.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    let class = match error {
        Error::Data(_) => "DataError",
        Error::Fit(_) => "FitError",
        Error::Law(_) => "LawError",
        Error::Cost(_) | Error::Flops(_) => "CostError",
        Error::Plan(_) => "PlanError",
        Error::Study(_) => "StudyError",
        _ => "Error",
    };
    exception(py, class, &error.to_string(), hint(error).as_deref())
}

/// An exception for a keyword.
pub(crate) fn bad_keyword(py: Python<'_>, name: &str, reason: &str) -> PyErr {
    exception(py, "Error", &format!("{name}: {reason}"), None)
}

fn exception(py: Python<'_>, class: &str, message: &str, hint: Option<&str>) -> PyErr {
    let made = py
        .import("isoloss._errors")
        .and_then(|module| module.getattr(class)?.call1((message, hint)))
        .map(PyErr::from_value);
    made.unwrap_or_else(|error| error)
}
