//! Laws: families with their derivatives, published constants, surfaces and ensembles of them.
//!
//! - [`Form`] is what a family writes, [`Law`] the same behind a reference; [`forms`] lists them.
//! - [`Surface`] is a family with coefficients: a loss for every N and D.
//! - [`Ensemble`] is a surface with the equally likely draws of its fit, and what [`Beyond`] its runs
//!   intervals carry.
//!
//! To add a family see `families/mod.rs`: one file, its `mod` line and one line of the registry.

mod at;
mod benchmark;
mod beyond;
mod coef;
mod curves;
mod ensemble;
mod families;
mod family;
mod form;
mod point;
mod powers;
mod published;
mod start;
mod surface;
mod terms;

pub use at::{At, Factor};
pub use benchmark::{
    Benchmark, BenchmarkForm, ExponentialError, LogisticError, TwoStep, TwoStepPrediction,
    benchmark_by_id, benchmarks,
};
pub use beyond::{Beyond, RivalLaw};
pub use coef::{Coef, Scale};
pub use curves::{
    Annealing, ConstantRate, CurveForm, LearningRates, MultiPower, SublinearPower,
    curve_form_by_id, curve_forms,
};
pub use ensemble::{Draws, Ensemble};
pub use families::*;
pub(crate) use families::{Solved, solved_as};
pub use family::Law;
pub use form::Form;
pub use point::{Point, Range, Support};
pub use powers::{Powers, Separable};
pub use published::{
    Allocation, Checked, Published, PublishedBenchmark, TokenAllocation, kaplan_allocation,
    published_benchmark, published_benchmarks, published_laws, token_allocation,
};
pub use start::{LinearPart, grid, ranked_starts};
pub use surface::Surface;
