//! What a fit says of runs that were not fitted: the best run of a budget, and losses of given runs.

mod decision;
mod points;

pub use decision::{Decision, decide};
pub use points::{PredictedRun, Prediction, predict, predict_quantiles, predict_runs};
