//! The compiled half of the Python package `isoloss`: keywords to the requests of the study room, and
//! their answers back. Nothing is computed here.

mod answer;
mod errors;
mod hint;
mod keywords;
mod scenario;
mod sources;
mod verbs;
mod watch;

use pyo3::prelude::*;

/// The compiled part: each function takes plain values and hands back an Answer.
#[pymodule]
fn _isoloss(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<answer::Answer>()?;
    module.add_class::<sources::Table>()?;
    verbs::add(module)
}
