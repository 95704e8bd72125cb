//! What is on record as people read it.

use crate::cost;
use crate::error::Result;
use crate::law::{benchmarks, curve_forms, forms, published_benchmarks, published_laws};
use crate::report::{
    Text, devices_table, families_table, laws_table, models_table, published_benchmarks_table,
};

/// Published laws, and the families that can be fitted.
///
/// # Errors
/// When a shipped table does not parse.
pub fn laws_text() -> Result<Text> {
    let tables = [
        laws_table(published_laws()?),
        families_table(
            "Families that can be fitted",
            forms().iter().map(|f| (f.id(), f.equation())),
        ),
        published_benchmarks_table(published_benchmarks()?),
        families_table(
            "Families of benchmark laws",
            benchmarks().iter().map(|b| (b.id(), b.equation())),
        ),
        families_table(
            "Families of loss curves",
            curve_forms().iter().map(|c| (c.id(), c.equation())),
        ),
    ];
    let mut text = Text::default();
    for (i, table) in tables.into_iter().enumerate() {
        text.push_str(if i == 0 { "" } else { "\n" });
        text.push(table);
    }
    Ok(text)
}

/// Released models.
///
/// # Errors
/// When the shipped table does not parse.
pub fn models_text() -> Result<Text> {
    Ok(models_table(cost::models()?).into())
}

/// Accelerators.
///
/// # Errors
/// When the shipped table does not parse.
pub fn devices_text() -> Result<Text> {
    Ok(devices_table(cost::devices()?).into())
}
