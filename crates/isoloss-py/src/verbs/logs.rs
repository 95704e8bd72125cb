//! Logs to runs, to a forecast and to laws of settings.

use std::sync::Arc;

use isoloss::data::{ReadOptions, TuningColumns, read_curves, read_tuning, survey};
use isoloss::fit::{CurveConfig, TuningConfig};
use isoloss::report::design_chart;
use isoloss::study::{ForecastRequest, Rest, SurveyJson, TuneRequest, survey_text};
use isoloss::units::{Params, Tokens};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::{answered, found};
use crate::answer::Answer;
use crate::keywords::Keywords;
use crate::sources::Sources;

/// Adds the functions to the module.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(read_logs, module)?)?;
    module.add_function(wrap_pyfunction!(forecast, module)?)?;
    module.add_function(wrap_pyfunction!(tune, module)?)
}

/// Logs to a table of runs.
#[pyfunction]
fn read_logs(
    py: Python<'_>,
    sources: &Bound<'_, PyList>,
    keywords: &Bound<'_, PyDict>,
    report: Option<&Bound<'_, PyAny>>,
) -> PyResult<Answer> {
    let (sources, keywords) = (Sources::of(sources)?, Keywords::new(keywords));
    let options = keywords.reading()?;
    // As `isoloss logs` looks at them: bad rows are left out unless damage is refused.
    let options = ReadOptions { skip_bad: options.skip_bad || !options.strict, ..options };
    found(py, report, move |watch| {
        let found = survey(&sources.paths, &options, &|done, total| watch.bytes(done, total))?;
        if let Some(error) = found.error {
            return Err(error);
        }
        let answer = Answer::new(
            &SurveyJson::of(&found, &|_| None)?,
            &survey_text(&found),
            &found.table.warnings,
        )?;
        let table = Arc::new(found.table);
        let drawn = Arc::clone(&table);
        Ok(answer.drawn(move |_| Ok(design_chart(&drawn))).with_runs(table))
    })
}

/// Curves to the final loss of one of them.
#[pyfunction]
fn forecast(
    py: Python<'_>,
    sources: &Bound<'_, PyList>,
    keywords: &Bound<'_, PyDict>,
    report: Option<&Bound<'_, PyAny>>,
) -> PyResult<Answer> {
    let (sources, k) = (Sources::of(sources)?, Keywords::new(keywords));
    let (until, shape) = (k.of("until")?, k.word("shape")?);
    let goes_on = until.is_some() || shape.is_some();
    let rest = Rest {
        until,
        shape: shape.unwrap_or_default(),
        final_rate: k.of("final_lr")?.unwrap_or(0.0),
        decay_steps: k.of("decay_steps")?,
    };
    let (usual, of) = (CurveConfig::default(), ForecastRequest::default());
    let request = ForecastRequest {
        law: k.of("law")?.unwrap_or(of.law),
        run: k.of("run")?,
        rest: goes_on.then_some(rest),
        warmup: k.of("warmup")?,
        peak_lr: k.of("peak_lr")?,
        config: CurveConfig {
            rows: k.of("rows")?.unwrap_or(usual.rows),
            burn_in: k.of("burn_in")?.unwrap_or(usual.burn_in),
            delta: k.of("delta")?.unwrap_or(usual.delta),
            bootstrap: k.of("bootstrap")?.unwrap_or(usual.bootstrap),
            seed: k.of("seed")?.unwrap_or(usual.seed),
            level: k.of("level")?.unwrap_or(usual.level),
        },
    };
    let (options, verbose) = (k.reading()?, k.flag("verbose")?);
    found(py, report, move |watch| {
        let set = read_curves(&sources.paths, &options, &|done, total| watch.bytes(done, total))?;
        let report = request.answer_set(&set, &|progress| watch.parts(progress))?;
        Answer::new(&report, &report.text(&set, verbose), &report.forecast.warnings)
    })
}

/// A sweep of learning rate and batch to laws of both.
#[pyfunction]
fn tune(
    py: Python<'_>,
    sources: &Bound<'_, PyList>,
    keywords: &Bound<'_, PyDict>,
) -> PyResult<Answer> {
    let (sources, k) = (Sources::of(sources)?, Keywords::new(keywords));
    let columns = TuningColumns { lr: k.of("lr")?, batch: k.of("batch")? };
    let (params, tokens) = (k.of::<Params>("at_params")?, k.of::<Tokens>("at_tokens")?);
    let usual = TuningConfig::default();
    let request = TuneRequest {
        at: params.zip(tokens).into_iter().collect(),
        config: TuningConfig {
            bootstrap: k.of("bootstrap")?.unwrap_or(usual.bootstrap),
            seed: k.of("seed")?.unwrap_or(usual.seed),
            level: k.of("level")?.unwrap_or(usual.level),
        },
    };
    let options = k.reading()?;
    answered(py, move || {
        let report = request.answer(&read_tuning(&sources.paths, &options, &columns)?)?;
        Answer::new(&report, &report.text(), &[])
    })
}
