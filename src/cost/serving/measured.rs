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
    #[serde(default = "no_factor")]
    pub fp8_factor: f64,
}

fn no_factor() -> f64 {
    1.0
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
    };

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    constants: Efficiency,
    measured: Vec<Measured>,
    loaded: Vec<Loaded>,
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
