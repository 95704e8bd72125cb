//! Tokens from sources of known entropy.

mod chain;
mod contexts;
mod zipf;

use chain::Chain;
use contexts::Contexts;

use super::dataset::{Corpus, CorpusFacts};
use crate::sweep::{SyntheticKind, SyntheticSpec};
use crate::train::token_data::{TokenData, Width};

/// Validation tokens drawn from a source.
const VALIDATION: usize = 1 << 20;

/// Streams of the seed: the source itself draws from stream 0.
const TRAINING_STREAM: u64 = 1;
const VALIDATION_STREAM: u64 = 2;

/// Draws the tokens of a source, and says how low a loss can get on them.
pub(super) fn draw(spec: &SyntheticSpec) -> Corpus {
    let vocab = spec.size();
    let width = Width::of_vocab(vocab);
    let count = spec.tokens as usize;
    let (train, validation, facts) = match spec.kind {
        SyntheticKind::Chain => {
            let source = Chain::new(spec);
            let tokens =
                |count, index| packed(count, width, |push| source.fill(count, index, push));
            let facts = CorpusFacts {
                entropy_nats: Some(source.entropy_nats()),
                window_excess_nats: vec![source.first_order_nats() - source.entropy_nats()],
                ..CorpusFacts::default()
            };
            (tokens(count, TRAINING_STREAM), tokens(VALIDATION, VALIDATION_STREAM), facts)
        }
        SyntheticKind::Contexts => {
            let source = Contexts::new(spec);
            let train = packed(count, width, |push| source.fill(count, TRAINING_STREAM, push));
            let validation = packed(VALIDATION, width, |push| {
                source.fill_evenly(VALIDATION, VALIDATION_STREAM, push);
            });
            let facts = CorpusFacts {
                entropy_nats: Some(source.entropy_nats()),
                window_excess_nats: source.window_excess_nats().to_vec(),
                ..CorpusFacts::default()
            };
            (train, validation, facts)
        }
    };
    let entropy = facts.entropy_nats.unwrap_or_default();
    let name = format!("synthetic {}, entropy {entropy:.4} nats per token", spec.kind.name());
    Corpus { facts, ..Corpus::of_tokens(&name, train, validation, vocab) }
}

/// Tokens that `fill` pushes, at their width.
fn packed(count: usize, width: Width, fill: impl FnOnce(&mut dyn FnMut(u16))) -> TokenData {
    let mut bytes = Vec::with_capacity(count * width.bytes());
    fill(&mut |token| bytes.extend_from_slice(&u32::from(token).to_le_bytes()[..width.bytes()]));
    TokenData::from_bytes(bytes, width)
}
