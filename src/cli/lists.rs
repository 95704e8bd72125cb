//! `isoloss laws`, `models` and `devices`: what is on record, with sources.

use serde_json::json;

use super::output::Output;
use crate::cost;
use crate::error::Result;
use crate::law::{benchmarks, curve_forms, forms, published_benchmarks, published_laws};
use crate::report::{
    Text, devices_table, families_table, laws_table, models_table, published_benchmarks_table,
};

pub(super) fn laws() -> Result<Output> {
    let families: Vec<_> = forms()
        .iter()
        .map(|f| json!({ "id": f.id(), "equation": f.equation(), "source": f.source() }))
        .collect();
    let tables = [
        laws_table(published_laws()?),
        families_table(
            "Families that can be fitted (isoloss fit)",
            forms().iter().map(|f| (f.id(), f.equation())),
        ),
        published_benchmarks_table(published_benchmarks()?),
        families_table(
            "Families of benchmark laws (isoloss benchmark)",
            benchmarks().iter().map(|b| (b.id(), b.equation())),
        ),
        families_table(
            "Families of loss curves (isoloss forecast)",
            curve_forms().iter().map(|c| (c.id(), c.equation())),
        ),
    ];
    let mut text = Text::default();
    for (i, table) in tables.into_iter().enumerate() {
        text.push_str(if i == 0 { "" } else { "\n" });
        text.push(table);
    }
    let of = |id: &str, equation: &str, source: &str| json!({ "id": id, "equation": equation, "source": source });
    let answer = json!({
        "laws": published_laws()?,
        "families": families,
        "published_benchmarks": published_benchmarks()?,
        "benchmarks": benchmarks()
            .iter()
            .map(|b| of(b.id(), b.equation(), b.source()))
            .collect::<Vec<_>>(),
        "curves": curve_forms()
            .iter()
            .map(|c| of(c.id(), c.equation(), c.source()))
            .collect::<Vec<_>>(),
    });
    Output::new(text, &answer, Vec::new())
}

pub(super) fn models() -> Result<Output> {
    let models = cost::models()?;
    Output::new(models_table(models), &json!({ "models": models }), Vec::new())
}

pub(super) fn devices() -> Result<Output> {
    let devices = cost::devices()?;
    Output::new(devices_table(devices), &json!({ "devices": devices }), Vec::new())
}
