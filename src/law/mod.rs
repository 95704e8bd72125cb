//! Laws: families with their derivatives, published constants, surfaces and ensembles of them.
//!
//! To add a family: one file here that implements [`Form`], one line in `registry.rs`, rows for
//! published constants in `data/laws.toml`.

mod abnar;
mod benchmark;
mod chinchilla;
mod clark;
mod ensemble;
mod envelope;
mod experts;
mod farseer;
mod form;
mod gadre;
mod joint_moe;
mod kaplan;
mod krajewski;
mod kumar;
mod muennighoff;
mod powers;
mod published;
mod registry;
mod schedule;
mod start;
mod surface;
mod tied;

pub use abnar::AbnarSparsity;
pub use benchmark::{
    Benchmark, BenchmarkForm, ExponentialError, LogisticError, TwoStep, TwoStepPrediction,
    benchmark_by_id, benchmarks,
};
pub use chinchilla::Chinchilla;
pub use clark::ClarkRouted;
pub use ensemble::{Draws, Ensemble};
pub use envelope::ComputeEnvelope;
pub use farseer::Farseer;
pub use form::{At, Coef, Factor, Form, Law, Scale, Separable};
pub use gadre::GadreOvertraining;
pub use joint_moe::JointMoe;
pub use kaplan::KaplanJoint;
pub use krajewski::KrajewskiMoe;
pub use kumar::KumarPrecision;
pub use muennighoff::Muennighoff;
pub use powers::Powers;
pub use published::{
    Allocation, Checked, Published, PublishedBenchmark, TokenAllocation, kaplan_allocation,
    published_benchmark, published_benchmarks, published_laws, token_allocation,
};
pub use registry::{forms, law_by_id};
pub use schedule::{Annealing, CurveForm, MultiPower, Schedule, curve_forms};
pub use surface::{Point, Range, Support, Surface};
pub use tied::ChinchillaTied;
