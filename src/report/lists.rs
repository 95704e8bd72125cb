//! What is on record: laws, released models, devices.

use super::number::{or_dash, or_not_published};
use super::table::Table;
use crate::cost::{Device, ReleasedModel};
use crate::law::{Published, PublishedBenchmark};

/// Published laws with their sources.
#[must_use]
pub fn laws_table(laws: &[Published]) -> Table {
    let mut table = Table::new("Published laws", &["name", "family", "N counts", "source"]);
    for law in laws {
        let counts = law.params.to_string();
        let counts = counts.strip_suffix(" parameters").unwrap_or(&counts);
        table.push([&*law.name, &law.form, counts, &law.source]);
    }
    table
}

/// Families by id and equation.
#[must_use]
pub fn families_table<'a>(
    title: &str,
    families: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Table {
    let mut table = Table::new(title, &["family", "equation"]);
    families.into_iter().for_each(|(id, equation)| table.push([id, equation]));
    table
}

/// Published benchmark laws with their sources.
#[must_use]
pub fn published_benchmarks_table(laws: &[PublishedBenchmark]) -> Table {
    let mut table = Table::new("Published benchmark laws", &["name", "benchmark", "source"]);
    for law in laws {
        table.push([&law.name, &law.title, &law.source]);
    }
    table
}

/// Parameters of a released model, with the active ones of a sparse model.
pub(super) fn params_cell(model: &ReleasedModel) -> String {
    let total = or_not_published(model.params.map(|n| n.to_string()));
    match model.active_params {
        Some(active) => format!("{total} ({active} active)"),
        None => total,
    }
}

/// Training tokens of a released model.
pub(super) fn tokens_cell(model: &ReleasedModel) -> String {
    or_not_published(model.tokens.map(|d| d.to_string()))
}

/// Released models with their sources.
#[must_use]
pub fn models_table(models: &[ReleasedModel]) -> Table {
    let columns = ["name", "year", "N", "active", "tokens", "source, and how it was read"];
    let mut table = Table::new("Released models (-: not published, or all active)", &columns);
    for model in models {
        table.push([
            &*model.name,
            &model.year.to_string(),
            &or_dash(model.params.map(|n| n.to_string())),
            &or_dash(model.active_params.map(|n| n.to_string())),
            &or_dash(model.tokens.map(|d| d.to_string())),
            &format!("{}; {}", model.source, model.checked),
        ]);
    }
    table
}

/// Devices with peak, memory and price.
#[must_use]
pub fn devices_table(devices: &[Device]) -> Table {
    let columns = ["name", "TFLOP/s", "GB", "GB/s", "USD per hour (newest)"];
    let mut table = Table::new("Devices: dense BF16, memory, bandwidth, price", &columns);
    for device in devices {
        let price = device.latest_price().map_or_else(
            |_| "none".to_owned(),
            |p| format!("{} to {} ({})", p.low, p.high, p.date),
        );
        let peak =
            device.bf16_dense_tflop_per_s.map_or_else(|| "none".to_owned(), |x| x.to_string());
        let memory = device.memory_gb.to_string();
        let bandwidth = device.bandwidth_gb_per_s.to_string();
        table.push([&device.name, &peak, &memory, &bandwidth, &price]);
    }
    table
}
