//! Runs on mixtures of domains to the best mixture.

use std::fmt::Display;
use std::str::FromStr;

use isoloss::data::MixtureColumns;
use isoloss::fit::MixtureConfig;
use isoloss::report::mix_text;
use isoloss::study::{MixRequest, mixtures_of};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::found;
use crate::answer::Answer;
use crate::keywords::Keywords;
use crate::sources::Sources;

/// Adds the function to the module.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(mix, module)?)
}

/// `NAME=VALUE`, or a name alone where `alone` says what it is worth.
fn pairs<T: FromStr<Err: Display> + Clone>(
    k: &Keywords<'_>,
    name: &str,
    alone: Option<T>,
) -> PyResult<Vec<(String, T)>> {
    let pair = |text: &String| match (text.split_once('='), &alone) {
        (None, Some(value)) => Ok((text.trim().to_owned(), value.clone())),
        (None, None) => {
            Err(PyValueError::new_err(format!("{name}: expected NAME=VALUE, not {text}")))
        }
        (Some((domain, value)), _) => {
            let parsed = value.trim().parse::<T>();
            let bad = |e: T::Err| PyValueError::new_err(format!("{name}: {domain}: {e}"));
            Ok((domain.trim().to_owned(), parsed.map_err(bad)?))
        }
    };
    k.texts(name, Some(','))?.iter().map(pair).collect()
}

/// The best mixture.
#[pyfunction]
fn mix(
    py: Python<'_>,
    sources: &Bound<'_, PyList>,
    test: &Bound<'_, PyList>,
    keywords: &Bound<'_, PyDict>,
    report: Option<&Bound<'_, PyAny>>,
) -> PyResult<Answer> {
    let (sources, test, k) = (Sources::of(sources)?, Sources::of(test)?, Keywords::new(keywords));
    let usual = MixtureConfig::default();
    let config = MixtureConfig {
        form: k.word("law")?.unwrap_or(usual.form),
        targets: pairs(&k, "target", Some(1.0))?,
        prior: pairs(&k, "prior", None)?,
        kl: k.of("kl")?.unwrap_or(usual.kl),
        floors: pairs(&k, "floor", None)?,
        beyond_runs: k.flag("beyond_runs")?,
        tokens: pairs(&k, "tokens", None)?,
        budget: k.of("budget")?,
        cap: k.of("cap")?.unwrap_or(usual.cap),
        bootstrap: k.of("bootstrap")?.unwrap_or(usual.bootstrap),
        seed: k.of("seed")?.unwrap_or(usual.seed),
        level: k.of("level")?.unwrap_or(usual.level),
    };
    let columns = MixtureColumns { domains: k.texts("domains", Some(','))?, targets: Vec::new() };
    let options = k.reading()?;
    found(py, report, move |watch| {
        let (table, test) = mixtures_of(&sources.paths, &test.paths, &options, &columns)?;
        let request = MixRequest { config };
        let report = request.answer_with_progress(&table, test.as_ref(), &|p| watch.parts(p))?;
        Answer::new(&report, &mix_text(&report.answer), &[])
    })
}
