//! What a decoder has besides its matrices: gains and shifts of norms, biases.

use serde::{Deserialize, Serialize};

/// Gains of norms, their shifts, and biases: under a thousandth of most models, and what sets two
/// families of equal dimensions apart.
///
/// The default is that of Llama: two RMSNorms per layer and a final one, no biases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Vectors {
    /// Norms in each layer.
    pub norms: u32,
    /// Norms besides: the final one, and one of embeddings where there is one.
    pub outer_norms: u32,
    /// Whether a norm has a shift beside its gain.
    pub shifts: bool,
    /// Biases of queries, keys and values.
    pub qkv_bias: bool,
    /// Biases where heads are put together.
    pub output_bias: bool,
    /// Biases of the feed-forward part, of each expert where there are some.
    pub ffn_bias: bool,
    /// A bias of the output matrix, one per token of the vocabulary.
    pub head_bias: bool,
    /// Gains on queries and keys.
    pub qk_gains: QkGains,
    /// One learned score per head beside those of the tokens seen.
    pub sinks: bool,
    /// A bias per expert of the router.
    pub router_bias: bool,
    /// A gate of the model's width on the shared experts.
    pub shared_gate: bool,
}

/// Gains of a norm on queries and keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QkGains {
    /// No such norm, or one without gains.
    #[default]
    None,
    /// One head's width each, shared by all heads (Qwen 3, Gemma 3).
    Head,
    /// The width of all heads together (OLMo 2).
    Whole,
}

impl Default for Vectors {
    fn default() -> Self {
        Self {
            norms: 2,
            outer_norms: 1,
            shifts: false,
            qkv_bias: false,
            output_bias: false,
            ffn_bias: false,
            head_bias: false,
            qk_gains: QkGains::None,
            sinks: false,
            router_bias: false,
            shared_gate: false,
        }
    }
}

impl Vectors {
    /// Those of a shape that says no more than `biases` and `qk_norm`.
    pub(super) fn plain(biases: bool, qk_norm: bool) -> Self {
        Self {
            shifts: biases,
            qkv_bias: biases,
            output_bias: biases,
            ffn_bias: biases,
            qk_gains: if qk_norm { QkGains::Head } else { QkGains::None },
            ..Self::default()
        }
    }
}
