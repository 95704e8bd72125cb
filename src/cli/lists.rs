//! `isoloss laws`, `models` and `devices`: what is on record, with sources.

use serde_json::json;

use super::output::Output;
use crate::cost::{devices as all_devices, models as all_models};
use crate::error::Result;
use crate::law::{benchmarks, curve_forms, forms, published_benchmarks, published_laws};
use crate::report::Sheet;

pub(super) fn laws() -> Result<Output> {
    let mut sheet = Sheet::new("Published laws", &["name", "family", "N counts", "source"]);
    for law in published_laws()? {
        sheet.push([&law.name, &law.form, &law.params.to_string(), &law.source]);
    }
    let families: Vec<_> = forms()
        .iter()
        .map(|f| json!({ "id": f.id(), "equation": f.equation(), "source": f.source() }))
        .collect();
    let mut text = sheet.to_text();
    text.push_str("\nFamilies that can be fitted\n");
    for family in forms() {
        text.push_str(&format!("  {:15} {}\n", family.id(), family.equation()));
    }
    text.push_str("\nBenchmark laws (isoloss benchmark)\n");
    for family in benchmarks() {
        text.push_str(&format!("  {:15} {}\n", family.id(), family.equation()));
    }
    for law in published_benchmarks()? {
        text.push_str(&format!("  {:15} {} ({})\n", law.name, law.title, law.source));
    }
    text.push_str("\nLaws of loss curves (isoloss forecast)\n");
    for family in curve_forms() {
        text.push_str(&format!("  {:15} {}\n", family.id(), family.equation()));
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
    let columns = ["name", "year", "parameters", "tokens", "source", "read"];
    let mut sheet = Sheet::new("Released models", &columns);
    for model in all_models()? {
        let total = model.params.map_or_else(|| "not published".to_owned(), |n| n.to_string());
        let params = match model.active_params {
            Some(active) => format!("{total} ({active} active)"),
            None => total,
        };
        let tokens = model.tokens.map_or_else(|| "not published".to_owned(), |t| t.to_string());
        let year = model.year.to_string();
        sheet.push([&model.name, &year, &params, &tokens, &model.source, &model.checked]);
    }
    Output::new(sheet.to_text(), &json!({ "models": all_models()? }), Vec::new())
}

pub(super) fn devices() -> Result<Output> {
    let columns = ["name", "dense BF16 (TFLOP/s)", "memory (GB)", "GB/s", "USD per hour (newest)"];
    let mut sheet = Sheet::new("Devices", &columns);
    for device in all_devices()? {
        let price = device.latest_price().map_or_else(
            |_| "none".to_owned(),
            |p| format!("{} to {} ({})", p.low, p.high, p.date),
        );
        let peak =
            device.bf16_dense_tflop_per_s.map_or_else(|| "none".to_owned(), |x| x.to_string());
        let memory = device.memory_gb.to_string();
        let bandwidth = device.bandwidth_gb_per_s.to_string();
        sheet.push([&device.name, &peak, &memory, &bandwidth, &price]);
    }
    Output::new(sheet.to_text(), &json!({ "devices": all_devices()? }), Vec::new())
}
