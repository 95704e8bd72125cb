//! The section `[tune]`: which learning rates and batches are tried, and where.

use serde::{Deserialize, Serialize};

use super::sections::three_digits;
use crate::error::SweepError;

/// How the learning rate of a sweep is tuned before its runs are trained.
///
/// | field | default | range | purpose |
/// |---|---|---|---|
/// | `lr` | factor 2, 5 points | | rates tried, at a width of 64 |
/// | `batch` | none | 0.01 to 100 | batches tried, as multiples of the recipe's |
/// | `cells` | 2 | 1 to 20 | small cells they are tried at |
/// | `check` | true | | whether a large cell is trained at half and twice the rate |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TuneConfig {
    /// Rates tried.
    pub lr: RateAxis,
    /// Batches tried, over that of the recipe.
    pub batch: Vec<f64>,
    /// Cells they are tried at: the smallest and the largest N of the smallest budgets.
    pub cells: u32,
    /// Whether the rate is checked at a large cell.
    pub check: bool,
}

impl Default for TuneConfig {
    fn default() -> Self {
        let lr = RateAxis::Around { factor: 2.0, points: 5 };
        Self { lr, batch: Vec::new(), cells: 2, check: true }
    }
}

/// Peak learning rates at a width of 64.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields, expecting = "a list of rates, or { factor, points }")]
pub enum RateAxis {
    /// `points` of them around the recipe's, each `factor` times the one before.
    Around {
        /// Ratio of neighbours.
        factor: f64,
        /// How many.
        points: u32,
    },
    /// Each as it is.
    List(Vec<f64>),
}

impl RateAxis {
    /// Rates, smallest first.
    pub(super) fn rates(&self, peak: f64) -> Vec<f64> {
        let mut rates = match self {
            Self::List(list) => list.clone(),
            Self::Around { factor, points } => {
                let middle = f64::from(points.saturating_sub(1)) / 2.0;
                let at = |i: u32| three_digits(peak * factor.powf(f64::from(i) - middle));
                (0..*points).map(at).collect()
            }
        };
        rates.sort_by(f64::total_cmp);
        rates
    }
}

/// A rate has to stay below this one, which no model survives.
pub(super) const MOST_RATE: f64 = 10.0;

impl TuneConfig {
    pub(super) fn validate(&self) -> Result<(), SweepError> {
        let bad =
            |field, found: String, expected| Err(SweepError::Field { field, found, expected });
        match &self.lr {
            RateAxis::Around { factor, points } => {
                if !(*factor >= 1.1 && *factor <= 10.0) {
                    return bad("tune.lr.factor", factor.to_string(), "1.1 to 10");
                }
                if !(3..=25).contains(points) {
                    return bad("tune.lr.points", points.to_string(), "3 to 25");
                }
            }
            RateAxis::List(list) => {
                let ok = |rate: &f64| *rate > 0.0 && *rate < MOST_RATE;
                if let Some(rate) = list.iter().find(|rate| !ok(rate)) {
                    return bad("tune.lr", rate.to_string(), "rates above 0, below 10");
                }
                let rates = self.lr.rates(0.0);
                // Names of runs have three digits.
                let apart = rates.windows(2).all(|p| p[1] / p[0] > 1.01);
                if rates.len() < 3 || !apart {
                    let expected = "at least three rates, each 1.01 times the one before or more";
                    return bad("tune.lr", format!("{rates:?}"), expected);
                }
            }
        }
        if let Some(batch) = self.batch.iter().find(|b| !(0.01..=100.0).contains(*b)) {
            return bad("tune.batch", batch.to_string(), "multiples of the batch, 0.01 to 100");
        }
        if !(1..=20).contains(&self.cells) {
            return bad("tune.cells", self.cells.to_string(), "1 to 20");
        }
        Ok(())
    }

    /// Multiples of the batch that are tried.
    pub(super) fn batches(&self) -> Vec<f64> {
        if self.batch.is_empty() { vec![1.0] } else { self.batch.clone() }
    }
}
