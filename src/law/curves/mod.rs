//! Laws of a whole loss curve under a learning-rate schedule.
//!
//! A law of N and D predicts finished runs. These predict every step of one configuration: how the
//! loss falls with the sum of the learning rates, and by how much more when the rate is lowered.
//!
//! To add one: a file here that implements [`CurveForm`], its `mod` line, and one line in
//! `registry.rs`.

mod annealing;
mod form;
mod multi_power;
mod rates;
mod registry;
mod sublinear;

pub use annealing::Annealing;
pub use form::CurveForm;
pub use multi_power::MultiPower;
pub use rates::LearningRates;
pub use registry::{curve_form_by_id, curve_forms};
pub use sublinear::{ConstantRate, SublinearPower};
