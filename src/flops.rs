//! From an architecture to parameter counts and FLOPs: the one place where either is counted.
//!
//! The planner prices with these formulas and the bundled trainer's model is tested against them,
//! so a sweep and a plan can never disagree about what N or C means.

use serde::{Deserialize, Serialize};

use crate::error::FlopsError;
use crate::units::{Flops, Params, Tokens};

/// Which operations C counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlopRule {
    /// C = 6 N D, forward plus backward, attention scores left out (Kaplan et al. 2020, sec. 2.1).
    #[default]
    SixNd,
    /// Every matrix product of the shape, attention scores included, see [`Shape::train_flops_per_token`].
    Counted,
}

impl FlopRule {
    /// Training FLOPs of a run under C = 6 N D.
    #[must_use]
    pub fn six_nd(n: Params, d: Tokens) -> Flops {
        Flops::new(6.0 * n.get() * d.get())
    }
}

/// Tokens that spend `c` training FLOPs on `n` parameters under C = 6 N D.
#[must_use]
pub fn tokens_for(c: Flops, n: Params) -> Tokens {
    Tokens::new(c.get() / (6.0 * n.get()))
}

/// A decoder-only transformer without biases, RMSNorm gains counted.
///
/// | field | meaning | unit |
/// |---|---|---|
/// | `layers`, `d_model` | depth and width | |
/// | `heads`, `kv_heads`, `head_dim` | query heads, key/value heads (grouped-query attention), width of one | |
/// | `ffn`, `ffn_matrices` | inner width; 3 matrices when gated (SwiGLU), 2 when plain | |
/// | `vocab`, `tied_embeddings` | vocabulary; whether input and output share one matrix | tokens |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Number of blocks.
    pub layers: u32,
    /// Width of the residual stream.
    pub d_model: u32,
    /// Query heads.
    pub heads: u32,
    /// Key/value heads; equal to `heads` for multi-head attention.
    pub kv_heads: u32,
    /// Width of one head.
    pub head_dim: u32,
    /// Inner width of the feed-forward part.
    pub ffn: u32,
    /// Matrices of the feed-forward part: 3 gated, 2 plain.
    pub ffn_matrices: u32,
    /// Vocabulary size.
    pub vocab: u32,
    /// Whether the output matrix is the embedding matrix.
    pub tied_embeddings: bool,
}

/// Parameters of a shape, by the conventions in use.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParamCount {
    /// Everything (Hoffmann et al. 2022).
    pub all: Params,
    /// Without embedding and output matrices (Kaplan et al. 2020).
    pub non_embedding: Params,
}

impl Shape {
    /// A SwiGLU, multi-head shape with inner width near 8/3 of the model width.
    ///
    /// The inner width is rounded up to a multiple of 8, which keeps matrix kernels on their fast path.
    #[must_use]
    pub fn swiglu(layers: u32, d_model: u32, heads: u32, vocab: u32) -> Self {
        Self {
            layers,
            d_model,
            heads,
            kv_heads: heads,
            head_dim: d_model / heads.max(1),
            ffn: (8 * d_model).div_ceil(3).next_multiple_of(8),
            ffn_matrices: 3,
            vocab,
            tied_embeddings: true,
        }
    }

    /// Checks that the shape can be built.
    ///
    /// # Errors
    /// [`FlopsError::Shape`] naming the first field that is zero or does not fit the others.
    pub fn validate(&self) -> Result<(), FlopsError> {
        let bad = |field, found: u32, wanted| Err(FlopsError::Shape { field, found, wanted });
        for (field, found) in [
            ("layers", self.layers),
            ("d_model", self.d_model),
            ("heads", self.heads),
            ("kv_heads", self.kv_heads),
            ("ffn", self.ffn),
        ] {
            if found == 0 {
                return bad(field, found, "at least 1");
            }
        }
        if self.head_dim == 0 || !self.head_dim.is_multiple_of(2) {
            return bad(
                "head_dim",
                self.head_dim,
                "an even number, since rotary positions turn pairs",
            );
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return bad("kv_heads", self.kv_heads, "a divisor of heads");
        }
        if !(2..=3).contains(&self.ffn_matrices) {
            return bad("ffn_matrices", self.ffn_matrices, "2 (plain) or 3 (gated)");
        }
        if self.vocab < 2 {
            return bad("vocab", self.vocab, "at least 2");
        }
        Ok(())
    }

    /// Weights of all matrix products in the blocks: attention projections and feed-forward.
    fn block_weights(&self) -> f64 {
        let d = f64::from(self.d_model);
        let q = f64::from(self.heads) * f64::from(self.head_dim);
        let kv = f64::from(self.kv_heads) * f64::from(self.head_dim);
        let attention = 2.0 * d * q + 2.0 * d * kv;
        let ffn = f64::from(self.ffn_matrices) * d * f64::from(self.ffn);
        f64::from(self.layers) * (attention + ffn)
    }

    /// Exact parameter counts.
    ///
    /// Per layer: attention 2 d h k + 2 d h_kv k, feed-forward m d f, two RMSNorm gains of d; one
    /// final gain of d; one (tied) or two matrices of V d.
    #[must_use]
    pub fn params(&self) -> ParamCount {
        let d = f64::from(self.d_model);
        let gains = (2.0 * f64::from(self.layers) + 1.0) * d;
        let non_embedding = self.block_weights() + gains;
        let matrices = if self.tied_embeddings { 1.0 } else { 2.0 };
        ParamCount {
            all: Params::new(non_embedding + matrices * f64::from(self.vocab) * d),
            non_embedding: Params::new(non_embedding),
        }
    }

    /// Training FLOPs per token, every matrix product counted, forward plus twice that backward.
    ///
    /// Forward: 2 per weight of the blocks, 2 V d for the logits, and 2 · 2 · h k · s̄ per layer for
    /// scores and weighted sum, with s̄ = (context + 1) / 2 the mean causal span. The embedding
    /// look-up is free. Source: Hoffmann et al. 2022, App. F; differs: causal span instead of the
    /// full square, softmax left out.
    #[must_use]
    pub fn train_flops_per_token(&self, context: u32) -> f64 {
        let span = (f64::from(context) + 1.0) / 2.0;
        let attention_width = f64::from(self.heads) * f64::from(self.head_dim);
        let scores = f64::from(self.layers) * 4.0 * attention_width * span;
        let logits = 2.0 * f64::from(self.vocab) * f64::from(self.d_model);
        3.0 * (2.0 * self.block_weights() + logits + scores)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shapes and stated counts of released models, retyped from their papers.
    #[test]
    fn golden_shapes_give_the_published_counts() {
        let llama_7b = Shape {
            layers: 32,
            d_model: 4096,
            heads: 32,
            kv_heads: 32,
            head_dim: 128,
            ffn: 11008,
            ffn_matrices: 3,
            vocab: 32000,
            tied_embeddings: false,
        };
        let mistral_7b = Shape { kv_heads: 8, ffn: 14336, ..llama_7b };
        for (shape, stated) in [(llama_7b, 6.738e9), (mistral_7b, 7.242e9)] {
            let n = shape.params().all.get();
            assert!((n / stated - 1.0).abs() < 1e-3, "{n}");
        }
    }

    #[test]
    fn counted_flops_approach_six_per_weight_for_wide_short_models() {
        let shape = Shape::swiglu(2, 4096, 32, 256);
        let ratio = shape.train_flops_per_token(16) / (6.0 * shape.params().all.get());
        assert!((ratio - 1.0).abs() < 0.01, "{ratio}");
    }

    #[test]
    fn shapes_that_cannot_be_built_name_the_field() {
        let bad = Shape { kv_heads: 3, ..Shape::swiglu(2, 64, 4, 256) };
        assert!(matches!(bad.validate(), Err(FlopsError::Shape { field: "kv_heads", .. })));
        assert!(Shape::swiglu(2, 64, 4, 256).validate().is_ok());
    }
}
