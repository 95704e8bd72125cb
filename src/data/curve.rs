//! Training curves: step, learning rate and loss of one run.

#[cfg(feature = "logs")]
use std::path::Path;

use serde::{Deserialize, Serialize};

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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingCurve {
    /// Its file.
    pub name: String,
    /// Logged steps, then planned ones.
    pub points: Vec<LoggedPoint>,
    /// Repeated steps that were replaced by their last row, as after a restart.
    pub replaced: usize,
}

#[cfg(feature = "logs")]
const STEP: &[&str] = &["step", "steps", "iteration", "iter", "global_step", "_step"];
#[cfg(feature = "logs")]
const RATE: &[&str] = &["lr", "learning_rate", "train_lr", "rate"];
#[cfg(feature = "logs")]
const LOSS: &[&str] = &["loss", "train_loss", "training_loss", "eval_loss", "val_loss"];

/// Most steps a curve may have: its schedule is held step by step.
#[cfg(feature = "logs")]
const MOST_STEPS: f64 = 5e6;

/// Reads a table with a step, a learning rate and a loss per row; rows without a loss plan ahead.
///
/// # Errors
/// [`DataError`] naming the file, the line and the column; only rows that a later row of the
/// same step replaces are left out, and those are counted.
#[cfg(feature = "logs")]
pub fn read_curve(path: impl AsRef<Path>) -> Result<TrainingCurve> {
    let path = path.as_ref();
    let name = path.display().to_string();
    let table = super::readers::table_of(path)?;
    let column = |names: &[&str], quantity: &'static str, key: &'static str| {
        table.first_named(names).ok_or_else(|| DataError::MissingColumn {
            path: name.clone(),
            quantity,
            key,
            found: table.columns.clone(),
        })
    };
    let step = column(STEP, "the step", "step")?;
    let rate = column(RATE, "the learning rate", "lr")?;
    let loss = column(LOSS, "the loss", "loss")?;
    let mut points: Vec<LoggedPoint> = Vec::new();
    let mut replaced = 0;
    for (line, values) in table.lines.iter().copied().zip(&table.rows) {
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
    let logged = points.iter().filter(|p| p.loss_nats.is_some()).count();
    if logged == 0 {
        return Err(DataError::Empty { path: name }.into());
    }
    if let Some(gap) =
        points.windows(2).find(|w| w[0].loss_nats.is_none() && w[1].loss_nats.is_some())
    {
        let problem = RowProblem::Gap { step: gap[0].step };
        return Err(DataError::BadRow { path: name, line: gap[0].step, problem, others: 0 }.into());
    }
    Ok(TrainingCurve { name, points, replaced })
}

impl TrainingCurve {
    /// Rates of every step from 1 to the last row, linear between rows; before the first row linear
    /// from zero, as a warm-up.
    #[must_use]
    pub fn rates(&self) -> Vec<f64> {
        let last = self.points.last().map_or(0, |p| p.step);
        let mut rates = Vec::with_capacity(last);
        let (mut step0, mut rate0) = (0, 0.0);
        for (i, point) in self.points.iter().enumerate() {
            // A first row long after step 1 with the rate of the second is not a warm-up.
            if i == 0 && self.points.get(1).is_some_and(|next| next.rate <= point.rate) {
                rate0 = point.rate;
            }
            let span = (point.step - step0) as f64;
            for step in step0 + 1..=point.step {
                let share = (step - step0) as f64 / span;
                rates.push(rate0 + share * (point.rate - rate0));
            }
            (step0, rate0) = (point.step, point.rate);
        }
        rates
    }

    /// The last step with a loss.
    #[must_use]
    pub fn known_until(&self) -> usize {
        self.points.iter().rev().find(|p| p.loss_nats.is_some()).map_or(0, |p| p.step)
    }
}
