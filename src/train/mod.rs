//! The bundled trainer: a decoder-only transformer in burn, on the CPU unless told otherwise.
//!
//! Text is bytes, so the vocabulary is 256 and a loss in nats per token is a loss in nats per byte.

mod batches;
mod corpus;
mod model;
mod trainer;

pub use corpus::{Corpus, Source};
pub use model::{Decoder, Tables};
pub use trainer::BurnTrainer;

/// Byte-level vocabulary.
pub const VOCAB: u32 = 256;
