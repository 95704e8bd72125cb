//! What a verb found.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use isoloss::data::RunTable;
use isoloss::error::{Error, ReportError, Severity, Warning};
use isoloss::fit::Fit;
use isoloss::report::{Chart, Saved, Size, json_text, render_svg, save};
use isoloss::study::{AskedLaw, FitReport, WhichLaw, ask_each};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyList;
use serde::Serialize;
use serde_json::{Value, json};

use crate::errors::raised;

/// A chart, by its name or the usual one.
type Draw = Box<dyn Fn(Option<&str>) -> isoloss::Result<Chart> + Send + Sync>;

/// Text, JSON, warnings and chart of one answer.
#[pyclass(frozen, module = "isoloss._isoloss")]
pub(crate) struct Answer {
    json: String,
    text: String,
    warnings: Vec<Warning>,
    draw: Option<Draw>,
    kind: Kind,
}

/// What other verbs take of an answer.
enum Kind {
    Plain,
    Runs(Arc<RunTable>),
    Fit(Arc<Fit>, Source),
    Fits(Vec<(String, Py<Answer>)>),
}

/// What a fit is saved from.
enum Source {
    Report(Arc<FitReport>),
    /// The file it was read from, as it was.
    File(String),
}

impl Answer {
    /// An answer that nothing else takes.
    pub(crate) fn new(
        json: &impl Serialize,
        text: &impl Display,
        warnings: &[Warning],
    ) -> isoloss::Result<Self> {
        let (text, warnings) = (text.to_string(), warnings.to_vec());
        Ok(Self { json: json_of(json)?, text, warnings, draw: None, kind: Kind::Plain })
    }

    /// With a chart.
    pub(crate) fn drawn(
        self,
        draw: impl Fn(Option<&str>) -> isoloss::Result<Chart> + Send + Sync + 'static,
    ) -> Self {
        Self { draw: Some(Box::new(draw)), ..self }
    }

    /// With the runs that a fit takes.
    pub(crate) fn with_runs(self, table: Arc<RunTable>) -> Self {
        Self { kind: Kind::Runs(table), ..self }
    }

    /// With the law that plans take, as it was just fitted.
    pub(crate) fn with_fit(self, report: Arc<FitReport>) -> Self {
        Self { kind: Kind::Fit(Arc::new(report.fit.clone()), Source::Report(report)), ..self }
    }

    /// With the law that plans take, as a file holds it.
    pub(crate) fn with_saved(self, fit: Fit, file: String) -> Self {
        Self { kind: Kind::Fit(Arc::new(fit), Source::File(file)), ..self }
    }

    /// With one answer for each kind of runs.
    pub(crate) fn with_parts(self, parts: Vec<(String, Py<Self>)>) -> Self {
        Self { kind: Kind::Fits(parts), ..self }
    }

    /// The runs in it.
    pub(crate) fn runs(&self) -> PyResult<Arc<RunTable>> {
        match &self.kind {
            Kind::Runs(table) => Ok(Arc::clone(table)),
            _ => Err(PyTypeError::new_err("expected runs, as read_logs gives them")),
        }
    }

    /// The law in it.
    pub(crate) fn law(&self) -> PyResult<Arc<Fit>> {
        match &self.kind {
            Kind::Fit(fit, _) => Ok(Arc::clone(fit)),
            _ => Err(PyTypeError::new_err("expected a fit")),
        }
    }

    fn chart(&self, name: Option<&str>) -> PyResult<isoloss::Result<Chart>> {
        match &self.draw {
            Some(draw) => Ok(draw(name)),
            None => Err(PyValueError::new_err(
                "this answer has no chart; runs, fresh fits, plans, curves, comparisons and serving have one",
            )),
        }
    }
}

/// As the command line prints it.
fn json_of(value: &impl Serialize) -> isoloss::Result<String> {
    let value = serde_json::to_value(value);
    let value = value.map_err(|e| Error::from(ReportError::Json { reason: e.to_string() }))?;
    Ok(value.to_string())
}

fn severity(warning: &Warning) -> &'static str {
    match warning.severity() {
        Severity::Wrong => "wrong",
        Severity::Doubtful => "doubtful",
        Severity::Imprecise => "imprecise",
        Severity::Note => "note",
    }
}

#[pymethods]
impl Answer {
    /// The object that the command line prints under ``--json``.
    fn json(&self) -> &str {
        &self.json
    }

    /// What the command line prints.
    fn text(&self) -> &str {
        &self.text
    }

    /// The warnings as JSON, the most serious first, none twice.
    fn warnings(&self) -> String {
        let mut sorted: Vec<&Warning> = self.warnings.iter().collect();
        sorted.sort_by_key(|warning| warning.severity());
        let mut told: Vec<Value> = Vec::new();
        for one in sorted {
            let (code, message) = (one.code(), one.to_string());
            let one = json!({ "code": code, "message": message, "severity": severity(one) });
            if !told.contains(&one) {
                told.push(one);
            }
        }
        Value::from(told).to_string()
    }

    /// The chart as SVG.
    #[pyo3(signature = (name = None))]
    fn svg(&self, py: Python<'_>, name: Option<&str>) -> PyResult<String> {
        let drawn = self.chart(name)?.and_then(|chart| render_svg(&chart, Size::PAGE));
        drawn.map_err(|error| raised(py, &error))
    }

    /// Writes the chart to .svg or .png.
    #[pyo3(signature = (path, name = None))]
    fn save_chart(&self, py: Python<'_>, path: &str, name: Option<&str>) -> PyResult<()> {
        let chart = self.chart(name)?;
        let save = || save(Path::new(path), &[Saved::Chart(&chart?)]);
        save().map_err(|error| raised(py, &error))
    }

    /// Writes a fit, draws included.
    fn save(&self, py: Python<'_>, path: &str) -> PyResult<()> {
        let Kind::Fit(_, source) = &self.kind else {
            return Err(PyTypeError::new_err("only a fit is saved"));
        };
        let text = match source {
            Source::Report(report) => json_text(&**report),
            Source::File(text) => Ok(text.clone()),
        };
        text.and_then(|text| isoloss::data::write_atomically(path, text.as_bytes()))
            .map_err(|error| raised(py, &error))
    }

    /// The answers by kind.
    fn parts(&self, py: Python<'_>) -> Vec<(String, Py<Self>)> {
        match &self.kind {
            Kind::Fits(parts) => {
                parts.iter().map(|(kind, answer)| (kind.clone(), answer.clone_ref(py))).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The same runs, called by the place that people know.
    fn renamed(&self, folder: &str, shown: &str) -> PyResult<Self> {
        let mut table = (*self.runs()?).clone();
        let other = |text: &mut String| *text = text.replace(folder, shown);
        table.files.iter_mut().for_each(|file| other(&mut file.path));
        table.skipped.iter_mut().for_each(|one| other(&mut one.path));
        table.notes.iter_mut().for_each(|one| other(&mut one.run));
        let table = Arc::new(table);
        let drawn = Arc::clone(&table);
        Ok(Self {
            json: self.json.replace(folder, shown),
            text: self.text.replace(folder, shown),
            warnings: self.warnings.clone(),
            draw: Some(Box::new(move |_| Ok(isoloss::report::design_chart(&drawn)))),
            kind: Kind::Runs(table),
        })
    }
}

/// The laws of a list of names and fits.
pub(crate) fn asked(laws: &Bound<'_, PyList>) -> PyResult<Vec<AskedLaw>> {
    enum One {
        Text(String),
        Fit(Arc<Fit>),
    }
    let laws_of = |one: Bound<'_, PyAny>| match one.cast::<Answer>() {
        Ok(answer) => answer.get().law().map(One::Fit),
        Err(_) => one.extract().map(One::Text),
    };
    let given: Vec<One> = laws.iter().map(laws_of).collect::<PyResult<_>>()?;
    let which: Vec<WhichLaw<'_>> = given
        .iter()
        .map(|one| match one {
            One::Text(text) => WhichLaw::Text(text),
            One::Fit(fit) => WhichLaw::Fit(fit),
        })
        .collect();
    ask_each(&which).map_err(|error| raised(laws.py(), &error))
}
