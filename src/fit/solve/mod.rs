//! From starts to a certified minimum: what is minimised, how, and the proof.

mod certificate;
mod coordinates;
mod descent;
mod estimate;
mod jets;
mod known;
mod minimum;
mod penalty;
mod problem;
mod rows;
mod search;
mod separable;
mod valley;
mod vertex;

pub use certificate::Certificate;
pub use minimum::LocalMinimum;

pub(crate) use certificate::is_minimum;
pub(crate) use descent::{refit, settle_near};
pub(crate) use estimate::estimate;
pub(crate) use known::Known;
pub(crate) use minimum::{Minimum, minimum_of};
pub(crate) use penalty::Penalty;
pub(crate) use problem::{Observed, Predictor, Prior, Problem};
pub(crate) use rows::{LawOn, Rows, point};
