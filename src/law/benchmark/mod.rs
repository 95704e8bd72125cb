//! Benchmark laws: from the loss of a model to its error on tasks.
//!
//! A law of N and D predicts the loss of a run; a benchmark law turns that loss into the error on a
//! task. Together they are the two-step prediction of Gadre et al. 2024 and of Llama 3
//! (arXiv:2407.21783, sec. 3.2.1): [`TwoStep`].
//!
//! To add one: a file here that implements [`BenchmarkForm`], its `mod` line, and one line in
//! `registry.rs`.

mod exponential;
mod form;
mod logistic;
mod prediction;
mod registry;
mod two_step;

pub use exponential::ExponentialError;
pub use form::{Benchmark, BenchmarkForm};
pub use logistic::LogisticError;
pub use prediction::TwoStepPrediction;
pub use registry::{benchmark_by_id, benchmarks};
pub use two_step::TwoStep;
