//! A saved fit made again from its logs, and compared bit for bit.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use super::fit::{FitReport, FitRequest, LogSource};
use super::law::load_fit;
use crate::error::{FitError, ReportError, Result, Warning};
use crate::fit::OnProgress;

/// A fit beside the same fit made anew.
#[derive(Clone, Debug, Serialize)]
pub struct Replay {
    /// Whether every number is the same to the bit, whichever version wrote the fit.
    pub identical: bool,
    /// A line for each entry that differs, the version first where it does.
    pub differences: Vec<String>,
    /// The version of isoloss that wrote the stored fit, where it says so.
    pub written_by: Option<String>,
    /// The fit made anew.
    #[serde(skip)]
    pub again: FitReport,
}

impl Replay {
    /// A warning where something differs.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        if self.identical {
            return Vec::new();
        }
        vec![Warning::ReplayDiffers { differences: self.differences.len() }]
    }
}

/// Reads the logs of a saved fit again, fits as its request says, and compares every number.
///
/// # Errors
/// As [`load_fit`]; [`FitError::ArtifactWithoutLogs`] for a fit that was not made from logs;
/// [`FitError::ArtifactRequest`] where this version does not read what was asked; as reading and fitting
/// otherwise.
pub fn replay(
    path: &Path,
    reading: &(dyn Fn(u64, u64) + Sync),
    fitting: &OnProgress<'_>,
) -> Result<Replay> {
    let bad = |reason: String| FitError::Artifact { path: path.display().to_string(), reason };
    load_fit(path)?;
    let text = std::fs::read_to_string(path).map_err(|e| bad(e.to_string()))?;
    let stored: Value = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
    let part = |name: &str| stored.get(name).cloned().unwrap_or(Value::Null);
    let missing = || FitError::ArtifactWithoutLogs { path: path.display().to_string() };
    let source: LogSource = serde_json::from_value(part("source")).map_err(|_| missing())?;
    let written_by = part("isoloss_version").as_str().map(str::to_owned);
    let writer = written_by.clone().unwrap_or_else(|| "of an unknown version".to_owned());
    let request = match part("request") {
        Value::Null => Err("it is not there".to_owned()),
        request => serde_json::from_value::<FitRequest>(request).map_err(|e| e.to_string()),
    };
    let request = request.map_err(|reason| FitError::ArtifactRequest {
        path: path.display().to_string(),
        version: writer.clone(),
        reason,
    })?;
    let table = source.table(reading)?;
    let test = source.test_table()?;
    let test = test.as_ref().map(|(name, runs)| (name.as_str(), runs));
    let again = request.answer_tested(&table, test, fitting)?.from_logs(source);
    let now = serde_json::to_value(&again)
        .map_err(|e| ReportError::Template { reason: e.to_string() })?;

    let mut differences = Vec::new();
    let (was, is) = (part("data_digest"), now.get("data_digest").cloned().unwrap_or(Value::Null));
    if was != is {
        differences.push(format!("the data have changed: digest {was} then, {is} now"));
    }
    compare("", &stored, &now, &mut differences);
    let identical = differences.is_empty();
    // Another version is no difference by itself, and the first suspect where there is one.
    let version = &again.fit.isoloss_version;
    if !identical && written_by.as_ref() != Some(version) {
        differences.insert(0, format!("isoloss {writer} then, {version} now"));
    }
    Ok(Replay { identical, differences, written_by, again })
}

/// Adds a line per number or word that differs; the stamps have their own.
fn compare(at: &str, was: &Value, now: &Value, differences: &mut Vec<String>) {
    const APART: [&str; 2] = ["data_digest", "isoloss_version"];
    match (was, now) {
        (Value::Object(a), Value::Object(b)) => {
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names.into_iter().filter(|n| !APART.contains(&n.as_str())) {
                let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                let missing = &Value::Null;
                let of = |side: &Map<String, Value>| side.get(name).unwrap_or(missing).clone();
                compare(&path, &of(a), &of(b), differences);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (x, y)) in a.iter().zip(b).enumerate() {
                compare(&format!("{at}[{i}]"), x, y, differences);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            differences.push(format!("{at}: {} entries then, {} now", a.len(), b.len()));
        }
        (a, b) if a == b => {}
        (Value::Number(a), Value::Number(b)) => {
            let ratio = b.as_f64().unwrap_or(f64::NAN) / a.as_f64().unwrap_or(f64::NAN) - 1.0;
            differences.push(format!("{at}: {a} then, {b} now ({ratio:+.1e} relative)"));
        }
        (a, b) => differences.push(format!("{at}: {a} then, {b} now")),
    }
}
