//! Rows that are drawn together.

use std::collections::BTreeMap;

use crate::data::{RunRecord, RunTable};
use crate::fit::config::Resample;

/// Row indices of each cluster: one row each, or all of a size, a budget or a run.
pub(crate) fn clusters(table: &RunTable, resample: Resample) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let budgets = table.by_budget();
    let budget_of = |run: &RunRecord| {
        budgets.iter().position(|(_, runs)| runs.iter().any(|r| std::ptr::eq(*r, run)))
    };
    for (i, run) in table.runs.iter().enumerate() {
        let key = match resample {
            Resample::Row | Resample::Wild => format!("{i:012}"),
            // To a hundredth of a percent, as the design counts sizes.
            Resample::Size => format!("{}", (run.n.ln() * 1e4).round()),
            Resample::Budget => format!("{:?}", budget_of(run)),
            Resample::Cell => {
                let rounded = |x: f64| (x * 1e4).round();
                format!("{} {}", rounded(run.n.ln()), rounded(run.d.ln()))
            }
            Resample::Run => run.run.clone(),
        };
        groups.entry(key).or_default().push(i);
    }
    groups.into_values().collect()
}
