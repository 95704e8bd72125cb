//! A law of compute, of size or of tokens alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::config::FitConfig;
use super::fitted::Fit;
use super::predict::predict;
use super::progress::OnProgress;
use super::runs::fit_with_progress;
use crate::data::{Assumption, OneQuantity, OneQuantityTable, RunRecord, RunTable};
use crate::error::{FitError, Result, Warning};
use crate::law::{ComputeEnvelope, Point};
use crate::num::Interval;
use crate::units::{ParamRule, Params, Tokens};

/// The schema of a saved [`OneQuantityFit`].
pub const ONE_QUANTITY_SCHEMA: &str = "isoloss/one-quantity/1";

/// L = E + A / x^gamma, with x one of C, N and D.
///
/// It is fitted as the compute envelope with x in place of 6 N D, by the same solver, certificate and
/// resampling. It says nothing of what was not in the table: how a budget is split, or what the other
/// quantity is worth.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OneQuantityFit {
    /// [`ONE_QUANTITY_SCHEMA`].
    pub schema: String,
    /// x.
    pub of: OneQuantity,
    /// Smallest and largest x of the runs.
    pub range: Interval,
    /// Whether losses count bytes rather than tokens.
    pub per_byte: bool,
    /// E, A and gamma.
    pub coefficients: BTreeMap<String, f64>,
    /// Percentile intervals by name.
    pub intervals: BTreeMap<String, Interval>,
    /// What a reader has to know.
    #[serde(serialize_with = "crate::error::with_messages")]
    pub warnings: Vec<Warning>,
    /// The envelope that was fitted, with x as its compute.
    pub fit: Fit,
}

/// A loss at a value of x.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OneQuantityPrediction {
    /// x.
    pub at: f64,
    /// Loss, nats.
    #[serde(rename = "loss")]
    pub loss_nats: f64,
    /// Where that of a new run is expected.
    pub interval: Option<Interval>,
    /// By which factor x is outside the runs; absent inside.
    pub outside: Option<f64>,
}

/// What a loss takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OneQuantityNeeded {
    /// The loss, nats.
    #[serde(rename = "loss")]
    pub loss_nats: f64,
    /// x at which the law reaches it; absent at or below its floor.
    pub needed: Option<f64>,
    /// Ends of its interval; an absent end is beyond any x.
    pub interval: Option<[Option<f64>; 2]>,
    /// By which factor x is outside the runs; absent inside.
    pub outside: Option<f64>,
}

/// Names of the envelope's coefficients in a law of any quantity.
const NAMES: [(&str, &str); 3] = [("Linf", "E"), ("A", "A"), ("alpha", "gamma")];

/// Fits L = E + A / x^gamma.
///
/// # Errors
/// As [`fit()`](super::fit()).
pub fn fit_one_quantity(
    table: &OneQuantityTable,
    config: &FitConfig,
    progress: &OnProgress<'_>,
) -> Result<OneQuantityFit> {
    let runs = as_runs(table);
    let fit = fit_with_progress(&ComputeEnvelope, &runs, config, progress)?;
    let values = table.rows.iter().map(|row| row.0);
    let range = Interval {
        lo: values.clone().fold(f64::INFINITY, f64::min),
        hi: values.fold(0.0, f64::max),
    };
    // What the design of N and D lacks is no fault of a law of one quantity.
    let about_the_law = |warning: &&Warning| {
        !matches!(
            warning,
            Warning::NarrowDesign { .. }
                | Warning::ThinPlane { .. }
                | Warning::FlopsMismatch { .. }
                | Warning::ResidualTrend { .. }
                // `few-runs` says it of a table whose rows are its groups.
                | Warning::FewClusters { .. }
        )
    };
    let warnings = fit.warnings.iter().filter(about_the_law).cloned().collect();
    Ok(OneQuantityFit {
        schema: ONE_QUANTITY_SCHEMA.to_owned(),
        of: table.of,
        range,
        per_byte: table.per_byte,
        coefficients: renamed(&fit.coefficients),
        intervals: renamed(&fit.intervals),
        warnings,
        fit,
    })
}

/// The rows as runs whose 6 N D is x; nothing else about them may be asked.
#[must_use]
pub fn as_runs(table: &OneQuantityTable) -> RunTable {
    let run = |(row, (x, loss)): (usize, &(f64, f64))| {
        let at = point(*x);
        RunRecord { row, ..RunRecord::new(format!("row {row}"), at.n, at.d, *loss) }
    };
    let runs = table.rows.iter().enumerate().map(run).collect();
    let mut runs = RunTable::from_runs(runs, ParamRule::All);
    runs.assumptions.extend(table.per_byte.then_some(Assumption::NatsPerByte));
    runs
}

/// The point whose 6 N D is x.
fn point(x: f64) -> Point {
    let side = (x / 6.0).sqrt();
    Point::new(Params::new(side), Tokens::new(side))
}

fn renamed<T: Clone>(by_name: &BTreeMap<String, T>) -> BTreeMap<String, T> {
    NAMES
        .iter()
        .filter_map(|(from, to)| Some(((*to).to_owned(), by_name.get(*from)?.clone())))
        .collect()
}

impl OneQuantityFit {
    /// Losses at values of x.
    #[must_use]
    pub fn predict(&self, at: &[f64]) -> Vec<OneQuantityPrediction> {
        let points: Vec<Point> = at.iter().map(|x| point(*x)).collect();
        predict(&self.fit, &points)
            .into_iter()
            .zip(at)
            .map(|(predicted, x)| OneQuantityPrediction {
                at: *x,
                loss_nats: predicted.loss_nats,
                interval: predicted.interval,
                outside: self.outside(*x),
            })
            .collect()
    }

    /// x at which the law reaches a loss.
    #[must_use]
    pub fn needed(&self, loss_nats: f64) -> OneQuantityNeeded {
        let needed = invert(self.fit.surface.theta(), loss_nats);
        let mut drawn: Vec<f64> = self
            .fit
            .draws
            .iter()
            .map(|draw| invert(draw, loss_nats).unwrap_or(f64::INFINITY))
            .collect();
        drawn.sort_by(f64::total_cmp);
        let tail = 0.5 * (1.0 - self.fit.level);
        let end = |p: f64| {
            let at = (p * (drawn.len() - 1) as f64).round() as usize;
            drawn.get(at).copied().filter(|x| x.is_finite())
        };
        let interval = (drawn.len() >= 2).then(|| [end(tail), end(1.0 - tail)]);
        let outside = needed.and_then(|x| self.outside(x));
        OneQuantityNeeded { loss_nats, needed, interval, outside }
    }

    fn outside(&self, x: f64) -> Option<f64> {
        let factor = (x / self.range.hi).max(self.range.lo / x);
        (factor > 1.0).then_some(factor)
    }

    /// The refusal of a question about what the table did not hold.
    #[must_use]
    pub fn refusal(&self, path: &str) -> FitError {
        let rest = match self.of {
            OneQuantity::C => "N and D",
            OneQuantity::N => "D and C",
            OneQuantity::D => "N and C",
        };
        FitError::OneQuantityLaw { path: path.to_owned(), of: self.of.to_string(), rest }
    }

    /// Reads a fit from its JSON; `None` for JSON of something else.
    ///
    /// # Errors
    /// [`FitError::Artifact`] for a damaged one.
    pub fn of_json(path: &str, text: &str) -> Result<Option<Self>, FitError> {
        let is_one = serde_json::from_str::<serde_json::Value>(text)
            .is_ok_and(|json| json["schema"] == ONE_QUANTITY_SCHEMA);
        if !is_one {
            return Ok(None);
        }
        serde_json::from_str(text)
            .map(Some)
            .map_err(|e| FitError::Artifact { path: path.to_owned(), reason: e.to_string() })
    }
}

/// x = (A / (L - E))^(1 / gamma); `None` at or below the floor.
fn invert(theta: &[f64], loss: f64) -> Option<f64> {
    let above = loss - theta[0];
    (above > 0.0).then(|| (theta[1] / above).powf(1.0 / theta[2]))
}
