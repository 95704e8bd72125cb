//! What serving a model takes: memory, time to the first token, time per token, money.
//!
//! Decoding reads every weight and the cache once a step, prefill multiplies every weight with every
//! token of the prompt; whichever of memory and arithmetic takes longer sets the pace, and each layer
//! adds a fixed time. The shares of peak are fitted to measurements (`data/serving.toml`).

mod measured;

pub use measured::{Efficiency, Measured, decode_measurements};

use serde::{Deserialize, Serialize};

use super::device::{Device, device};
use super::workload::Workload;
use crate::error::{CostError, Result};
use crate::flops::{Footprint, mean_span};
use crate::units::Tokens;

/// A group of devices that holds one copy of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// The device.
    pub device: &'static Device,
    /// Devices the model is split over (tensor parallel).
    pub devices: f64,
    /// Bits per weight without scales.
    pub weight_bits: f64,
    /// Weights that share one 16-bit scale; absent for none.
    pub scale_group: Option<f64>,
    /// Bits per entry of keys and values.
    pub kv_bits: f64,
    /// Share of the device memory that weights and cache may take.
    pub memory_share: f64,
    /// Memory of the whole group in bytes, instead of the devices' own.
    pub memory_bytes: Option<f64>,
    /// How far it falls short of the data sheet.
    pub efficiency: Efficiency,
}

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

/// Sequences decoded together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Batch {
    /// So many.
    Fixed(f64),
    /// As many as memory and the time per token allow, at most so many.
    Largest(f64),
}

/// What sets the pace of a decoding step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// Reading weights and cache.
    Bandwidth,
    /// Arithmetic.
    Compute,
    /// The fixed time per layer.
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

/// How a model does in a deployment.
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
    /// What sets the pace of that step.
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

impl Deployment {
    /// A group of `devices` of this name in 16 bits with fitted efficiency.
    ///
    /// # Errors
    /// [`CostError::UnknownDevice`], [`CostError::Field`] without devices.
    pub fn of(name: &str, devices: f64) -> Result<Self> {
        let deployment = Self {
            device: device(name)?,
            devices,
            weight_bits: 16.0,
            scale_group: None,
            kv_bits: 16.0,
            memory_share: 0.9,
            memory_bytes: None,
            efficiency: Efficiency::fitted()?,
        };
        deployment.validate()?;
        Ok(deployment)
    }

    /// The same with weights of `bits`, and the scales that are usual with them.
    #[must_use]
    pub fn quantised(self, bits: f64) -> Self {
        Self { weight_bits: bits, scale_group: usual_scale_group(bits), ..self }
    }

    /// Checks counts and shares.
    ///
    /// # Errors
    /// [`CostError::Field`] naming the first that is out of range.
    pub fn validate(&self) -> Result<(), CostError> {
        let within = |field, found: f64, hi: f64, wanted| {
            let ok = found.is_finite() && found > 0.0 && found <= hi;
            if ok { Ok(()) } else { Err(CostError::Field { field, found, wanted }) }
        };
        within("serve-devices", self.devices, 1e6, "a number of devices, at least 1")?;
        within("weight-bits", self.weight_bits, 64.0, "a number of bits such as 16, 8 or 4")?;
        within("kv-bits", self.kv_bits, 64.0, "a number of bits such as 16 or 8")?;
        within("memory-share", self.memory_share, 1.0, "a share of the memory, at most 1")?;
        if let Some(bytes) = self.memory_bytes {
            within("memory", bytes, 1e18, "a number of bytes")?;
        }
        Ok(())
    }

    /// Bits a stored weight takes, its part of the scale included: 4.5 for 4 bits in groups of 32.
    #[must_use]
    pub fn stored_bits(&self) -> f64 {
        stored_bits(self.weight_bits, self.scale_group)
    }

    /// Bytes of all weights.
    #[must_use]
    pub fn weight_bytes(&self, model: &Footprint) -> f64 {
        model.total.get() * self.stored_bits() / 8.0
    }

    /// Bytes one sequence of `context` tokens keeps in the cache.
    #[must_use]
    pub fn cache_bytes(&self, model: &Footprint, context: f64) -> f64 {
        model.cache_bytes(context, self.kv_bits)
    }

    /// Bytes that weights and cache may take.
    #[must_use]
    pub fn free_bytes(&self) -> f64 {
        let own = self.devices * self.device.memory_bytes() * self.memory_share;
        self.memory_bytes.unwrap_or(own)
    }

    /// Bytes per second that the group reads of weights.
    fn weight_bandwidth(&self) -> f64 {
        let quantised =
            if self.weight_bits < 16.0 { self.efficiency.quantised_factor } else { 1.0 };
        self.devices
            * self.device.bandwidth_bytes_per_s()
            * self.efficiency.bandwidth_share
            * quantised
    }

    /// FLOP/s of the group; infinite for a device without a peak on record, so that only reading
    /// bounds it.
    fn flop_per_s(&self) -> f64 {
        let share = self.efficiency.compute_share.unwrap_or_else(|| self.device.matmul_share());
        let peak = self.device.bf16_dense_tflop_per_s.map_or(f64::INFINITY, |t| t * 1e12);
        self.devices * peak * share
    }

    /// Time a step or a prefill spends outside reading and arithmetic.
    fn overhead_s(&self, model: &Footprint) -> f64 {
        let hops = self.devices.max(1.0).log2();
        model.layers * (self.efficiency.layer_s + self.efficiency.hop_s * hops)
    }

    /// Time of one decoding step for `batch` sequences of `context` tokens, s, and what bounds it:
    /// max(weights read / bandwidth, FLOPs / peak) + cache / bandwidth + overhead.
    #[must_use]
    pub fn step_s(&self, model: &Footprint, batch: f64, context: f64) -> (f64, Bound) {
        let read = model.weights_read(batch) * self.stored_bits() / 8.0 / self.weight_bandwidth();
        let flops = batch * (2.0 * model.weights_visited() + model.score_flops(context));
        let compute = flops / self.flop_per_s();
        let bandwidth =
            self.devices * self.device.bandwidth_bytes_per_s() * self.efficiency.bandwidth_share;
        let cache = batch * self.cache_bytes(model, context) / bandwidth;
        let overhead = self.overhead_s(model);
        let bound = if overhead > read.max(compute) + cache {
            Bound::Overhead
        } else if compute > read + cache {
            Bound::Compute
        } else {
            Bound::Bandwidth
        };
        (read.max(compute) + cache + overhead, bound)
    }

    /// Time to read a prompt of `tokens`, s: 2 FLOPs per weight and token and the causal scores, or
    /// one reading of the weights, whichever is longer, and the overhead.
    ///
    /// All experts are read once; arithmetic counts only those visited.
    #[must_use]
    pub fn prefill_s(&self, model: &Footprint, tokens: f64) -> f64 {
        let span = mean_span(tokens, model.window);
        let per_token = 2.0 * model.weights_visited() + model.score_flops(span);
        let read = model.weights_read(tokens) * self.stored_bits() / 8.0 / self.weight_bandwidth();
        (tokens * per_token / self.flop_per_s()).max(read) + self.overhead_s(model)
    }

    /// Serves requests of one kind.
    ///
    /// The cache is sized for whole answers and read at half of them, the mean over an answer.
    ///
    /// # Errors
    /// [`CostError::DoesNotFit`] when weights and the cache of the batch exceed the memory.
    pub fn serve(
        &self,
        model: &Footprint,
        requests: &Requests,
        batch: Batch,
        latency: &Latency,
    ) -> Result<Served, CostError> {
        let mean_context = requests.prompt + 0.5 * requests.answer;
        let weight_bytes = self.weight_bytes(model);
        let per_sequence = self.cache_bytes(model, requests.prompt + requests.answer);
        let (free, needed) = (self.free_bytes(), weight_bytes + per_sequence);
        let does_not_fit = |what, needed: f64| CostError::DoesNotFit {
            what,
            needed_gb: needed / 1e9,
            devices: self.devices,
            device: self.device.name.clone(),
            free_gb: free / 1e9,
        };
        if needed > free {
            return Err(does_not_fit("the weights and one sequence", needed));
        }
        let batch = match batch {
            Batch::Fixed(batch) => {
                let needed = weight_bytes + batch * per_sequence;
                if needed > free {
                    return Err(does_not_fit("the weights and the batch", needed));
                }
                batch
            }
            Batch::Largest(most) => {
                let held = ((free - weight_bytes) / per_sequence).min(most).max(1.0);
                self.batch_within(model, mean_context, held, latency.per_token_s)
            }
        };
        let (per_token_s, bound) = self.step_s(model, batch, mean_context);
        let first_token_s = self.prefill_s(model, requests.prompt);
        let every = model.weights_read(f64::INFINITY);
        let useful = batch * 2.0 * model.weights_visited();
        let peak = self.device.bf16_dense_tflop_per_s.map(|t| t * 1e12 * self.devices);
        Ok(Served {
            batch,
            weight_bytes,
            cache_bytes: batch * per_sequence,
            first_token_s,
            per_token_s,
            bound,
            prefill_s_per_token: first_token_s / requests.prompt,
            decode_s_per_token: per_token_s / batch,
            share_read: model.weights_read(batch) / every,
            decode_mfu: peak.map(|peak| useful / (peak * per_token_s)),
        })
    }

    /// The largest batch up to `most` whose step takes no longer than `limit_s`; one where none does.
    fn batch_within(
        &self,
        model: &Footprint,
        context: f64,
        most: f64,
        limit_s: Option<f64>,
    ) -> f64 {
        let Some(limit) = limit_s else { return most };
        let fits = |batch: f64| self.step_s(model, batch, context).0 <= limit;
        if fits(most) {
            return most;
        }
        if !fits(1.0) {
            return 1.0;
        }
        // The step grows with the batch, so halving finds the edge.
        let (mut lo, mut hi) = (1.0_f64, most);
        for _ in 0..60 {
            let middle = (lo * hi).sqrt();
            if fits(middle) {
                lo = middle
            } else {
                hi = middle
            }
            if hi / lo < 1.0 + 1e-9 {
                break;
            }
        }
        lo
    }
}

/// Weights that usually share one 16-bit scale: 32 below eight bits, none from there on.
#[must_use]
pub fn usual_scale_group(bits: f64) -> Option<f64> {
    (bits < 8.0).then_some(32.0)
}

/// Bits a stored weight takes, its part of a 16-bit scale included.
#[must_use]
pub fn stored_bits(bits: f64, scale_group: Option<f64>) -> f64 {
    bits + scale_group.map_or(0.0, |group| 16.0 / group)
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

#[cfg(test)]
mod tests;
