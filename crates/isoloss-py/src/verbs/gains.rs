//! Recipes to the compute that one saves over the other.

use std::sync::Arc;

use isoloss::data::read_with_progress;
use isoloss::error::StudyError;
use isoloss::fit::{FitConfig, GainConfig};
use isoloss::study::{GainRecipe, GainRequest, Running, recipes_by};
use isoloss::units::{Flops, Tokens};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::found;
use crate::answer::Answer;
use crate::keywords::Keywords;
use crate::sources::Sources;

/// Adds the function to the module.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(gain, module)?)
}

/// Recipes compared with the first.
#[pyfunction]
fn gain(
    py: Python<'_>,
    names: Vec<String>,
    sources: &Bound<'_, PyList>,
    keywords: &Bound<'_, PyDict>,
    report: Option<&Bound<'_, PyAny>>,
) -> PyResult<Answer> {
    let (sources, k) = (Sources::of(sources)?, Keywords::new(keywords));
    let usual = FitConfig::default();
    let fit = FitConfig {
        bootstrap: k.of("bootstrap")?.unwrap_or(usual.bootstrap),
        seed: k.of("seed")?.unwrap_or(usual.seed),
        level: k.of("level")?.unwrap_or(usual.level),
        ..usual
    };
    let tps: Vec<Tokens> = k.several("tps")?;
    let usd: Vec<f64> = k.several("usd_per_hour")?;
    let price = |i: usize| usd.get(i).copied();
    let running = tps.iter().enumerate();
    let request = GainRequest {
        config: GainConfig {
            laws: k.several("law")?,
            floor: k.of("floor")?,
            at: k.several::<Flops>("at")?,
            fit,
        },
        running: running
            .map(|(i, tps)| Running { tokens_per_s: tps.get(), usd_per_hour: price(i) })
            .collect(),
        joint: k.flag("joint")?,
    };
    let (by, base): (Option<String>, Option<String>) = (k.of("by")?, k.of("base")?);
    let options = k.reading()?;
    found(py, report, move |watch| {
        let progress = |done, total| watch.bytes(done, total);
        let recipes = match &by {
            Some(column) => {
                let table = read_with_progress(&sources.paths, &options, &progress)?;
                recipes_by(&table, column, base.as_deref())?
            }
            None => names
                .into_iter()
                .zip(&sources.paths)
                .map(|(name, path)| GainRecipe::read(name, path, &options, &progress))
                .collect::<isoloss::Result<_>>()?,
        };
        let table = recipes.iter().find_map(|recipe| recipe.runs.as_ref());
        let unit = table.map(isoloss::data::RunTable::loss_unit).unwrap_or_default();
        let report = Arc::new(request.answer_with_progress(&recipes, &|p| watch.parts(p))?);
        let text = report.text();
        let answer = match &report.gains[..] {
            [one] => Answer::new(one, &text, &report.warnings)?,
            _ => Answer::new(&*report, &text, &report.warnings)?,
        };
        Ok(answer.drawn(move |which| {
            let named = |gain: &&isoloss::study::GainReport| which.is_none_or(|b| gain.gain.b == b);
            let (what, needs) = ("a comparison", "the name of a recipe");
            let gain = report.gains.iter().find(named);
            gain.ok_or(StudyError::NothingToDraw { what, needs })?.chart(unit)
        }))
    })
}
