//! The bundled trainer: decoder-only transformers in burn, dense or sparse, on the CPU unless told
//! otherwise.

mod batches;
mod checkpoint;
mod compute;
mod corpus;
mod kernels;
mod mixture;
mod model;
mod optimizer;
mod params;
mod plain;
mod setting;
mod text;
mod trainer;

pub use checkpoint::Checkpoints;
pub use corpus::{Corpus, CorpusFacts};
pub use mixture::RouterLosses;
pub use model::{Decoder, Losses};
pub use setting::{Path, Setting};
pub use text::{TokenText, Width};
pub use trainer::{BurnTrainer, trainable};

#[cfg(test)]
mod tests;
