//! The design of a table of runs: whether it identifies a law, how it covers the plane, and what the
//! residuals of a fit show.

mod check;
mod diagnostics;
mod flops;
mod kinds;
mod plane;
mod recipes;
mod slopes;
mod trend;

pub use diagnostics::{Correlation, Diagnostics, Notable};
pub use flops::FlopCount;
pub use kinds::Explaining;
pub use plane::{Plane, Repeats, SeedNoise, coverage, repeats};
pub use trend::Trend;

pub(crate) use trend::AtBudget;

pub(crate) use check::{FEW, check, support, unspoken, varies, warnings as design_warnings};
pub(crate) use diagnostics::diagnose;
pub(crate) use recipes::mixed_recipes;
pub(crate) use slopes::not_followed;
