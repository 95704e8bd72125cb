//! Prices as dated ranges, never constants.

use serde::{Deserialize, Serialize};

use super::uncertain::Uncertain;

/// Where a price comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PriceKind {
    /// An offer to anyone, without commitment.
    OnDemand,
    /// What a paper assumed.
    Assumed,
}

/// A dated range of prices, USD per device-hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Date or period of the offers, `2026-05` or `2024-01 to 2025-03`.
    pub date: String,
    /// Where it comes from.
    pub kind: PriceKind,
    /// Lowest offer.
    pub low: f64,
    /// Highest offer.
    pub high: f64,
    /// Median, where the source gives one.
    #[serde(default)]
    pub mid: Option<f64>,
    /// Who collected them.
    pub source: String,
}

impl Price {
    /// The median, or the geometric mean of the ends.
    #[must_use]
    pub fn typical(&self) -> f64 {
        self.mid.unwrap_or_else(|| (self.low * self.high).sqrt())
    }

    /// The whole range, half of it below the median.
    #[must_use]
    pub fn range(&self) -> Uncertain {
        Uncertain { low: self.low, mid: self.typical(), high: self.high }
    }

    /// The last month of the period.
    pub(super) fn last_month(&self) -> &str {
        let end = self.date.rsplit(" to ").next().unwrap_or(&self.date);
        end.get(..7).unwrap_or(end)
    }
}
