//! Which columns of a step log hold what.

use crate::data::axis::Axis;
use crate::data::columns::ColumnMap;
use crate::data::facts::count_with_unit;
use crate::data::log::{RunLog, Value};
use crate::data::quantity::Quantity;
use crate::data::roles::{LossScale, Metric, Role, role_of};
use crate::data::spelling::collapsed;
use crate::data::vocabulary::{SIZES, is_name};

/// The role of a column or key, mapped or by its name.
pub(super) fn role(column: &str, map: &ColumnMap) -> Role {
    let mapped = |q: Quantity| map.column(q) == Some(column);
    let by_name = role_of(column);
    let metric = |metric| Role::Metric { metric, scale: LossScale::NatsPerToken, rank: 0 };
    if mapped(Quantity::Step) {
        return Role::Step { rank: 0 };
    }
    if mapped(Quantity::Run) {
        return Role::Run;
    }
    if mapped(Quantity::Tokens) {
        return metric(Metric::Tokens);
    }
    if mapped(Quantity::Flops) {
        return metric(Metric::Flops);
    }
    if mapped(Quantity::Loss) {
        let scale = LossScale::of_name(column);
        return match by_name {
            Role::Metric { metric: Metric::TrainLoss, .. } => {
                Role::Metric { metric: Metric::TrainLoss, scale, rank: 0 }
            }
            _ => Role::Metric { metric: Metric::EvalLoss, scale, rank: 0 },
        };
    }
    if Quantity::ALL.iter().any(|q| mapped(*q)) {
        return Role::Fact;
    }
    match by_name {
        // What is mapped to another column is not looked for by name.
        Role::Metric { metric: Metric::TrainLoss | Metric::EvalLoss, .. }
            if map.column(Quantity::Loss).is_some() =>
        {
            Role::Ignored
        }
        Role::Metric { metric: Metric::Tokens, .. } if map.column(Quantity::Tokens).is_some() => {
            Role::Ignored
        }
        Role::Metric { metric: Metric::Flops, .. } if map.column(Quantity::Flops).is_some() => {
            Role::Ignored
        }
        Role::Run if map.column(Quantity::Run).is_some() => Role::Ignored,
        Role::Step { .. } if map.column(Quantity::Step).is_some() => Role::Ignored,
        role => role,
    }
}

/// The factor on a column's values: that of `--map`, else the unit in its name.
pub(super) fn factor(column: &str, map: &ColumnMap) -> f64 {
    Quantity::ALL
        .into_iter()
        .find(|q| map.column(*q) == Some(column))
        .map(|q| map.factor(q))
        .or_else(|| match role_of(column) {
            Role::Metric { metric: Metric::Tokens, .. } => count_with_unit(column).map(|(_, f)| f),
            _ => None,
        })
        .unwrap_or(1.0)
}

/// A metric among the columns.
#[derive(Clone, Debug)]
pub(super) struct MetricColumn {
    pub(super) at: usize,
    pub(super) key: String,
    pub(super) metric: Metric,
    pub(super) scale: LossScale,
    pub(super) rank: usize,
    pub(super) factor: f64,
}

/// The columns of a step log.
#[derive(Clone, Debug, Default)]
pub(super) struct StepColumns {
    pub(super) run: Option<usize>,
    pub(super) step: Option<usize>,
    /// What the column of positions counts.
    pub(super) axis: Axis,
    pub(super) metrics: Vec<MetricColumn>,
    pub(super) facts: Vec<(usize, String)>,
    /// Whether an epoch is counted, as Lightning does.
    pub(super) has_epoch: bool,
}

impl StepColumns {
    pub(super) fn of(columns: &[String], map: &ColumnMap) -> Self {
        let mut found = Self::default();
        let mut best_step = usize::MAX;
        for (at, column) in columns.iter().enumerate() {
            match role(column, map) {
                Role::Run if found.run.is_none() => found.run = Some(at),
                Role::Step { rank } if rank < best_step => {
                    best_step = rank;
                    found.step = Some(at);
                }
                Role::Metric { metric, scale, rank } => {
                    found.has_epoch |= metric == Metric::Epoch;
                    let (key, factor) = (column.clone(), factor(column, map));
                    found.metrics.push(MetricColumn { at, key, metric, scale, rank, factor });
                }
                Role::Fact => found.facts.push((at, column.clone())),
                _ => {}
            }
        }
        found
    }

    /// Takes epochs for the positions, where no column holds steps.
    pub(super) fn step_by_epoch(&mut self) {
        if let Some(epoch) = self.metrics.iter().find(|m| m.metric == Metric::Epoch) {
            self.step = Some(epoch.at);
            self.axis = Axis::Epoch;
        }
    }

    pub(super) fn has_loss(&self) -> bool {
        self.metrics.iter().any(|m| matches!(m.metric, Metric::TrainLoss | Metric::EvalLoss))
    }

    /// Whether rows like these are steps of runs rather than runs: some run, or the file as a whole,
    /// has several steps at one size.
    ///
    /// - `rows`: run, step and a fingerprint of N of the first rows.
    pub(super) fn are_steps(&self, rows: &[(String, Option<f64>, String)]) -> bool {
        if self.step.is_none() || !self.has_loss() {
            return false;
        }
        let mut steps: std::collections::BTreeMap<(&str, &str), (f64, bool)> =
            std::collections::BTreeMap::new();
        for (run, step, size) in rows {
            let Some(step) = *step else { continue };
            let seen = steps.entry((run, size)).or_insert((step, false));
            seen.1 |= step != seen.0;
        }
        // Without a column of runs a table of one size with its steps might be one of runs; then N
        // differs from row to row for most.
        let repeating = steps.values().filter(|s| s.1).count();
        repeating > 0 && 2 * repeating >= steps.len()
    }

    /// The column that holds N, if any.
    pub(super) fn size(&self) -> Option<usize> {
        self.facts
            .iter()
            .find(|(_, key)| {
                let key = collapsed(key);
                SIZES.iter().any(|size| is_name(*size, &key))
            })
            .map(|(at, _)| *at)
    }
}

/// Adds a key and its value at a step to a log; keys of no use are passed over.
pub(super) fn book(log: &mut RunLog, key: &str, role: Role, step: f64, value: &Value, factor: f64) {
    match (role, value) {
        (Role::Metric { metric, scale, rank }, Value::Number(x)) => {
            log.push(key, metric, scale, rank, step, *x * factor);
        }
        (Role::Fact, value) => log.set(key, value.clone()),
        _ => {}
    }
}

/// As [`book`], by the name of the key alone. Some tools log sizes as metrics; those are facts.
pub(super) fn book_named(log: &mut RunLog, key: &str, step: f64, value: f64, map: &ColumnMap) {
    book(log, key, role(key, map), step, &Value::Number(value), factor(key, map));
}

/// The quantity that the positions of an axis are themselves.
pub(super) fn metric_of(axis: Axis) -> Option<Metric> {
    match axis {
        Axis::Step => None,
        Axis::Tokens => Some(Metric::Tokens),
        Axis::Samples => Some(Metric::Samples),
        Axis::Epoch => Some(Metric::Epoch),
    }
}
