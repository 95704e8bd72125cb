//! `isoloss laws`, `models` and `devices`: what is on record, with sources.

use super::output::Output;
use crate::cost;
use crate::error::Result;
use crate::law::{benchmarks, curve_forms, forms, published_benchmarks, published_laws};
use crate::report::{
    Text, devices_table, families_table, laws_table, models_table, published_benchmarks_table,
};
use crate::study::{devices_json, laws_json, models_json};

pub(super) fn laws() -> Result<Output> {
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
    let text = tables.map(|table| table.to_text()).join("\n");
    Output::new(text, &laws_json()?, Vec::new())
}

pub(super) fn models() -> Result<Output> {
    let models = cost::models()?;
    Output::new(models_table(models).to_text(), &models_json()?, Vec::new())
}

pub(super) fn devices() -> Result<Output> {
    let devices = cost::devices()?;
    Output::new(devices_table(devices).to_text(), &devices_json()?, Vec::new())
}
