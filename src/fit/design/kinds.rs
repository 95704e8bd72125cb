//! Whether a column of the table says what the law leaves unexplained: several kinds of runs in one
//! table.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, FisherSnedecor};

use crate::data::{Label, RunTable};

/// A column beside N, D and the loss that explains residuals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explaining {
    /// The column.
    pub column: String,
    /// Its values, the most frequent first.
    pub values: Vec<String>,
    /// Share of the squared residuals that its values explain, adjusted for their number, 0 to 1.
    pub share: f64,
    /// Whether it is a setting tried several times at one N and D, of which the best counts.
    pub tries: bool,
}

/// Share from which a column is reported.
const REPORTED: f64 = 0.5;
/// Probability by chance below which it is, over all columns.
const BY_CHANCE: f64 = 1e-4;
/// Residuals below this, as a standard deviation of ln loss, change no decision.
const SMALL: f64 = 2e-3;

/// The column that explains most of the residuals, if any explains most of them.
///
/// A column that only says N or D again, such as a width, is none: what it explains is the law's.
pub(crate) fn explaining(table: &RunTable, residuals: &[f64]) -> Option<Explaining> {
    let columns: BTreeSet<&str> = table.runs.iter().flat_map(|r| r.labels.columns()).collect();
    let tried = columns.len();
    columns
        .into_iter()
        .filter_map(|column| one(table, residuals, column, tried))
        .max_by(|a, b| a.share.total_cmp(&b.share))
}

fn one(table: &RunTable, residuals: &[f64], column: &str, tried: usize) -> Option<Explaining> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut numbers = true;
    for (i, run) in table.runs.iter().enumerate() {
        let label = run.labels.get(column)?;
        numbers &= matches!(label, Label::Number(_));
        groups.entry(label.to_string()).or_default().push(i);
    }
    let (n, k) = (residuals.len(), groups.len());
    if k < 2 || 3 * k > n || repeats_the_plane(table, &groups) {
        return None;
    }
    let mean = |rows: &[usize]| rows.iter().map(|i| residuals[*i]).sum::<f64>() / rows.len() as f64;
    let all: Vec<usize> = (0..n).collect();
    let square = |rows: &[usize]| {
        let centre = mean(rows);
        rows.iter().map(|i| (residuals[*i] - centre).powi(2)).sum::<f64>()
    };
    let (total, within) = (square(&all), groups.values().map(|rows| square(rows)).sum::<f64>());
    let (between, freedom) = ((k - 1) as f64, (n - k) as f64);
    if (total / n as f64).sqrt() < SMALL {
        return None;
    }
    let share = 1.0 - (within / freedom) / (total / (n - 1) as f64);
    let f = ((total - within) / between) / (within / freedom);
    let p = FisherSnedecor::new(between, freedom).map_or(1.0, |d| d.sf(f)) * tried as f64;
    if share < REPORTED || p > BY_CHANCE {
        return None;
    }
    let mut by_size: Vec<(&String, usize)> = groups.iter().map(|(v, r)| (v, r.len())).collect();
    by_size.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let values = by_size.into_iter().map(|(value, _)| value.clone()).collect();
    Some(Explaining {
        column: column.to_owned(),
        values,
        share,
        tries: numbers && varies_in_cells(table, column),
    })
}

/// Whether each value of the column stands for one N, or one D.
pub(super) fn repeats_the_plane(table: &RunTable, groups: &BTreeMap<String, Vec<usize>>) -> bool {
    let one = |of: &dyn Fn(usize) -> f64| {
        groups.values().all(|rows| {
            let values: BTreeSet<i64> =
                rows.iter().map(|i| (of(*i) * 1e4).round() as i64).collect();
            values.len() == 1
        })
    };
    let runs = &table.runs;
    one(&|i| runs[i].n.ln())
        || one(&|i| runs[i].d.ln())
        || one(&|i| runs[i].c.get().ln())
        || one(&|i| (runs[i].d / runs[i].n).ln())
}

/// Whether several values stand at one N and D.
fn varies_in_cells(table: &RunTable, column: &str) -> bool {
    let mut cells: BTreeMap<[u64; 10], BTreeSet<String>> = BTreeMap::new();
    for run in &table.runs {
        let label = run.labels.get(column).map(ToString::to_string).unwrap_or_default();
        cells.entry(run.cell()).or_default().insert(label);
    }
    2 * cells.values().filter(|values| values.len() > 1).count() >= cells.len()
}
