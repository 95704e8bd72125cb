//! Plans as they were written.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Result, StudyError};
use crate::law::Surface;
use crate::plan::{Row, Strategy};
use crate::study::law::whole;
use crate::study::plan::PlannedLaw;

/// A plan read back from its JSON, with the laws it was made with.
///
/// The first law is the one whose plan is tested; the others are asked beside it.
#[derive(Clone, Debug)]
pub struct PlanFile {
    /// Where it was read.
    pub path: String,
    /// Its heading in a study; absent for a plan of its own.
    pub title: Option<String>,
    /// Every row of every law.
    pub rows: Vec<Row>,
    /// The laws.
    pub laws: Vec<PlannedLaw>,
}

#[derive(Deserialize)]
struct Written {
    title: Option<String>,
    plans: Vec<Row>,
    #[serde(default)]
    laws: Vec<PlannedLaw>,
}

impl PlanFile {
    /// Reads a plan: the JSON of a plan, or the plans of a study, of which the first is taken.
    ///
    /// # Errors
    /// [`StudyError::NotAPlan`] for a file that cannot be read or holds none, and for one without its law.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let text =
            whole(path).map_err(|found| StudyError::NotAPlan { path: name.clone(), found })?;
        Self::parse(&text, &name)
    }

    /// Whether a text is one of our JSON files: a plan, or something that [`parse`](Self::parse) refuses by
    /// what it is. Others may be tables of runs.
    #[must_use]
    pub fn is_ours(text: &str) -> bool {
        serde_json::from_str::<Value>(text)
            .is_ok_and(|value| first_plan(&value).is_some() || what_it_is(&value) != NO_PLAN)
    }

    /// Parses the JSON of a plan; `path` is for messages.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(text: &str, path: &str) -> Result<Self> {
        let bad = |found: String| StudyError::NotAPlan { path: path.to_owned(), found };
        let value: Value = serde_json::from_str(text).map_err(|e| bad(e.to_string()))?;
        let plan = first_plan(&value).ok_or_else(|| bad(what_it_is(&value).to_owned()))?;
        let written = Written::deserialize(plan).map_err(|e| bad(e.to_string()))?;
        let mut laws = written.laws;
        if laws.is_empty() {
            // Written by an earlier version: a published law is known by its name.
            let label = written.plans.first().map(|row| row.law.clone()).unwrap_or_default();
            let surface = Surface::published(&label)
                .map_err(|_| bad(format!("it does not hold its law, {label}")))?;
            laws.push(PlannedLaw { law: label, surface, fit: None });
        }
        let plan = Self { path: path.to_owned(), title: written.title, rows: written.plans, laws };
        match plan.recommended() {
            Some(row) if row.plan.n.is_usable() && row.plan.d.is_usable() => Ok(plan),
            Some(_) => Err(bad("its size or its tokens are no positive number".to_owned()).into()),
            None => Err(bad("it has no row `recommended` under its first law".to_owned()).into()),
        }
    }

    /// The law that is tested.
    #[must_use]
    pub fn law(&self) -> &PlannedLaw {
        &self.laws[0]
    }

    /// What the plan says to train.
    #[must_use]
    pub fn recommended(&self) -> Option<&Row> {
        let label = &self.laws.first()?.law;
        self.rows
            .iter()
            .filter(|row| row.strategy == Strategy::Recommended)
            .find(|row| row.law == *label)
    }
}

const NO_PLAN: &str = "it holds no plan";

/// A plan of its own, or the first of a study.
fn first_plan(value: &Value) -> Option<&Value> {
    let one = match value {
        Value::Array(plans) => plans.first()?,
        other => other,
    };
    one.get("plans").is_some_and(Value::is_array).then_some(one)
}

fn what_it_is(value: &Value) -> &'static str {
    let has = |key: &str| value.get(key).is_some();
    match () {
        () if has("certificate") && has("draws") => "it holds a fit",
        () if has("held_out_flops") => "it holds a validation",
        () => NO_PLAN,
    }
}
