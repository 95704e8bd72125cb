//! A model on devices: memory, time of a decoding step, time to read a prompt.
//!
//! Decoding reads every weight and the cache once a step; prefill multiplies every weight with every
//! token of the prompt. Reading weights and arithmetic overlap in part, each layer adds a fixed time, and
//! devices that share a model exchange what they computed. The shares of peak are fitted to measurements
//! (`data/serving.toml`) of engines from 2023 to 2026; [`serving_accuracy`](super::serving_accuracy) says
//! how well they are met.

use super::bits::{stored_bits, usual_scale_group};
use super::chunks::Chunks;
use super::measured::Efficiency;
use super::request::Bound;
use crate::cost::device::{Device, device};
use crate::error::CostError;
use crate::flops::{Footprint, mean_span};

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
    /// Whether prompts are read on other devices than answers are written on.
    pub prefill_apart: bool,
    /// How far it falls short of the data sheet.
    pub efficiency: Efficiency,
}

impl Deployment {
    /// A group of `devices` of this name in 16 bits with fitted efficiency.
    ///
    /// # Errors
    /// [`CostError::UnknownDevice`], [`CostError::Field`] without devices.
    pub fn of(name: &str, devices: f64) -> Result<Self, CostError> {
        let deployment = Self {
            device: device(name)?,
            devices,
            weight_bits: 16.0,
            scale_group: None,
            kv_bits: 16.0,
            memory_share: 0.9,
            memory_bytes: None,
            prefill_apart: false,
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
        let within = |field, found: f64, hi: f64, expected| {
            let ok = found.is_finite() && found > 0.0 && found <= hi;
            if ok { Ok(()) } else { Err(CostError::Field { field, found, expected }) }
        };
        within("devices", self.devices, 1e6, "a number of devices, at least 1")?;
        within("weight_bits", self.weight_bits, 64.0, "a number of bits such as 16, 8 or 4")?;
        within("kv_bits", self.kv_bits, 64.0, "a number of bits such as 16 or 8")?;
        within("memory_share", self.memory_share, 1.0, "a share of the memory, at most 1")?;
        if let Some(bytes) = self.memory_bytes {
            within("memory_bytes", bytes, 1e18, "a number of bytes")?;
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
    pub(super) fn weight_bandwidth(&self) -> f64 {
        let quantised =
            if self.weight_bits < 16.0 { self.efficiency.quantised_factor } else { 1.0 };
        self.devices
            * self.device.bandwidth_bytes_per_s()
            * self.efficiency.bandwidth_share
            * quantised
    }

    /// FLOP/s of the group; infinite for a device without a peak on record, so that only reading
    /// bounds it.
    pub(super) fn flop_per_s(&self) -> f64 {
        let share = self.efficiency.compute_share.unwrap_or_else(|| self.device.matmul_share());
        let peak = self.device.bf16_dense_tflop_per_s.map_or(f64::INFINITY, |t| t * 1e12);
        let fp8 = self.weight_bits == 8.0 && self.device.fp8_dense_tflop_per_s.is_some();
        let factor = if fp8 { self.efficiency.fp8_factor } else { 1.0 };
        self.devices * peak * share * factor
    }

    /// Time a step or a prefill spends outside reading and arithmetic.
    pub(super) fn overhead_s(&self, model: &Footprint) -> f64 {
        let hops = self.devices.max(1.0).log2();
        model.layers * (self.efficiency.layer_s + self.efficiency.hop_s * hops)
    }

    /// Time to add up what the devices computed for `tokens` tokens, s; zero where no link is on record.
    ///
    /// Two all-reduces a layer of `d_model` 16-bit numbers per token. In a ring each device sends
    /// 2 (n - 1) / n of them; half of a link's bandwidth goes each way.
    fn link_s(&self, model: &Footprint, tokens: f64) -> f64 {
        let Some(gb_per_s) = self.device.link_gb_per_s else { return 0.0 };
        let sent = 2.0 * (1.0 - 1.0 / self.devices.max(1.0));
        let bytes = 2.0 * model.layers * tokens * model.d_model * 2.0 * sent;
        bytes / (gb_per_s * 1e9 / 2.0 * self.efficiency.link_share)
    }

    /// Time of one decoding step for `batch` sequences of `context` tokens, s, and what bounds it:
    /// (weights read / bandwidth, FLOPs / peak) together + cache / bandwidth + links + overhead. Two
    /// times that overlap in part take (a^p + b^p)^(1/p) together.
    #[must_use]
    pub fn step_s(&self, model: &Footprint, batch: f64, context: f64) -> (f64, Bound) {
        self.mixed_step_s(model, batch, context, &Chunks::NONE)
    }

    /// Time of a step that decodes `batch` sequences and reads `chunks` of prompts beside them.
    pub(super) fn mixed_step_s(
        &self,
        model: &Footprint,
        batch: f64,
        context: f64,
        chunks: &Chunks,
    ) -> (f64, Bound) {
        let weights = model.weights_read(batch) + chunks.more_weights(model, batch);
        let read = weights * self.stored_bits() / 8.0 / self.weight_bandwidth();
        let visited = 2.0 * model.weights_visited();
        let flops = batch * (visited + model.score_flops(context))
            + chunks.tokens * (visited + model.score_flops(chunks.span));
        let compute = flops / self.flop_per_s();
        let bandwidth =
            self.devices * self.device.bandwidth_bytes_per_s() * self.efficiency.bandwidth_share;
        let cache = batch * self.cache_bytes(model, context) / bandwidth;
        let links = self.link_s(model, batch + chunks.tokens);
        let overhead = self.overhead_s(model) + links;
        let bound = if overhead > read.max(compute) + cache {
            Bound::Overhead
        } else if compute > read + cache {
            Bound::Compute
        } else {
            Bound::Bandwidth
        };
        (self.efficiency.together_s(read, compute) + cache + overhead, bound)
    }

    /// Time to read a prompt of `tokens`, s: 2 FLOPs per weight and token and the causal scores together
    /// with one reading of the weights, then links and overhead.
    ///
    /// All experts are read once; arithmetic counts only those visited.
    #[must_use]
    pub fn prefill_s(&self, model: &Footprint, tokens: f64) -> f64 {
        self.prefill_batch_s(model, 1.0, tokens)
    }

    /// Time to read `prompts` prompts of `tokens` each at once, s.
    pub(super) fn prefill_batch_s(&self, model: &Footprint, prompts: f64, tokens: f64) -> f64 {
        let span = mean_span(tokens, model.window);
        let per_token = 2.0 * model.weights_visited() + model.score_flops(span);
        let all = prompts * tokens;
        let read = model.weights_read(all) * self.stored_bits() / 8.0 / self.weight_bandwidth();
        let compute = all * per_token / self.flop_per_s();
        let links = self.link_s(model, all);
        self.efficiency.together_s(read, compute) + links + self.overhead_s(model)
    }
}
