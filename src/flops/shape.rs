//! A decoder-only transformer by its dimensions: parameters, FLOPs, key/value cache.

use serde::{Deserialize, Serialize};

use super::vectors::{QkGains, Vectors};
use crate::error::FlopsError;
use crate::units::Params;

/// A decoder-only transformer, dense or sparse; RMSNorm gains counted.
///
/// | field | meaning | unit |
/// |---|---|---|
/// | `layers`, `d_model` | depth and width | |
/// | `heads`, `kv_heads`, `head_dim` | query heads, key/value heads (grouped-query attention), width of one | |
/// | `ffn`, `ffn_matrices` | inner width (of one expert where there are some); 3 matrices when gated (SwiGLU), 2 when plain | |
/// | `vocab`, `tied_embeddings` | vocabulary; whether input and output share one matrix | tokens |
/// | `experts`, `latent`, `window` | mixture of experts, latent attention, sliding window; absent in a plain model | |
/// | `positions`, `relative_positions`, `biases` | learned positions, a d by d matrix per layer for relative ones, biases with LayerNorm | |
/// | `qk_norm` | RMSNorm of queries and keys, head by head | |
/// | `vectors` | gains and biases where `biases` and `qk_norm` do not say them all; then these count alone | |
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
    /// Inner width of the feed-forward part, or of one expert.
    pub ffn: u32,
    /// Matrices of the feed-forward part: 3 gated, 2 plain.
    pub ffn_matrices: u32,
    /// Vocabulary size.
    pub vocab: u32,
    /// Whether the output matrix is the embedding matrix.
    pub tied_embeddings: bool,
    /// Mixture of experts in place of the feed-forward part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experts: Option<Experts>,
    /// Multi-head latent attention in place of plain projections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latent: Option<Latent>,
    /// Tokens that a sliding attention window reaches back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<u32>,
    /// Learned absolute positions, 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub positions: u32,
    /// Whether each layer has a d by d matrix for relative positions (Transformer-XL, as Gopher).
    #[serde(default, skip_serializing_if = "is_false")]
    pub relative_positions: bool,
    /// Whether matrices have biases and norms a shift (LayerNorm).
    #[serde(default, skip_serializing_if = "is_false")]
    pub biases: bool,
    /// Whether queries and keys pass an RMSNorm with gains of one head's width each.
    #[serde(default, skip_serializing_if = "is_false")]
    pub qk_norm: bool,
    /// Gains, shifts and biases, where `biases` and `qk_norm` do not say them all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectors: Option<Vectors>,
}

fn is_zero(x: &u32) -> bool {
    *x == 0
}

fn is_false(x: &bool) -> bool {
    !*x
}

/// A mixture of experts: every token visits `top_k` of `count` routed experts and all shared ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experts {
    /// Routed experts per layer.
    pub count: u32,
    /// Routed experts a token visits.
    pub top_k: u32,
    /// Experts every token visits besides.
    #[serde(default)]
    pub shared: u32,
    /// First layers, which have a plain feed-forward part.
    #[serde(default)]
    pub dense_layers: u32,
    /// Inner width of that part.
    #[serde(default)]
    pub dense_ffn: u32,
}

/// Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, sec. 2.1): keys and values are kept
/// as one latent vector and one rotary key per token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latent {
    /// Width of the compressed query; absent where queries are projected as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_rank: Option<u32>,
    /// Width of the compressed keys and values.
    pub kv_rank: u32,
    /// Width of the rotary part of a key; a head's other key part has `head_dim`.
    pub rope_dim: u32,
}

/// Parameters of a shape, by the conventions in use.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParamCount {
    /// Everything (Hoffmann et al. 2022).
    pub all: Params,
    /// Without embedding and output matrices (Kaplan et al. 2020).
    pub non_embedding: Params,
    /// What one token visits, embeddings included; all of a dense model.
    pub active: Params,
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
            ffn: u32::try_from((8 * u64::from(d_model)).div_ceil(3).next_multiple_of(8))
                .unwrap_or(u32::MAX),
            ffn_matrices: 3,
            vocab,
            tied_embeddings: true,
            experts: None,
            latent: None,
            window: None,
            positions: 0,
            relative_positions: false,
            biases: false,
            qk_norm: false,
            vectors: None,
        }
    }

    /// Checks that the shape can be built.
    ///
    /// # Errors
    /// [`FlopsError::Shape`] naming the first field that is zero or does not fit the others.
    pub fn validate(&self) -> Result<(), FlopsError> {
        let bad = |field, found: u32, expected| Err(FlopsError::Shape { field, found, expected });
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
                "an even number, because rotary positions rotate pairs",
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
        if let Some(e) = self.experts {
            if e.count == 0 {
                return bad("experts.count", e.count, "at least 1");
            }
            if !(1..=e.count).contains(&e.top_k) {
                return bad("experts.top_k", e.top_k, "between 1 and experts.count");
            }
            if e.dense_layers > self.layers {
                return bad("experts.dense_layers", e.dense_layers, "at most layers");
            }
            if e.dense_layers > 0 && e.dense_ffn == 0 {
                return bad(
                    "experts.dense_ffn",
                    e.dense_ffn,
                    "at least 1 where there are dense layers",
                );
            }
        }
        Ok(())
    }

    fn d(&self) -> f64 {
        f64::from(self.d_model)
    }

    /// Width of all query heads together, on which scores and weighted sums work.
    #[must_use]
    pub fn attention_width(&self) -> f64 {
        f64::from(self.heads) * f64::from(self.head_dim)
    }

    /// Attention weights of one layer.
    fn attention_weights(&self) -> f64 {
        let (d, q) = (self.d(), self.attention_width());
        let relative = if self.relative_positions { d * d } else { 0.0 };
        let kv = f64::from(self.kv_heads) * f64::from(self.head_dim);
        let projections = match self.latent {
            None => 2.0 * d * q + 2.0 * d * kv,
            Some(Latent { query_rank, kv_rank, rope_dim }) => {
                let (latent, rope) = (f64::from(kv_rank), f64::from(rope_dim));
                let keyed = q + f64::from(self.heads) * rope;
                let queries = query_rank.map_or(d * keyed, |rank| f64::from(rank) * (d + keyed));
                queries + d * (latent + rope) + latent * 2.0 * q + q * d
            }
        };
        projections + relative
    }

    /// Layers with experts, and those without.
    fn layer_kinds(&self) -> (f64, f64) {
        let dense = self.experts.map_or(self.layers, |e| e.dense_layers);
        (f64::from(self.layers - dense.min(self.layers)), f64::from(dense))
    }

    /// Weights of a feed-forward part of inner width `ffn`.
    fn ffn_weights(&self, ffn: u32) -> f64 {
        f64::from(self.ffn_matrices) * self.d() * f64::from(ffn)
    }

    /// Weights of one routed expert; zero in a dense model.
    #[must_use]
    pub fn expert_weights(&self) -> f64 {
        if self.experts.is_some() { self.ffn_weights(self.ffn) } else { 0.0 }
    }

    /// Layers that have experts; zero in a dense model.
    #[must_use]
    pub fn expert_layers(&self) -> f64 {
        if self.experts.is_some() { self.layer_kinds().0 } else { 0.0 }
    }

    /// Weights of all matrix products in the blocks when each expert layer holds `routed` experts:
    /// all of them for memory, those visited for compute.
    fn block_weights(&self, routed: f64) -> f64 {
        let (sparse, dense) = self.layer_kinds();
        let plain = self.experts.map_or(self.ffn, |e| e.dense_ffn);
        let mixture = self.experts.map_or(0.0, |e| {
            let shared = f64::from(e.shared);
            self.ffn_weights(self.ffn) * (routed + shared) + f64::from(e.count) * self.d()
        });
        f64::from(self.layers) * self.attention_weights()
            + sparse * mixture
            + dense * self.ffn_weights(plain)
    }

    fn routed(&self) -> (f64, f64) {
        self.experts.map_or((0.0, 0.0), |e| (f64::from(e.count), f64::from(e.top_k)))
    }

    /// Exact parameter counts.
    ///
    /// Per layer: attention 2 d h k + 2 d h_kv k, feed-forward m d f (times the number of experts, plus a
    /// router of E d), two RMSNorm gains of d, with `qk_norm` two of k. Besides: one final gain of d, and
    /// one (tied) or two matrices of V d; [`Vectors`] has what other families differ in. Latent attention:
    /// r_q (d + h (k + p)) + d (r + p) + 2 r h k + h k d with the ranks r_q, r and the rotary width p, and
    /// a gain for each rank.
    ///
    /// ```
    /// use isoloss::cost::model;
    ///
    /// let shape = model("LLaMA 7B")?.known_shape()?;
    /// assert_eq!(shape.params().all.get(), 6_738_415_616.0); // as in its released weights
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    #[must_use]
    pub fn params(&self) -> ParamCount {
        let d = self.d();
        let matrices = if self.tied_embeddings { 1.0 } else { 2.0 };
        let embeddings = (matrices * f64::from(self.vocab) + f64::from(self.positions)) * d;
        let (every, visited) = self.routed();
        let non_embedding = self.block_weights(every) + self.vector_weights(every);
        let active = self.block_weights(visited) + self.vector_weights(visited) + embeddings;
        ParamCount {
            all: Params::new(non_embedding + embeddings),
            non_embedding: Params::new(non_embedding),
            active: Params::new(active),
        }
    }

    /// The counts without the embeddings of tokens that never occur: those of the model with a vocabulary of
    /// `used` tokens.
    ///
    /// An embedding that is never looked up stays what it was drawn as, and the output row of a token that
    /// never comes only learns to be small: neither holds anything of the data.
    #[must_use]
    pub fn params_of(&self, used: u32) -> ParamCount {
        Self { vocab: used.min(self.vocab), ..*self }.params()
    }

    /// Gains, shifts and biases when each expert layer holds `routed` experts.
    fn vector_weights(&self, routed: f64) -> f64 {
        let v = self.vectors.unwrap_or(Vectors::plain(self.biases, self.qk_norm));
        let (d, layers) = (self.d(), f64::from(self.layers));
        let (queries, heads) = (self.attention_width(), f64::from(self.heads));
        let keys = f64::from(self.kv_heads) * f64::from(self.head_dim);
        let when = |is: bool, count: f64| if is { count } else { 0.0 };
        let norms = f64::from(v.norms) * layers + f64::from(v.outer_norms);
        let ranks = self
            .latent
            .map_or(0.0, |l| f64::from(l.query_rank.unwrap_or(0)) + f64::from(l.kv_rank));
        let qk_gains = match v.qk_gains {
            QkGains::None => 0.0,
            QkGains::Head => 2.0 * f64::from(self.head_dim),
            QkGains::Whole => queries + keys,
        };
        let per_layer = ranks
            + qk_gains
            + when(v.qkv_bias, queries + 2.0 * keys)
            + when(v.output_bias, d)
            + when(v.sinks, heads);
        let bias_of =
            |ffn: u32| when(v.ffn_bias, f64::from(ffn) * f64::from(self.ffn_matrices - 1) + d);
        let (sparse, dense) = self.layer_kinds();
        let mixture = self.experts.map_or(0.0, |e| {
            (routed + f64::from(e.shared)) * bias_of(self.ffn)
                + when(v.router_bias, f64::from(e.count))
                + when(v.shared_gate, d)
        });
        norms * d * if v.shifts { 2.0 } else { 1.0 }
            + layers * per_layer
            + sparse * mixture
            + dense * bias_of(self.experts.map_or(self.ffn, |e| e.dense_ffn))
            + when(v.head_bias, f64::from(self.vocab))
    }

    /// Weights that a decoding step reads when it visits `routed` experts of each expert layer:
    /// everything but the embedding table, of which a token reads one row.
    #[must_use]
    pub fn weights_read(&self, routed: f64) -> f64 {
        self.block_weights(routed) + f64::from(self.vocab) * self.d()
    }

    /// Entries of keys and values one token leaves in the cache: 2 per layer, key/value head and
    /// head dimension; the latent vector and the rotary key with latent attention.
    ///
    /// Source: Ainslie et al. 2023, arXiv:2305.13245 (grouped queries); DeepSeek-V2,
    /// arXiv:2405.04434, sec. 2.1.4 (latent).
    #[must_use]
    pub fn kv_entries_per_token(&self) -> f64 {
        let per_layer = match self.latent {
            Some(l) => f64::from(l.kv_rank) + f64::from(l.rope_dim),
            None => 2.0 * f64::from(self.kv_heads) * f64::from(self.head_dim),
        };
        f64::from(self.layers) * per_layer
    }

    /// Forward FLOPs of one token that sees `span` others: 2 per weight it visits, 2 V d for the
    /// logits, 2 · 2 · h k · span per layer for scores and weighted sum. The look-up is free.
    #[must_use]
    pub fn forward_flops_per_token(&self, span: f64) -> f64 {
        let scores = f64::from(self.layers) * 4.0 * self.attention_width() * span;
        let logits = 2.0 * f64::from(self.vocab) * self.d();
        2.0 * self.block_weights(self.routed().1) + logits + scores
    }

    /// Training FLOPs per token, every matrix product counted, forward plus twice that backward.
    ///
    /// See [`forward_flops_per_token`](Self::forward_flops_per_token) with the [`mean_span`], which
    /// is (context + 1) / 2 without a window. Source: Hoffmann et al. 2022, App. F; differs: causal
    /// span instead of the full square, softmax left out.
    ///
    /// ```
    /// use isoloss::flops::Shape;
    ///
    /// let shape = Shape::swiglu(12, 768, 12, 32_000);
    /// let six_n = 6.0 * shape.params().all.get();
    /// assert!(shape.train_flops_per_token(8192) > 1.2 * six_n); // long contexts cost attention
    /// ```
    #[must_use]
    pub fn train_flops_per_token(&self, context: u32) -> f64 {
        let window = self.window.map_or(f64::INFINITY, f64::from);
        3.0 * self.forward_flops_per_token(mean_span(f64::from(context), window))
    }
}

/// Mean number of tokens that the positions 1 to `context` see, none more than `window`; infinite for
/// full attention.
#[must_use]
pub fn mean_span(context: f64, window: f64) -> f64 {
    let seen = context.min(window);
    // The first `seen` positions see 1, 2, … of them, the others `seen`.
    (seen * (seen + 1.0) / 2.0 + (context - seen) * seen) / context
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_flops_approach_six_per_weight_for_wide_short_models() {
        let shape = Shape::swiglu(2, 4096, 32, 256);
        let ratio = shape.train_flops_per_token(16) / (6.0 * shape.params().all.get());
        assert!((ratio - 1.0).abs() < 0.01, "{ratio}");
    }

    #[test]
    fn shapes_that_cannot_be_built_name_the_field() {
        let plain = Shape::swiglu(2, 64, 4, 256);
        let bad = Shape { kv_heads: 3, ..plain };
        assert!(matches!(bad.validate(), Err(FlopsError::Shape { field: "kv_heads", .. })));
        assert!(plain.validate().is_ok());
        let experts = Experts { count: 4, top_k: 5, shared: 0, dense_layers: 0, dense_ffn: 0 };
        let bad = Shape { experts: Some(experts), ..plain };
        assert!(matches!(bad.validate(), Err(FlopsError::Shape { field: "experts.top_k", .. })));
    }

    #[test]
    fn one_expert_is_the_dense_model_and_its_router() {
        let dense = Shape::swiglu(3, 128, 4, 500);
        let one = Experts { count: 1, top_k: 1, shared: 0, dense_layers: 0, dense_ffn: 0 };
        let sparse = Shape { experts: Some(one), ..dense };
        let router = 3.0 * 128.0;
        assert_eq!(sparse.params().all.get(), dense.params().all.get() + router);
        assert_eq!(sparse.params().active, sparse.params().all);
    }

    /// The closed form equals the mean over all positions.
    #[test]
    fn the_mean_span_is_that_of_every_position() {
        for window in [f64::INFINITY, 7.0, 100.0] {
            let sum: f64 = (1..=40).map(|i| f64::from(i).min(window)).sum();
            assert!((mean_span(40.0, window) - sum / 40.0).abs() < 1e-12, "{window}");
        }
    }
}
