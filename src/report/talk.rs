//! The claims of a talk beside computed findings.

use super::lists::{params_cell, tokens_cell};
use super::number::or_not_published;
use super::table::Table;
use crate::cost::ReleasedModel;

/// The findings behind one claim: the law or fact, the quantity, its value in words.
#[must_use]
pub fn findings_table<'a>(
    findings: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>,
) -> Table {
    let mut table = Table::new("", &["by", "quantity", "value"]);
    let mut last = "";
    for (by, quantity, value) in findings {
        // Each law is written once, at the first of its lines.
        table.push([if by == last { "" } else { by }, quantity, value]);
        last = by;
    }
    table
}

/// The systems a talk names: what it calls each, and the model on record.
#[must_use]
pub fn systems_table<'a>(systems: impl IntoIterator<Item = (&'a str, &'a ReleasedModel)>) -> Table {
    let columns = ["the talk says", "model", "year", "parameters", "tokens", "MMLU"];
    let mut table = Table::new("systems named in the talk", &columns);
    for (said, model) in systems {
        let score = model.mmlu_percent().map(|s| format!("{} % ({})", s.percent, s.checked));
        table.push([
            said,
            &model.name,
            &model.year.to_string(),
            &params_cell(model),
            &tokens_cell(model),
            &or_not_published(score),
        ]);
    }
    table
}
