//! Documents as tokens, split in training and validation data without leakage.
//!
//! ```text
//! documents -> each once -> split -> near copies of validation documents dropped -> shuffled -> tokens
//! ```

mod crates;
mod dataset;
mod duplicates;
mod reading;
mod shards;
mod split;
mod stored;
mod synthetic;
#[cfg(test)]
mod tests;
mod tokenizer;

pub use dataset::{Corpus, CorpusFacts};
