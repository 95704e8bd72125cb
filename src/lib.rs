//! Training-run logs in, a defensible pretraining plan out.
//!
//! ```text
//! logs   -> data  -> RunTable -> fit  -> Fit -> Ensemble -> plan -> report
//! budget -> sweep -> RunSpec  -> Trainer -> runs.jsonl -> data
//! ```
//!
//! Each arrow is one function, each value a plain serialisable struct. A published law and a fit of
//! your own enter the planner by the same door, [`law::Ensemble`].

pub mod cost;
pub mod data;
pub mod error;
pub mod fit;
pub mod flops;
pub mod law;
pub mod num;
pub mod plan;
#[cfg(feature = "report")]
pub mod report;
pub mod study;
#[cfg(feature = "logs")]
pub mod sweep;
#[cfg(feature = "train")]
pub mod train;
pub mod units;

#[cfg(feature = "cli")]
pub mod cli;
