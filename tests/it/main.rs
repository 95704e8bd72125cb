//! The one integration binary. Tests that need the shared reference folder look for it in
//! `ISOLOSS_SHARED` and say so when it is not there; everything else runs anywhere.

#![allow(clippy::print_stderr, reason = "tests say what they measured and what they skipped")]

#[cfg(feature = "logs")]
mod advice;
mod approaches;
mod arrows;
#[cfg(feature = "logs")]
mod benchmark;
mod beyond;
#[cfg(feature = "cli")]
mod book;
mod circles;
#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "cli")]
mod cli_planner;
#[cfg(feature = "cli")]
mod columns;
#[cfg(feature = "logs")]
mod consistency;
#[cfg(all(feature = "cli", feature = "train"))]
mod corpora;
#[cfg(feature = "logs")]
mod curve_files;
#[cfg(feature = "logs")]
mod data;
#[cfg(feature = "report")]
mod design;
#[cfg(feature = "logs")]
mod designs;
mod diagnostics;
#[cfg(feature = "cli")]
mod docs;
mod draws;
#[cfg(feature = "cli")]
mod examples;
#[cfg(feature = "cli")]
mod experts;
#[cfg(feature = "cli")]
mod file_names;
#[cfg(feature = "cli")]
mod floors;
#[cfg(feature = "cli")]
mod flop_counts;
#[cfg(feature = "cli")]
mod gains;
#[cfg(feature = "logs")]
mod golden_fit;
mod golden_machines;
mod golden_plans;
#[cfg(feature = "logs")]
mod hostile;
mod joined_laws;
#[cfg(feature = "logs")]
mod judgement;
mod known;
mod laws;
#[cfg(feature = "logs")]
mod log_formats;
#[cfg(feature = "logs")]
mod logs;
#[cfg(feature = "logs")]
mod manners;
#[cfg(feature = "cli")]
mod mixtures;
mod model_families;
#[cfg(feature = "cli")]
mod next_runs;
#[cfg(feature = "cli")]
mod one_quantity;
#[cfg(feature = "cli")]
mod one_round;
#[cfg(feature = "logs")]
mod one_run;
#[cfg(feature = "cli")]
mod pictures;
mod progress;
mod properties;
#[cfg(feature = "logs")]
mod published_curves;
mod refusals;
#[cfg(feature = "logs")]
mod repetition;
#[cfg(feature = "report")]
mod report;
mod rollout;
#[cfg(feature = "logs")]
mod samples;
mod scenario;
mod schedule;
#[cfg(all(feature = "cli", feature = "serve"))]
mod serve;
#[cfg(feature = "logs")]
mod shared;
#[cfg(feature = "cli")]
mod slurm;
#[cfg(feature = "logs")]
mod step_logs;
#[cfg(feature = "cli")]
mod streams;
#[cfg(feature = "cli")]
mod study_page;
#[cfg(feature = "cli")]
mod survival;
#[cfg(feature = "logs")]
mod sweep;
#[cfg(feature = "cli")]
mod templates;
#[cfg(feature = "report")]
mod torn;
#[cfg(all(feature = "cli", feature = "train"))]
mod trainer;
#[cfg(feature = "cli")]
mod tuning;
#[cfg(feature = "cli")]
mod verify;
#[cfg(all(feature = "cli", not(feature = "train")))]
mod without_trainer;
