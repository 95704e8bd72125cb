//! The decoder: RMSNorm, rotary positions, causal attention over all or the last tokens, SwiGLU or
//! GELU, dense or a mixture of experts, no biases.
//!
//! Activations are kept as [batch · context, width] throughout: one large product per projection is
//! what a CPU does best at these widths, and no worse on a GPU.

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor};

use super::layers::{FeedForward, Init, fan};
use super::mixture::{Mixture, RouterLosses};
use super::run_setup::RunSetup;
use crate::flops::Shape;
use crate::sweep::{BASE_LAYERS, WidthTransfer};

/// Spread of the embeddings: with tied matrices the first logits then have a variance of d · this²,
/// small enough for a first loss of ln(vocabulary).
pub(super) const EMBEDDING_STD: f64 = 0.02;

/// A decoder-only transformer of a [`Shape`].
#[derive(Module, Debug)]
pub struct Decoder {
    embedding: Param<Tensor<2>>,
    blocks: Vec<Block>,
    final_gain: Param<Tensor<1>>,
    head: Option<Param<Tensor<2>>>,
}

#[derive(Module, Debug)]
struct Block {
    attention_gain: Param<Tensor<1>>,
    /// Queries, keys and values side by side: [d_model, (heads + 2 kv_heads) head_dim].
    qkv: Param<Tensor<2>>,
    query_gain: Option<Param<Tensor<1>>>,
    key_gain: Option<Param<Tensor<1>>>,
    output: Param<Tensor<2>>,
    ffn_gain: Param<Tensor<1>>,
    dense: Option<FeedForward>,
    mixture: Option<Mixture>,
}

/// Losses of one batch.
#[derive(Debug)]
pub struct Losses {
    /// Mean negative log-likelihood of the targets, nats per token, one element.
    pub nats: Tensor<1>,
    /// Means over the layers with experts; `None` in a dense model.
    pub router: Option<RouterLosses>,
}

impl Decoder {
    /// A fresh model; `shape` must be [valid](Shape::validate) and [trainable](super::trainable).
    ///
    /// Matrices have a spread of 1/sqrt(fan-in), those that write into the residual stream
    /// 1/sqrt(2 layers) of that.
    #[must_use]
    pub fn new(shape: &Shape, seed: u64, device: &Device) -> Self {
        Self::drawn(shape, Init::new(seed, f64::from(shape.layers), device))
    }

    /// As [`new`](Self::new), with the spreads that a transfer asks for: under CompleteP those of a model
    /// of two layers at every depth, because the stream takes its parts with 2 / layers.
    #[must_use]
    pub fn under(shape: &Shape, transfer: WidthTransfer, seed: u64, device: &Device) -> Self {
        let layers = match transfer {
            WidthTransfer::Rule | WidthTransfer::Mup => f64::from(shape.layers),
            WidthTransfer::CompleteP => BASE_LAYERS,
        };
        Self::drawn(shape, Init::new(seed, layers, device))
    }

    fn drawn(shape: &Shape, mut init: Init) -> Self {
        let d = shape.d_model as usize;
        let head_dim = shape.head_dim as usize;
        let queries = shape.heads as usize * head_dim;
        let keys = shape.kv_heads as usize * head_dim;
        let vocab = shape.vocab as usize;
        let residual = init.residual;
        let embedding = init.matrix(vocab, d, EMBEDDING_STD);
        let blocks = (0..shape.layers)
            .map(|layer| {
                let head_gain = |init: &Init| shape.qk_norm.then(|| init.gain(head_dim));
                let sparse = shape.experts.filter(|e| layer >= e.dense_layers);
                let ffn = shape.experts.map_or(shape.ffn, |e| e.dense_ffn);
                Block {
                    attention_gain: init.gain(d),
                    qkv: init.matrix(d, queries + 2 * keys, fan(d)),
                    query_gain: head_gain(&init),
                    key_gain: head_gain(&init),
                    output: init.matrix(queries, d, fan(queries) * residual),
                    ffn_gain: init.gain(d),
                    dense: sparse
                        .is_none()
                        .then(|| FeedForward::new(shape, ffn as usize, &mut init)),
                    mixture: sparse.map(|experts| Mixture::new(shape, experts, &mut init)),
                }
            })
            .collect();
        let head = (!shape.tied_embeddings).then(|| init.matrix(d, vocab, EMBEDDING_STD));
        Self { embedding, blocks, final_gain: init.gain(d), head }
    }

    /// Logits of the next token, and the losses of the routers.
    ///
    /// - `inputs`: token ids, [batch · context], `context` as in `setup`.
    /// - Returns [batch · context, vocabulary].
    #[must_use]
    pub fn forward(
        &self,
        inputs: Tensor<1, Int>,
        setup: &RunSetup,
    ) -> (Tensor<2>, Option<RouterLosses>) {
        let embedding = self.embedding.val();
        let mut x = embedding.clone().select(0, inputs) * setup.embedding_scale;
        let mut routers = Vec::new();
        for block in &self.blocks {
            let (y, router) = block.forward(x, setup);
            x = y;
            routers.extend(router);
        }
        let x = setup.norm(x, self.final_gain.val());
        let x = if setup.logit_scale == 1.0 { x } else { x * setup.logit_scale };
        let logits = match &self.head {
            Some(head) => setup.product(x, head.val()),
            None => setup.product(x, embedding.transpose()),
        };
        (logits, RouterLosses::mean(routers))
    }

    /// Losses on `targets`, the tokens that follow `inputs`.
    #[must_use]
    pub fn losses(
        &self,
        inputs: Tensor<1, Int>,
        targets: Tensor<1, Int>,
        setup: &RunSetup,
    ) -> Losses {
        let (logits, router) = self.forward(inputs, setup);
        Losses { nats: setup.entropy(logits, targets), router }
    }
}

#[cfg(test)]
impl Decoder {
    /// This sparse model of one expert a layer with the parameters of a dense one.
    pub(super) fn with_expert_of(mut self, dense: &Self) -> Self {
        self.embedding = dense.embedding.clone();
        self.final_gain = dense.final_gain.clone();
        for (block, dense) in self.blocks.iter_mut().zip(&dense.blocks) {
            let mixture = block.mixture.take();
            let expert = dense.dense.clone();
            *block = Block {
                mixture: mixture.zip(expert).map(|(m, e)| m.with_first(e)),
                dense: None,
                ..dense.clone()
            };
        }
        self
    }
}

impl Block {
    fn forward(&self, x: Tensor<2>, setup: &RunSetup) -> (Tensor<2>, Option<RouterLosses>) {
        let h = setup.norm(x.clone(), self.attention_gain.val());
        let qkv = setup.product(h, self.qkv.val());
        let gain = |gain: &Option<Param<Tensor<1>>>| {
            gain.as_ref().map_or_else(|| setup.unit_gain(), Param::val)
        };
        let mixed = setup.attention(qkv, [gain(&self.query_gain), gain(&self.key_gain)]);
        let x = setup.added(x, setup.product(mixed, self.output.val()));
        let h = setup.norm(x.clone(), self.ffn_gain.val());
        match (&self.dense, &self.mixture) {
            (Some(dense), _) => (setup.added(x, dense.forward(h, setup)), None),
            (None, Some(mixture)) => {
                let (y, router) = mixture.forward(h, setup);
                (setup.added(x, y), Some(router))
            }
            (None, None) => (x, None),
        }
    }
}

#[cfg(test)]
mod tests;
