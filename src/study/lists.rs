//! What is on record, with sources, as scripts get it.

use serde_json::{Value, json};

use crate::cost;
use crate::error::Result;
use crate::law::{benchmarks, curve_forms, forms, published_benchmarks, published_laws};

/// Published laws, and the families that can be fitted.
///
/// # Errors
/// When a shipped table does not parse.
pub fn laws_json() -> Result<Value> {
    let of = |id: &str, equation: &str, source: &str| json!({ "id": id, "equation": equation, "source": source });
    let families = forms().iter().map(|f| of(f.id(), f.equation(), f.source()));
    let tasks = benchmarks().iter().map(|b| of(b.id(), b.equation(), b.source()));
    let curves = curve_forms().iter().map(|c| of(c.id(), c.equation(), c.source()));
    Ok(json!({
        "laws": published_laws()?,
        "families": families.collect::<Vec<_>>(),
        "published_benchmarks": published_benchmarks()?,
        "benchmarks": tasks.collect::<Vec<_>>(),
        "curves": curves.collect::<Vec<_>>(),
    }))
}

/// Released models.
///
/// # Errors
/// When the shipped table does not parse.
pub fn models_json() -> Result<Value> {
    Ok(json!({ "models": cost::models()? }))
}

/// Accelerators.
///
/// # Errors
/// When the shipped table does not parse.
pub fn devices_json() -> Result<Value> {
    Ok(json!({ "devices": cost::devices()? }))
}
