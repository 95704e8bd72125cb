//! Training-run logs in, a pretraining plan out: how large a model, on how many tokens, for a budget.
//!
//! isoloss fits a scaling law L(N, D) to training runs, certifies that the fit is a minimum, tests it
//! on held-out runs, and plans with it or with published laws. This page is the library; the command
//! line `isoloss` is a thin layer over the room [`study`].
//!
//! # From logs to a plan
//!
//! ```
//! # #[cfg(not(feature = "logs"))]
//! # fn main() {}
//! # #[cfg(feature = "logs")]
//! # fn main() -> isoloss::Result<()> {
//! use isoloss::data::{ReadOptions, read};
//! use isoloss::fit::{FitConfig, fit};
//! use isoloss::law::law_by_id;
//! use isoloss::plan::compute_optimal;
//! use isoloss::units::Flops;
//!
//! // 25 real runs that come with the source.
//! let runs = read(&["data/first-light/runs.jsonl"], &ReadOptions::default())?;
//! assert_eq!(runs.runs.len(), 25);
//!
//! // L = E + A / N^alpha + B / D^beta.
//! let config = FitConfig { bootstrap: 200, ..FitConfig::default() };
//! let fit = fit(law_by_id("chinchilla")?, &runs, &config)?;
//! assert!(fit.certificate.certified);
//!
//! // The lowest loss for 1e14 training FLOPs, by the best coefficients and by every draw of them.
//! let budget = Flops::new(1e14);
//! let plan = compute_optimal(&fit.surface, budget)?;
//! let sizes = fit.ensemble().map(|law| Ok(compute_optimal(law, budget)?.n.get()));
//! let interval = sizes.interval(|n| *n).expect("draws");
//! assert!(interval.lo < plan.n.get() && plan.n.get() < interval.hi);
//! println!("{} parameters on {} tokens: {:.3} nats", plan.n, plan.d, plan.loss_nats);
//! # Ok(())
//! # }
//! ```
//!
//! # Asking as the command line does
//!
//! A question is a plain struct with defaults, and its answer holds all that the command prints. Both
//! can be written as JSON.
//!
//! ```
//! use isoloss::study::PlanRequest;
//! use isoloss::units::Flops;
//!
//! // isoloss plan --law besiroglu --flops 1e24
//! let request = PlanRequest { flops: Some(Flops::new(1e24)), ..PlanRequest::default() };
//! let answer = request.answer()?;
//! let rows = &answer.laws[0].rows;
//! assert_eq!(rows[1].strategy.to_string(), "chinchilla");
//! assert!((rows[1].plan.n.get() / 95.9e9 - 1.0).abs() < 1e-2);
//! # Ok::<(), isoloss::Error>(())
//! ```
//!
//! The folder `examples/` has whole programs: logs to a plan, published laws side by side, and a law
//! of your own.
//!
//! # Rooms
//!
//! ```text
//! logs   -> data  -> RunTable -> fit  -> Fit -> Ensemble -> plan -> report
//! budget -> sweep -> RunSpec  -> Trainer -> runs.jsonl -> data
//! ```
//!
//! Each arrow is one function, each value a plain serialisable struct. A published law and a fit of
//! your own enter the planner by the same door, [`law::Ensemble`].
//!
//! | Room | For |
//! |---|---|
//! | [`units`] | N, D and C as types; `7B` and `1e23` as text |
//! | [`law`] | families of laws, published constants, surfaces, draws |
//! | [`data`] | logs of any tool to one table of runs |
//! | [`mod@fit`] | a law from runs, with certificate, intervals and tests |
//! | [`plan`] | compute-optimal, inference-aware and limited plans, iso-loss curves, regret |
//! | [`cost`], [`flops`] | devices, prices, serving; parameters, FLOPs and memory of a shape |
//! | [`study`] | requests and answers that compose the rooms |
//! | `report` | tables, charts, pages |
//! | `serve` | the explorer: a local page that asks the study room |
//! | `sweep`, `train` | designs of small runs, and the bundled trainer |
//! | [`num`], [`error`] | numerical building blocks; errors and warnings |
//!
//! # Features
//!
//! | Feature | Default | Brings |
//! |---|---|---|
//! | (none) | | the core: laws, fits, plans, requests |
//! | `parallel` | yes | bootstrap draws and starts on all cores |
//! | `logs` | by `cli` | readers of logs, sweeps, study files |
//! | `report` | by `cli` | tables, charts, pages |
//! | `cli` | yes | the binary `isoloss` |
//! | `serve` | yes | the explorer, `isoloss serve` |
//! | `parquet`, `mlflow`, `zstd` | no | Parquet, MLflow's SQLite store, `.zst` files |
//! | `train` | no | the bundled trainer; `cuda` and `wgpu` add GPUs |
//! | `full` | no | all of these but GPUs |
//!
//! # Errors
//!
//! Functions return [`Result`]. An [`Error`] means that there is no usable value; it says where, what
//! was found, what is expected, and how to fix it. A value that is doubtful comes with a [`Warning`]
//! instead, which has a stable code.

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
#[cfg(feature = "serve")]
pub mod serve;
pub mod study;
#[cfg(feature = "logs")]
pub mod sweep;
#[cfg(feature = "train")]
pub mod train;
pub mod units;

#[cfg(feature = "cli")]
pub mod cli;

pub use error::{Error, Result, Warning};
