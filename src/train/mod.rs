//! The bundled trainer: decoder-only transformers in burn, dense or sparse, on the CPU unless a file
//! asks for another device.
//!
//! [`train_run`], [`prepare_shards`] and [`prepare_corpus`] answer requests; [`BurnTrainer`] is the
//! [`Trainer`](crate::sweep::Trainer) behind them.

mod batches;
mod checkpoint;
mod compute;
mod corpus;
#[cfg(test)]
mod fixtures;
mod kernels;
mod layers;
mod memory;
mod mixture;
mod model;
mod optimizer;
mod params;
mod plain;
mod request;
mod run_setup;
mod tensors;
mod token_data;
mod trainer;

pub use checkpoint::Checkpoints;
pub use corpus::{Corpus, CorpusFacts};
pub use memory::check_memory;
pub use mixture::RouterLosses;
pub use model::{Decoder, Losses};
pub use request::{
    CorpusReport, CorpusRequest, TrainReport, TrainRequest, prepare_corpus, prepare_shards,
    train_run, trainer_on_shards,
};
pub use run_setup::{Path, RunSetup};
pub use token_data::{TokenData, Width};
pub use trainer::{BurnTrainer, trainable};
