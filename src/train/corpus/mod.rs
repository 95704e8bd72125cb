//! Documents as tokens, split in training and validation data without leakage.
//!
//! ```text
//! documents -> split -> exact and near copies dropped -> shuffled -> tokens
//! ```

mod crates;
mod dataset;
mod duplicates;
mod reading;
mod shards;
mod split;
mod synthetic;
#[cfg(test)]
mod tests;
mod tokenizer;

pub use dataset::{Corpus, CorpusFacts};
