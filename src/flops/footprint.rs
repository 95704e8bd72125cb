//! What serving and training need to know about an architecture.

use serde::{Deserialize, Serialize};

use super::shape::Shape;
use crate::units::Params;

/// Counts of an architecture as real numbers, so that the same formulas price a model that is only a
/// size ([`Pattern`](crate::flops::Pattern)) and one with a [`Shape`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Footprint {
    /// All parameters: what has to be stored.
    pub total: Params,
    /// Parameters one token uses, embeddings included.
    pub active: Params,
    /// Weights every decoding step reads: all but the embedding table and the routed experts.
    pub fixed_weights: f64,
    /// Weights of one routed expert.
    pub expert_weights: f64,
    /// Layers with routed experts.
    pub expert_layers: f64,
    /// Routed experts per layer.
    pub experts: f64,
    /// Routed experts a token visits.
    pub top_k: f64,
    /// Blocks.
    pub layers: f64,
    /// Width of the residual stream.
    pub d_model: f64,
    /// Width of all query heads together.
    pub attention_width: f64,
    /// Entries of the cache per token.
    pub kv_entries_per_token: f64,
    /// Tokens a sliding window reaches back; infinite without one.
    pub window: f64,
}

impl From<&Shape> for Footprint {
    fn from(shape: &Shape) -> Self {
        let params = shape.params();
        let (experts, top_k) =
            shape.experts.map_or((0.0, 0.0), |e| (f64::from(e.count), f64::from(e.top_k)));
        Self {
            total: params.all,
            active: params.active,
            fixed_weights: shape.weights_read(0.0),
            expert_weights: shape.expert_weights(),
            expert_layers: shape.expert_layers(),
            experts,
            top_k,
            layers: f64::from(shape.layers),
            d_model: f64::from(shape.d_model),
            attention_width: shape.attention_width(),
            kv_entries_per_token: shape.kv_entries_per_token(),
            window: shape.window.map_or(f64::INFINITY, f64::from),
        }
    }
}

impl Footprint {
    /// Routed experts of one layer that a batch of tokens reaches when each picks `top_k` of them
    /// evenly and independently: E (1 - (1 - k / E)^batch).
    ///
    /// Real routing is skewed, so this is an upper bound. Zero for a dense model.
    #[must_use]
    pub fn experts_reached(&self, batch: f64) -> f64 {
        if self.experts <= 0.0 {
            return 0.0;
        }
        let missed = 1.0 - self.top_k / self.experts;
        self.experts * (1.0 - missed.powf(batch))
    }

    /// Weights read in one decoding step of `batch` sequences.
    #[must_use]
    pub fn weights_read(&self, batch: f64) -> f64 {
        self.fixed_weights + self.expert_layers * self.expert_weights * self.experts_reached(batch)
    }

    /// Weights one token multiplies with: two FLOPs each.
    #[must_use]
    pub fn weights_visited(&self) -> f64 {
        self.fixed_weights + self.expert_layers * self.expert_weights * self.top_k
    }

    /// Bytes one sequence of `context` tokens keeps of keys and values at `bits` per entry.
    #[must_use]
    pub fn cache_bytes(&self, context: f64, bits: f64) -> f64 {
        self.kv_entries_per_token * context.min(self.window) * bits / 8.0
    }

    /// FLOPs of scores and weighted sum for one token that sees `span` others.
    #[must_use]
    pub fn score_flops(&self, span: f64) -> f64 {
        4.0 * self.layers * self.attention_width * span.min(self.window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flops::Experts;

    /// Uniform routing by counting: with 8 experts, top 2 and one token, two are read.
    #[test]
    fn golden_distinct_experts_of_eight_with_two_each() {
        let experts = Experts { count: 8, top_k: 2, shared: 0, dense_layers: 0, dense_ffn: 0 };
        let shape = Shape { experts: Some(experts), ..Shape::swiglu(4, 256, 4, 1000) };
        let footprint = Footprint::from(&shape);
        for (batch, want) in [(1.0, 2.0), (2.0, 3.5), (4.0, 5.468_75), (16.0, 7.919_82)] {
            assert!((footprint.experts_reached(batch) - want).abs() < 1e-5, "{batch}");
        }
        assert_eq!(footprint.weights_read(1.0), footprint.weights_visited());
        let gains = 256.0 * 9.0;
        assert_eq!(footprint.weights_read(1e9) + gains, shape.params().all.get());
    }
}
