//! Budgets and losses to allocations, and an allocation to a run.

use isoloss::report::{plane_chart, recipe_answer, recipe_text};
use isoloss::study::{PlanRequest, RecipeRequest, USUAL_LAWS};
use isoloss::units::ParamRule;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::answered;
use crate::answer::{Answer, asked};
use crate::keywords::Keywords;

/// Adds the functions to the module.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(plan, module)?)?;
    module.add_function(wrap_pyfunction!(recipe, module)?)
}

/// The laws asked where none is named.
pub(super) fn usual_laws(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    PyList::new(py, [USUAL_LAWS])
}

/// A budget or a loss to allocations.
#[pyfunction]
fn plan(py: Python<'_>, law: &Bound<'_, PyList>, keywords: &Bound<'_, PyDict>) -> PyResult<Answer> {
    let k = Keywords::new(keywords);
    let usual = PlanRequest::default();
    let target = k.target()?;
    let request = PlanRequest {
        law: usual.law,
        flops: k.of("flops")?,
        usd: k.usd("usd")?,
        device: k.of("device")?,
        gpus: k.of("gpus")?,
        duration_s: k.days("days")?,
        quality_of: target.quality_of,
        loss: target.loss,
        target_error: k.of("target_error")?,
        benchmark: k.of("benchmark")?,
        params: k.of("params")?,
        nat_value: k.usd("nat_value")?,
        recipe: k.flag("recipe")?,
        train_context: k.of("train_context")?.unwrap_or(usual.train_context),
        draws: k.of("draws")?.unwrap_or(usual.draws),
        seed: k.of("seed")?.unwrap_or(usual.seed),
        what_if: k.flag("what_if")?,
        verbose: k.flag("verbose")?,
        scenario: k.scenario()?,
    };
    let laws = asked(law)?;
    answered(py, move || {
        let answer = request.answer_under(&laws)?;
        let found = Answer::new(&answer, &answer.text()?, &answer.warnings)?;
        let ensemble = laws.first().map(|law| law.ensemble.clone());
        Ok(found.drawn(move |_| {
            let rows = answer.laws.first().map(|law| law.rows.as_slice()).unwrap_or_default();
            match &ensemble {
                Some(ensemble) => plane_chart(None, ensemble, rows),
                None => Err(isoloss::error::StudyError::NoTarget.into()),
            }
        }))
    })
}

/// N and D to a run.
#[pyfunction]
fn recipe(py: Python<'_>, keywords: &Bound<'_, PyDict>) -> PyResult<Answer> {
    let k = Keywords::new(keywords);
    let missing = |name: &str| PyTypeError::new_err(format!("recipe() needs {name}"));
    let params = k.of("params")?.ok_or_else(|| missing("params"))?;
    let tokens = k.of("tokens")?.ok_or_else(|| missing("tokens"))?;
    let usual = RecipeRequest::new(params, tokens);
    let (experts, top_k) = (k.of("experts")?.unwrap_or(1), k.of("top_k")?.unwrap_or(1));
    let of_all_but_embeddings = k.flag("non_embedding")?;
    let request = RecipeRequest {
        rule: if of_all_but_embeddings { ParamRule::NonEmbedding } else { usual.rule },
        pattern: k.pattern()?.with_experts(experts, top_k),
        context: k.of("train_context")?.unwrap_or(usual.context),
        batch_tokens: k.of("batch_tokens")?,
        training: k.training()?,
        ..usual
    };
    answered(py, move || {
        let run = request.answer()?;
        let mut text = recipe_answer(&run);
        text.apart(recipe_text(&run));
        Answer::new(&run, &text, &[])
    })
}
