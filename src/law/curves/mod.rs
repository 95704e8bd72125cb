//! Laws of a whole loss curve under a learning-rate schedule.
//!
//! A law of N and D speaks of finished runs. These speak of every step of one configuration: how the
//! loss falls with the learning rate spent, and by how much more when the rate is lowered.
//!
//! To add one: a file here that implements [`CurveForm`], its `mod` line, and one line in
//! `registry.rs`.

mod annealing;
mod form;
mod multi_power;
mod rates;
mod registry;

pub use annealing::Annealing;
pub use form::CurveForm;
pub use multi_power::MultiPower;
pub use rates::LearningRates;
pub use registry::curve_forms;
