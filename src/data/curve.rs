//! Training curves: step, learning rate and loss of one run.

#[cfg(feature = "logs")]
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::units::Params;

#[cfg(feature = "logs")]
use super::log::Value;
#[cfg(feature = "logs")]
use crate::error::{DataError, Result, RowProblem};

/// One logged or planned step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoggedPoint {
    /// Step, from 1.
    pub step: usize,
    /// Learning rate at that step.
    pub rate: f64,
    /// Loss in nats per token; absent for a step that is only planned.
    pub loss_nats: Option<f64>,
}

/// A training curve in order of steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingCurve {
    /// Its run, or its file where that names none.
    pub name: String,
    /// Logged steps, then planned ones.
    pub points: Vec<LoggedPoint>,
    /// Repeated steps that were replaced by their last row, as after a restart.
    pub replaced: usize,
    /// Steps of a linear warm-up from zero that the rows leave out; a guess when absent, see
    /// [`rates`](Self::rates).
    #[serde(default)]
    pub warmup: Option<usize>,
    /// Steps the run is planned for, where its log says it.
    #[serde(default)]
    pub planned: Option<usize>,
    /// N, where its log says it.
    #[serde(default)]
    pub params: Option<Params>,
    /// Whether its log holds no learning rates, so that those of the rows say nothing.
    #[serde(default)]
    pub without_rates: bool,
    /// Whether its losses count bytes rather than tokens.
    #[serde(default)]
    pub per_byte: bool,
}

/// How the rate is taken to have gone before the first row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeadIn {
    /// Up from zero in a straight line to this step, then as in the first row.
    Ramp(usize),
    /// As in the first row from the start.
    Held,
}

/// A first row within this share of the steps may leave out a warm-up; a log that begins later is
/// one that was cut.
const WARMUP_SHARE: f64 = 0.1;

/// A first row this many times the usual distance of rows from the start leaves something out.
const LATE: usize = 4;

#[cfg(feature = "logs")]
const STEP: &[&str] = &["step", "steps", "iteration", "iter", "global_step", "_step"];
#[cfg(feature = "logs")]
const RATE: &[&str] = &["lr", "learning_rate", "train_lr", "rate"];
#[cfg(feature = "logs")]
const LOSS: &[&str] = &["loss", "train_loss", "training_loss", "eval_loss", "val_loss"];

/// Most steps a curve may have: its schedule is held step by step.
#[cfg(feature = "logs")]
pub(super) const MOST_STEPS: f64 = 5e6;

/// Reads a table with a step, a learning rate and a loss per row; rows without a loss plan ahead, and
/// a table without any loss is a schedule that was not begun.
///
/// # Errors
/// [`DataError`] naming the file, the line and the column; only rows that a later row of the
/// same step replaces are left out, and those are counted.
#[cfg(feature = "logs")]
pub fn read_curve(path: impl AsRef<Path>) -> Result<TrainingCurve> {
    let path = path.as_ref();
    let name = path.display().to_string();
    let table = super::readers::table_of(&super::files::Source::named(path)?)?;
    let column = |names: &[&str], quantity: &'static str, key: &'static str| {
        table.first_named(names).ok_or_else(|| DataError::MissingColumn {
            path: name.clone(),
            quantity,
            key,
            also: Vec::new(),
            found: table.columns.clone(),
        })
    };
    let step = column(STEP, "the step", "step")?;
    let rate = column(RATE, "the learning rate", "lr")?;
    let loss = column(LOSS, "the loss", "loss")?;
    let mut points: Vec<LoggedPoint> = Vec::new();
    let mut replaced = 0;
    for (line, values) in table.lines.iter().copied().zip(table.rows()) {
        let bad = |problem| DataError::BadRow { path: name.clone(), line, problem, others: 0 };
        let number = |at: usize, least: f64, expected: &'static str| match &values[at] {
            Value::Number(x) if x.is_finite() && *x >= least => Ok(*x),
            other => {
                let (column, found) = (table.columns[at].clone(), other.describe());
                Err(bad(RowProblem::OutOfRange { column, found, expected }))
            }
        };
        let at = number(step, 0.0, "a step")?;
        if at > MOST_STEPS {
            return Err(bad(RowProblem::StepTooLarge { step: at, limit: MOST_STEPS }).into());
        }
        let loss_nats = match &values[loss] {
            Value::Missing => None,
            _ => Some(number(loss, f64::MIN_POSITIVE, "a loss above zero")?),
        };
        let point =
            LoggedPoint { step: at as usize, rate: number(rate, 0.0, "a rate")?, loss_nats };
        // Step 0 has no update behind it.
        if point.step == 0 {
            continue;
        }
        // A restart logs steps again; the later row is of the run that went on.
        while points.last().is_some_and(|last| last.step >= point.step) {
            points.pop();
            replaced += 1;
        }
        points.push(point);
    }
    if let Some(gap) =
        points.windows(2).find(|w| w[0].loss_nats.is_none() && w[1].loss_nats.is_some())
    {
        let problem = RowProblem::Gap { step: gap[0].step };
        return Err(DataError::BadRow { path: name, line: gap[0].step, problem, others: 0 }.into());
    }
    Ok(TrainingCurve { name, points, replaced, ..TrainingCurve::default() })
}

impl TrainingCurve {
    /// Rates of every step from 1 to the last row, linear between rows; before the first row as
    /// [`lead_in`](Self::lead_in) says.
    #[must_use]
    pub fn rates(&self) -> Vec<f64> {
        let Some(first) = self.points.first() else { return Vec::new() };
        let last = self.points.last().map_or(0, |p| p.step);
        let mut rates = Vec::with_capacity(last);
        let warm = match self.lead_in() {
            LeadIn::Ramp(steps) => steps.max(1),
            LeadIn::Held => 1,
        };
        // A warm-up that goes on in the rows passes the first of them on its way.
        let top = first.step.min(warm);
        rates.extend((1..=first.step).map(|s| first.rate * s.min(top) as f64 / top as f64));
        for pair in self.points.windows(2) {
            let span = (pair[1].step - pair[0].step) as f64;
            rates.extend((pair[0].step + 1..=pair[1].step).map(|step| {
                let share = (step - pair[0].step) as f64 / span;
                pair[0].rate + share * (pair[1].rate - pair[0].rate)
            }));
        }
        rates
    }

    /// How the rate went before the first row: the warm-up given, or a straight line from zero where
    /// the rate still rises or the first row is among the first tenth of the steps, or else the rate of
    /// the first row.
    #[must_use]
    pub fn lead_in(&self) -> LeadIn {
        let (Some(first), Some(last)) = (self.points.first(), self.points.last()) else {
            return LeadIn::Held;
        };
        match self.warmup {
            Some(0) => LeadIn::Held,
            Some(steps) => LeadIn::Ramp(steps),
            None => {
                let rises = self.points.get(1).is_some_and(|next| next.rate > first.rate);
                let early = first.step as f64 <= WARMUP_SHARE * last.step as f64;
                if rises || early { LeadIn::Ramp(first.step) } else { LeadIn::Held }
            }
        }
    }

    /// The first step, where it is so late that its rows leave out steps, and nothing says what the
    /// rate was in them.
    #[must_use]
    pub fn guessed_until(&self) -> Option<usize> {
        let first = self.points.first()?.step;
        let usual = self.points.last()?.step.saturating_sub(first) / self.points.len().max(1);
        (self.warmup.is_none() && first > LATE * usual.max(1)).then_some(first)
    }

    /// The last step with a loss.
    #[must_use]
    pub fn known_until(&self) -> usize {
        self.points.iter().rev().find(|p| p.loss_nats.is_some()).map_or(0, |p| p.step)
    }
}
