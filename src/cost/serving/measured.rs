//! Published decoding speeds and the constants fitted to them, from `data/serving.toml`.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::error::CostError;

const TABLE: &str = "data/serving.toml";
const TEXT: &str = include_str!("../../../data/serving.toml");

/// How far real serving stays below the data sheet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Efficiency {
    /// Share of the memory bandwidth that 16-bit weights and the cache reach.
    pub bandwidth_share: f64,
    /// Factor on that share for weights of fewer bits.
    pub quantised_factor: f64,
    /// Time each layer adds to a step, s.
    pub layer_s: f64,
    /// Time each layer adds per doubling of the devices it is split over, s.
    pub hop_s: f64,
    /// Share of the dense peak that prefill and large batches reach; the device's measured matrix
    /// products when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compute_share: Option<f64>,
    /// Factor on arithmetic where weights have 8 bits and the device multiplies in FP8: what the quicker
    /// products leave after scaling and attention, which stay in 16 bits.
    pub fp8_factor: f64,
    /// Share of a link's one-way bandwidth that adding up between the devices reaches.
    pub link_share: f64,
    /// How far reading weights and arithmetic overlap: p of (reading^p + arithmetic^p)^(1/p). One for not at
    /// all, infinite for the slower alone.
    pub overlap_power: f64,
}

impl Efficiency {
    /// The data sheet itself: a roofline without overheads.
    pub const IDEAL: Self = Self {
        bandwidth_share: 1.0,
        quantised_factor: 1.0,
        layer_s: 0.0,
        hop_s: 0.0,
        compute_share: Some(1.0),
        fp8_factor: 1.0,
        link_share: f64::INFINITY,
        overlap_power: f64::INFINITY,
    };

    /// Time for reading and arithmetic that overlap in part.
    pub(super) fn together_s(&self, read_s: f64, compute_s: f64) -> f64 {
        let (slower, quicker) = (read_s.max(compute_s), read_s.min(compute_s));
        if self.overlap_power.is_infinite() || quicker <= 0.0 {
            return slower;
        }
        let p = self.overlap_power;
        slower * (1.0 + (quicker / slower).powf(p)).powf(1.0 / p)
    }

    /// The constants fitted to published decoding speeds.
    ///
    /// # Errors
    /// [`CostError::Table`] when the shipped table does not parse.
    pub fn fitted() -> Result<Self, CostError> {
        MEASUREMENTS.as_ref().map(|t| t.constants).map_err(Clone::clone)
    }
}

/// One published decoding speed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Device.
    pub device: String,
    /// Model, a row of `data/models.toml`.
    pub model: String,
    /// Bits per stored weight, scales included.
    pub weight_bits: f64,
    /// Devices the model is split over.
    pub devices: f64,
    /// Tokens of the prompt.
    pub prompt: f64,
    /// Tokens per second of one sequence.
    pub tokens_per_s: f64,
    /// Year it was published.
    pub year: u32,
    /// Who measured it.
    pub source: String,
    /// How it was read.
    pub checked: String,
}

/// One published time between tokens under load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loaded {
    /// Device.
    pub device: String,
    /// Model.
    pub model: String,
    /// Bits per stored weight, scales included.
    pub weight_bits: f64,
    /// Devices (tensor parallel).
    pub devices: f64,
    /// Tokens of a prompt.
    pub prompt: f64,
    /// Tokens of an answer.
    pub answer: f64,
    /// Requests served at a time.
    pub concurrency: f64,
    /// Time between tokens, ms.
    pub per_token_ms: f64,
    /// Time to the first token, ms, where requests neither queue nor share the devices.
    #[serde(default)]
    pub first_token_ms: Option<f64>,
    /// Engine and its version.
    pub engine: String,
    /// Year of the version.
    pub year: u32,
    /// Where it was published.
    pub source: String,
    /// How it was read.
    pub checked: String,
}

/// One published throughput of a large batch that starts together: all prompts first, then the answers.
#[derive(Deserialize)]
pub(super) struct Batched {
    /// Device.
    pub(super) device: String,
    /// Model.
    pub(super) model: String,
    /// Bits per stored weight.
    pub(super) weight_bits: f64,
    /// Bits per entry of keys and values.
    pub(super) kv_bits: f64,
    /// Devices (tensor parallel).
    pub(super) devices: f64,
    /// Requests of the batch.
    pub(super) batch: f64,
    /// Tokens of a prompt.
    pub(super) prompt: f64,
    /// Tokens of an answer.
    pub(super) answer: f64,
    /// Tokens written per second and device, prompts included in the time.
    pub(super) tokens_per_s_per_device: f64,
    /// Year of the engine.
    pub(super) year: u32,
}

/// One published time to the first token of a single request.
#[derive(Deserialize)]
pub(super) struct FirstToken {
    /// Device.
    pub(super) device: String,
    /// Model.
    pub(super) model: String,
    /// Bits per stored weight.
    pub(super) weight_bits: f64,
    /// Devices (tensor parallel).
    pub(super) devices: f64,
    /// Tokens of the prompt.
    pub(super) prompt: f64,
    /// Time to the first token, ms.
    pub(super) first_token_ms: f64,
    /// Year of the engine.
    pub(super) year: u32,
}

/// What sets the engine of the [`Batched`] rows apart.
#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OlderEngine {
    /// Times it reads keys and values that query heads share; at most as often as heads share them.
    pub(super) kv_rereads: f64,
}

/// The shipped table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    constants: Efficiency,
    pub(super) older_engine: OlderEngine,
    measured: Vec<Measured>,
    loaded: Vec<Loaded>,
    pub(super) batched: Vec<Batched>,
    pub(super) first_token: Vec<FirstToken>,
}

impl Table {
    pub(super) fn shipped() -> Result<&'static Self, CostError> {
        MEASUREMENTS.as_ref().map_err(Clone::clone)
    }
}

static MEASUREMENTS: LazyLock<Result<Table, CostError>> = LazyLock::new(|| {
    toml::from_str(TEXT)
        .map_err(|e| CostError::Table { table: TABLE, reason: e.message().to_owned() })
});

/// Every published decoding speed on record.
///
/// # Errors
/// [`CostError::Table`] when the shipped table does not parse.
pub fn decode_measurements() -> Result<&'static [Measured], CostError> {
    MEASUREMENTS.as_ref().map(|t| t.measured.as_slice()).map_err(Clone::clone)
}

/// Published times between tokens under load.
///
/// # Errors
/// [`CostError::Table`] when the shipped table does not parse.
pub fn loaded_measurements() -> Result<&'static [Loaded], CostError> {
    MEASUREMENTS.as_ref().map(|t| t.loaded.as_slice()).map_err(Clone::clone)
}
