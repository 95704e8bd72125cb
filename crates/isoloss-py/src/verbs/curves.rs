//! Curves of one loss, models on them, and what serving them takes.

use isoloss::cost::{Latency, Requests};
use isoloss::report::serving_chart;
use isoloss::study::{CompareRequest, CurveRequest, ExplainRequest, ServingRequest, Ways};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::answered;
use super::plans::usual_laws;
use crate::answer::{Answer, asked};
use crate::keywords::Keywords;

/// Adds the functions to the module.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(curve, module)?)?;
    module.add_function(wrap_pyfunction!(compare, module)?)?;
    module.add_function(wrap_pyfunction!(explain, module)?)?;
    module.add_function(wrap_pyfunction!(serving, module)?)
}

/// The iso-loss curve.
#[pyfunction]
fn curve(
    py: Python<'_>,
    law: &Bound<'_, PyList>,
    keywords: &Bound<'_, PyDict>,
) -> PyResult<Answer> {
    let k = Keywords::new(keywords);
    let usual = CurveRequest::default();
    let request = CurveRequest {
        law: usual.law,
        family: k.several("family")?,
        models: k.texts("models", Some(','))?,
        unit: k.word("axis")?.unwrap_or(usual.unit),
        device: k.of("device")?,
        mfu: k.span("mfu", str::parse)?.unwrap_or(usual.mfu),
        usd_per_hour: k.of("usd_per_hour")?,
        points: k.of("points")?.unwrap_or(usual.points),
        target: k.target()?,
    };
    let laws = asked(law)?;
    answered(py, move || {
        let answer = request.answer_under(&laws)?;
        let found = Answer::new(&answer, &answer.text(), &answer.warnings)?;
        Ok(found.drawn(move |_| Ok(answer.chart())))
    })
}

/// Sizes at one loss.
#[pyfunction]
fn compare(
    py: Python<'_>,
    law: &Bound<'_, PyList>,
    keywords: &Bound<'_, PyDict>,
) -> PyResult<Answer> {
    let k = Keywords::new(keywords);
    let (target, sizes) = (k.target()?, k.several("sizes")?);
    let ways =
        if sizes.is_empty() { Ways::Ratios(k.several("ratios")?) } else { Ways::Sizes(sizes) };
    let laws = asked(law)?;
    answered(py, move || {
        let request = CompareRequest { law: CurveRequest::default().law, target, ways };
        let report = request.answer_under(&laws)?;
        let found = Answer::new(&report, &report.text(), &report.warnings)?;
        let first = laws.first().cloned();
        Ok(found.drawn(move |_| {
            let request = CurveRequest { target, ..CurveRequest::default() };
            Ok(request.answer_under(first.as_slice())?.chart())
        }))
    })
}

/// A model against the optimum.
#[pyfunction]
fn explain(
    py: Python<'_>,
    law: Option<&Bound<'_, PyList>>,
    keywords: &Bound<'_, PyDict>,
) -> PyResult<Answer> {
    let k = Keywords::new(keywords);
    let request = ExplainRequest {
        law: ExplainRequest::default().law,
        model: k.of("model")?,
        params: k.of("params")?,
        tokens: k.of("tokens")?,
        unique_tokens: k.of("unique_tokens")?,
        experts: k.of("experts")?,
        granularity: k.of("granularity")?,
        served_bits: k.of("served_bits")?,
        against: k.of("against")?,
        more_tokens: k.of("more_tokens")?,
    };
    let laws = match law {
        Some(law) => asked(law)?,
        None => asked(&usual_laws(py)?)?,
    };
    answered(py, move || {
        let report = request.answer_under(&laws)?;
        Answer::new(&report, &report.text(), &report.warnings)
    })
}

/// Memory, speed and price by batch.
#[pyfunction]
fn serving(py: Python<'_>, keywords: &Bound<'_, PyDict>) -> PyResult<Answer> {
    let k = Keywords::new(keywords);
    let usual = ServingRequest::default();
    let batches = k.several("batch")?;
    let (experts, top_k) = (k.of("experts")?.unwrap_or(1), k.of("top_k")?.unwrap_or(2));
    let request = ServingRequest {
        models: k.texts("models", None)?,
        params: k.of("params")?,
        pattern: k.pattern()?.with_experts(experts, top_k),
        device: k.of("device")?.unwrap_or(usual.device),
        devices: k.of("gpus")?.unwrap_or(usual.devices),
        weight_bits: k.of("bits")?.unwrap_or(usual.weight_bits),
        kv_bits: k.of("kv_bits")?.unwrap_or(usual.kv_bits),
        memory_bytes: k.bytes("memory")?,
        request: Requests {
            prompt: k.of("prompt")?.unwrap_or(usual.request.prompt),
            answer: k.of("answer")?.unwrap_or(usual.request.answer),
        },
        batches: if batches.is_empty() { usual.batches } else { batches },
        latency: Latency { first_token_s: k.seconds("ttft")?, per_token_s: k.seconds("tpot")? },
        prefill_apart: k.flag("prefill_apart")?,
        usd_per_hour: k.span("usd_per_hour", str::parse)?,
        ideal: k.flag("ideal")?,
        twins: k.flag("twins")?,
    };
    answered(py, move || {
        let report = request.answer()?;
        let found = Answer::new(&report, &report.text(&request), &[])?;
        let on = format!("{} x {}", report.devices, report.device);
        Ok(found.drawn(move |_| Ok(serving_chart(&request.lines()?, &on))))
    })
}
