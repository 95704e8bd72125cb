//! Runs to a law, and a law to the losses of planned runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use isoloss::data::{ReadOptions, RunTable};
use isoloss::fit::{Fit, FitConfig, NormalPrior, valleys};
use isoloss::law::{Range, Surface};
use isoloss::report::{
    Chart, design_chart, frontier_chart, plane_chart, valleys_chart, verdict_text,
};
use isoloss::study::{FitReport, FitRequest, KindFits, LogSource, PredictRequest, load_fit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use serde_json::Value;

use super::{answered, found};
use crate::answer::Answer;
use crate::errors::{bad_keyword, raised};
use crate::keywords::Keywords;
use crate::sources::Sources;
use crate::watch::Watch;

/// Adds the functions to the module.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(fit, module)?)?;
    module.add_function(wrap_pyfunction!(predict, module)?)?;
    module.add_function(wrap_pyfunction!(load, module)?)
}

/// Where the runs of a fit come from.
enum Runs {
    Logs(Sources),
    Table(Arc<RunTable>),
}

/// Runs to a law, or to one for each kind.
#[pyfunction]
fn fit(
    py: Python<'_>,
    sources: &Bound<'_, PyAny>,
    law: Option<String>,
    test: Option<&Bound<'_, PyList>>,
    keywords: &Bound<'_, PyDict>,
    report: Option<&Bound<'_, PyAny>>,
) -> PyResult<Answer> {
    let k = Keywords::new(keywords);
    let request = request(&k, law)?;
    request.config.validate().map_err(|error| raised(py, &error.into()))?;
    let runs = match sources.cast::<Answer>() {
        Ok(runs) => Runs::Table(runs.get().runs()?),
        Err(_) => Runs::Logs(Sources::of(sources.cast::<PyList>()?)?),
    };
    let test = test.map(Sources::of).transpose()?.unwrap_or_default();
    let (read, by) = (k.reading()?, k.of::<String>("by")?);
    if let Some(column) = by {
        let fits = found(py, report, move |watch| {
            let (table, _) = table_of(&runs, &test, &read, watch)?;
            request.answer_by(&table, &column, &|progress| watch.parts(progress))
        })?;
        return by_kind(py, fits);
    }
    found(py, report, move |watch| {
        let (table, source) = table_of(&runs, &test, &read, watch)?;
        let tested = source.test_table()?;
        let tested = tested.as_ref().map(|(name, runs)| (name.as_str(), runs));
        let report = request.answer_tested(&table, tested, &|progress| watch.parts(progress))?;
        let report = match runs {
            Runs::Logs(_) => report.from_logs(source),
            Runs::Table(_) => report,
        };
        fitted(report, table)
    })
}

fn table_of(
    runs: &Runs,
    test: &Sources,
    read: &ReadOptions,
    watch: &Watch,
) -> isoloss::Result<(Arc<RunTable>, LogSource)> {
    let source =
        |logs: Vec<PathBuf>| LogSource { logs, test: test.paths.clone(), read: read.clone() };
    match runs {
        Runs::Table(table) => Ok((Arc::clone(table), source(Vec::new()))),
        Runs::Logs(logs) => {
            let source = source(logs.paths.clone());
            Ok((Arc::new(source.table(&|done, total| watch.bytes(done, total))?), source))
        }
    }
}

fn fitted(report: FitReport, table: Arc<RunTable>) -> isoloss::Result<Answer> {
    let answer = Answer::new(&report.shown(&table)?, &report.text(&table, ""), &report.warnings)?;
    let report = Arc::new(report);
    let drawn = Arc::clone(&report);
    Ok(answer.drawn(move |name| chart(&drawn.fit, &table, name)).with_fit(report))
}

/// The picture of a fit: the frontier, where the law has one.
fn chart(fit: &Fit, table: &RunTable, name: Option<&str>) -> isoloss::Result<Chart> {
    match name {
        Some("valleys") => valleys_chart(table, &valleys(table), Some(&fit.surface)),
        Some("plane") => plane_chart(Some(table), &fit.ensemble(), &[]),
        Some("design") => Ok(design_chart(table)),
        _ => frontier_chart(table, &fit.ensemble(), None).or_else(|_| Ok(design_chart(table))),
    }
}

fn by_kind(py: Python<'_>, fits: KindFits) -> PyResult<Answer> {
    let answer = Answer::new(&fits, &"", &fits.warnings());
    let answer = answer.map_err(|error| raised(py, &error))?;
    let mut parts = Vec::new();
    for kind in fits.kinds {
        let Some(report) = kind.report else { continue };
        let none = RunTable::from_runs(Vec::new(), report.fit.surface.params);
        let part =
            Answer::new(&report.shown(&none).map_err(|e| raised(py, &e))?, &"", &report.warnings)
                .map_err(|error| raised(py, &error))?;
        parts.push((kind.kind, Py::new(py, part.with_fit(Arc::new(report)))?));
    }
    Ok(answer.with_parts(parts))
}

fn request(k: &Keywords<'_>, law: Option<String>) -> PyResult<FitRequest> {
    let usual = FitRequest::default();
    let config = FitConfig::default();
    Ok(FitRequest {
        law: law.unwrap_or(usual.law),
        hold_out: k.of("hold_out")?,
        leave_future_out: k.word("leave_future_out")?,
        leave_out: k.word("leave_out")?,
        at: k.several("at")?,
        config: FitConfig {
            objective: k.word("objective")?.unwrap_or(config.objective),
            delta: k.of("delta")?.unwrap_or(config.delta),
            over_weight: k.of("over_weight")?.unwrap_or(config.over_weight),
            fixed: held(k)?,
            bounds: ends(k, "bound", |(lo, hi)| Range { lo, hi })?,
            priors: ends(k, "prior", |(mean, sd)| NormalPrior { mean, sd })?,
            bootstrap: k.of("bootstrap")?.unwrap_or(config.bootstrap),
            resample: k.word("resample")?.unwrap_or(config.resample),
            profile: k.word("profile")?.unwrap_or(config.profile),
            extrapolation: true,
            seed: k.of("seed")?.unwrap_or(config.seed),
            level: k.of("level")?.unwrap_or(config.level),
        },
    })
}

/// Coefficients that are held: `{"E": 1.69}`, or `"E,A,B@besiroglu"`.
fn held(k: &Keywords<'_>) -> PyResult<BTreeMap<String, f64>> {
    let Some(given) = k.get("fix")? else { return Ok(BTreeMap::new()) };
    if let Ok(values) = given.extract() {
        return Ok(values);
    }
    let py = given.py();
    let wanted = "expected {\"E\": 1.69}, or NAME,NAME@LAW, for example \"E,A,B@besiroglu\"";
    let mut held = BTreeMap::new();
    for text in k.texts("fix", None)? {
        let (names, law) = text.split_once('@').ok_or_else(|| bad_keyword(py, "fix", wanted))?;
        let surface = Surface::published(law.trim()).map_err(|e| raised(py, &e.into()))?;
        for name in names.split(',').map(str::trim) {
            let value = surface
                .coef(name)
                .ok_or_else(|| bad_keyword(py, "fix", &format!("`{law}` has no `{name}`")))?;
            held.insert(name.to_owned(), value);
        }
    }
    Ok(held)
}

/// Two numbers by coefficient.
fn ends<T>(k: &Keywords<'_>, name: &str, of: fn((f64, f64)) -> T) -> PyResult<BTreeMap<String, T>> {
    let Some(given) = k.get(name)? else { return Ok(BTreeMap::new()) };
    let pairs: BTreeMap<String, (f64, f64)> = given.extract().map_err(|_| {
        bad_keyword(given.py(), name, "expected two numbers by coefficient, {\"E\": (1.5, 1.9)}")
    })?;
    Ok(pairs.into_iter().map(|(coef, pair)| (coef, of(pair))).collect())
}

/// The losses of planned runs.
#[pyfunction]
fn predict(
    py: Python<'_>,
    fit: &Bound<'_, PyAny>,
    sources: &Bound<'_, PyList>,
    keywords: &Bound<'_, PyDict>,
) -> PyResult<Answer> {
    let (sources, k) = (Sources::of(sources)?, Keywords::new(keywords));
    let fit = match fit.cast::<Answer>() {
        Ok(answer) => Ok(answer.get().law()?),
        Err(_) => Err(fit.extract::<PathBuf>()?),
    };
    let (quantiles, read) = (k.several("quantiles")?, k.reading()?);
    answered(py, move || {
        let (points, path) = (sources.paths.clone(), fit.as_ref().err().cloned());
        let request = PredictRequest { fit: path.unwrap_or_default(), points, quantiles, read };
        let report = match fit {
            Ok(fit) => request.answer_under(&fit),
            Err(_) => request.answer(),
        }?;
        Answer::new(&report, &report.text(), &report.warnings)
    })
}

/// A fit that was saved.
#[pyfunction]
#[pyo3(name = "load_fit")]
fn load(py: Python<'_>, path: &str) -> PyResult<Answer> {
    read(path).map_err(|error| raised(py, &error))
}

fn read(path: &str) -> isoloss::Result<Answer> {
    let fit = load_fit(Path::new(path))?;
    let text =
        std::fs::read_to_string(path).map_err(|e| isoloss::Error::io(path.as_ref(), "read", &e))?;
    // It was read as a fit, so it is an object.
    let mut json: Value = serde_json::from_str(&text).unwrap_or_default();
    if let Some(object) = json.as_object_mut() {
        for name in ["draws", "residuals", "request", "source"] {
            object.remove(name);
        }
    }
    let answer = Answer::new(&json, &verdict_text(&fit, &[], None, &fit.warnings), &fit.warnings)?;
    Ok(answer.with_saved(fit, text))
}
