//! Tables of runs as scripts get them.

use serde::ser::{Error as _, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::fit::FitReport;
use crate::data::{FileNote, RunNote, RunRecord, RunTable, Skipped, Survey};
use crate::error::{Error, ReportError, Result, Warning};

/// Level of the interval of seed noise.
const LEVEL: f64 = 0.95;

/// What was found in logs, its keys in order; of the lists, which may have a million items, no copy is
/// made.
#[derive(Serialize)]
pub struct SurveyJson<'a> {
    assumptions: Value,
    design: Value,
    digest: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
    files: Each<'a, FileNote>,
    notes: Each<'a, RunNote>,
    params: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<Each<'a, RunRecord>>,
    runs: Each<'a, RunRecord>,
    seed_noise: Value,
    skipped: Each<'a, Skipped>,
    warnings: Value,
}

impl<'a> SurveyJson<'a> {
    /// - `hint`: what to do about an error, in the words of the program that asks.
    ///
    /// # Errors
    /// [`ReportError::Json`].
    pub fn of(survey: &'a Survey, hint: &dyn Fn(&Error) -> Option<String>) -> Result<Self> {
        let Survey { table, refused, error } = survey;
        let told = |error: &Error| json!({ "message": error.to_string(), "hint": hint(error) });
        Ok(Self {
            assumptions: value(&table.assumptions)?,
            design: value(&crate::fit::coverage(table))?,
            digest: &table.digest,
            error: error.as_ref().map(told),
            files: Each(&table.files),
            notes: Each(&table.notes),
            params: value(&table.params)?,
            refused: error.is_some().then_some(Each(refused)),
            runs: Each(&table.runs),
            seed_noise: value(&crate::fit::repeats(table, LEVEL))?,
            skipped: Each(&table.skipped),
            warnings: warnings_json(&table.warnings),
        })
    }
}

/// A list whose items become JSON one after the other, their keys in order.
struct Each<'a, T>(&'a [T]);

impl<T: Serialize> Serialize for Each<'_, T> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let mut list = to.serialize_seq(Some(self.0.len()))?;
        for item in self.0 {
            list.serialize_element(&serde_json::to_value(item).map_err(S::Error::custom)?)?;
        }
        list.end()
    }
}

impl FitReport {
    /// The report with what was read, without what belongs in a file rather than before people:
    /// thousands of draws, and how to make it again.
    ///
    /// # Errors
    /// [`ReportError::Json`].
    pub fn shown(&self, table: &RunTable) -> Result<Value> {
        let mut json = value(self)?;
        if let Some(object) = json.as_object_mut() {
            for name in ["draws", "residuals", "request", "source"] {
                object.remove(name);
            }
            object.insert("files".to_owned(), value(&table.files)?);
            object.insert("notes".to_owned(), value(&table.notes)?);
            object.insert("skipped".to_owned(), value(&table.skipped)?);
            object.insert("assumptions".to_owned(), value(&table.assumptions)?);
        }
        Ok(json)
    }
}

/// Warnings as JSON holds them.
fn warnings_json(warnings: &[Warning]) -> Value {
    let one = |w: &Warning| json!({ "code": w.code(), "message": w.to_string() });
    warnings.iter().map(one).collect()
}

fn value(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| ReportError::Json { reason: e.to_string() }.into())
}
