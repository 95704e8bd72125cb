//! How far a fit can be off: resamples, percentile intervals, predictive intervals, profiles.

mod bootstrap;
mod clusters;
mod draws;
mod predictive;
mod profile;

pub use profile::Profile;

pub(crate) use bootstrap::bootstrap;
pub(crate) use clusters::clusters;
pub(crate) use draws::{Draws, Spread, resample};
pub(crate) use predictive::{inflation, predictive_interval};
pub(crate) use profile::profile;
