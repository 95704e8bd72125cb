//! D of a row whose table says steps and batches, as the table of runs of a tracker does.

use super::cell_table::CellTable;
use super::log::Value;
use super::settle::tokens_of_steps;
use super::spelling::{collapsed, without_groups};
use super::vocabulary::{Term, rank};
use crate::error::RowProblem;

/// What the tokens of a run are the product of.
const FACTORS: [Term; 13] = [
    Term::TokensPerStep,
    Term::Batch,
    Term::MicroBatch,
    Term::Accumulation,
    Term::DataParallel,
    Term::World,
    Term::Devices,
    Term::Nodes,
    Term::ModelParallel,
    Term::TensorParallel,
    Term::PipelineParallel,
    Term::ContextParallel,
    Term::Length,
];

/// A run that took less than this share of its planned steps has not finished.
const WHOLE: f64 = 0.98;

/// The columns that hold the steps of a run and what one of them sees.
pub(super) struct RowTokens {
    /// Steps taken, where a column says so.
    taken: Option<(String, usize)>,
    planned: Option<(String, usize)>,
    factors: Vec<(Term, String, usize)>,
    given: Vec<String>,
}

impl RowTokens {
    /// The columns; `None` where they do not suffice.
    ///
    /// - `given`: names of the columns that the user gave.
    pub(super) fn of(table: &CellTable, given: Vec<String>) -> Option<Self> {
        let find = |term: Term| {
            let ranked = table.columns.iter().enumerate().filter_map(|(at, column)| {
                let name = collapsed(column);
                let forms = without_groups(&name);
                let rank = forms.iter().filter_map(|form| rank(term, form)).min()?;
                Some((rank + 1000 * (forms.len() - 1), column.clone(), at))
            });
            ranked.min().map(|(_, column, at)| (column, at))
        };
        let factors: Vec<(Term, String, usize)> = FACTORS
            .into_iter()
            .filter_map(|term| find(term).map(|(column, at)| (term, column, at)))
            .collect();
        let has = |term: Term| factors.iter().any(|(t, ..)| *t == term);
        let batch = has(Term::Batch) || has(Term::MicroBatch);
        let (taken, planned) = (find(Term::Step), find(Term::PlannedSteps));
        let found = Self { taken, planned, factors: Vec::new(), given };
        let suffices = has(Term::TokensPerStep) || batch && has(Term::Length);
        (suffices && (found.taken.is_some() || found.planned.is_some()))
            .then_some(Self { factors, ..found })
    }

    /// Tokens of a row, and in words what they are the product of.
    ///
    /// # Errors
    /// An empty cell; a run that stopped before its planned steps.
    pub(super) fn tokens(&self, values: &[Value]) -> Result<(f64, String), RowProblem> {
        let count = |at: usize| values.get(at).and_then(Value::count);
        let of = |place: &Option<(String, usize)>| {
            place.as_ref().and_then(|(name, at)| Some((name.clone(), count(*at)?)))
        };
        let (taken, planned) = (of(&self.taken), of(&self.planned));
        let steps = match (taken, planned) {
            // The last step that was logged is a little before the last that was taken.
            (Some((_, taken)), Some(planned)) if taken >= WHOLE * planned.1 => planned,
            (Some(taken), Some(planned)) => {
                let (step, planned) = (taken.1, planned.1);
                return Err(RowProblem::Stopped { step, planned });
            }
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => {
                let column = self.taken.as_ref().or(self.planned.as_ref());
                let column = column.map_or_else(String::new, |(name, _)| name.clone());
                return Err(RowProblem::EmptyCell { column });
            }
        };
        let fact = |term: Term| {
            let (_, name, at) = self.factors.iter().find(|(t, ..)| *t == term)?;
            Some((name.clone(), count(*at)?))
        };
        let given = |key: &str| self.given.iter().any(|name| name == key);
        tokens_of_steps(&fact, &given, (&steps.0, steps.1)).ok_or_else(|| {
            let empty = self.factors.iter().find(|(_, _, at)| count(*at).is_none());
            let column = empty.map_or_else(String::new, |(_, name, _)| name.clone());
            RowProblem::EmptyCell { column }
        })
    }
}
