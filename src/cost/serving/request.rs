//! What users ask of a model, and how it answers.

use serde::{Deserialize, Serialize};

use crate::cost::workload::Workload;
use crate::units::Tokens;

/// What one request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requests {
    /// Tokens read.
    pub prompt: f64,
    /// Tokens written.
    pub answer: f64,
}

/// How long a user may have to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Time to the first token, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_s: Option<f64>,
    /// Time per output token, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_token_s: Option<f64>,
}

impl Requests {
    /// How many requests of this kind make up so many written tokens, as tokens read and written.
    #[must_use]
    pub fn workload(&self, requests: f64) -> Workload {
        Workload {
            input: Tokens::new(requests * self.prompt),
            output: Tokens::new(requests * self.answer),
        }
    }
}

/// Sequences decoded together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchSize {
    /// This many.
    Fixed(f64),
    /// As many as memory and the time per token allow, at most this many.
    Largest(f64),
}

/// What limits the speed of a decoding step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// Reading weights and cache.
    Bandwidth,
    /// Arithmetic.
    Compute,
    /// The fixed time per layer and what devices exchange.
    Overhead,
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Bandwidth => "bandwidth",
            Self::Compute => "arithmetic",
            Self::Overhead => "overhead",
        })
    }
}

/// Memory and times of a model in a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Served {
    /// Sequences decoded together.
    pub batch: f64,
    /// Stored weights, bytes.
    pub weight_bytes: f64,
    /// Keys and values of the whole batch at the end of its answers, bytes.
    pub cache_bytes: f64,
    /// Time to the first token: prefill of one prompt, s.
    pub first_token_s: f64,
    /// Time per output token: one step, s.
    pub per_token_s: f64,
    /// What limits the speed of that step.
    pub bound: Bound,
    /// Time of the whole group per token read, s.
    pub prefill_s_per_token: f64,
    /// Time of the whole group per token written, s.
    pub decode_s_per_token: f64,
    /// Share of the weights a step reads.
    pub share_read: f64,
    /// Useful FLOPs of decoding over the dense BF16 peak.
    pub decode_mfu: Option<f64>,
}

impl Served {
    /// Device-seconds to serve a workload on groups of `devices`.
    #[must_use]
    pub fn device_s(&self, workload: &Workload, devices: f64) -> f64 {
        let group_s = workload.input.get() * self.prefill_s_per_token
            + workload.output.get() * self.decode_s_per_token;
        group_s * devices
    }
}
