//! Readers: one file each for what people's tools write.
//!
//! Each takes a [`Source`](super::files::Source) and hands over what it found, deciding nothing:
//! which loss represents a run, whether it finished and what its parameters count is settled later,
//! alike for all.

mod booking;
mod container;
mod content;
mod context;
mod delimited;
mod json;
mod json_line;
mod json_lines;
mod mlflow;
mod open;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(all(feature = "parquet", feature = "train"))]
mod parquet_text;
mod patterns;
mod run_name;
mod steps;
mod tensorboard;
mod text;
mod wandb;

pub(super) use content::{Content, FileContent};
pub(super) use context::Context;
pub(super) use open::{read_source, table_of};
#[cfg(all(feature = "parquet", feature = "train"))]
pub(super) use parquet_text::texts;
pub(super) use patterns::Patterns;
pub(super) use run_name::is_part_of_run;
pub(crate) use tensorboard::{event_frame, first_event_frame};
