//! A model on devices: memory, time of a decoding step, time to read a prompt.
//!
//! Decoding reads every weight and the cache once a step; prefill multiplies every weight with every
//! token of the prompt. The slower of memory and arithmetic limits the speed, and each layer adds a
//! fixed time. The shares of peak are fitted to measurements (`data/serving.toml`).

use super::bits::{stored_bits, usual_scale_group};
use super::measured::Efficiency;
use super::request::{BatchSize, Bound, Latency, Requests, Served};
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
    /// The cache has room for whole answers; a step reads it at half an answer, the mean over all steps.
    ///
    /// # Errors
    /// [`CostError::DoesNotFit`] when weights and the cache of the batch exceed the memory.
    ///
    /// ```
    /// use isoloss::cost::{BatchSize, Deployment, Latency, Requests, model};
    ///
    /// let mistral = (&model("Mistral 7B")?.known_shape()?).into();
    /// let request = Requests { prompt: 1000.0, answer: 300.0 };
    /// let on = Deployment::of("H100 SXM", 1.0)?;
    /// let one = on.serve(&mistral, &request, BatchSize::Fixed(1.0), &Latency::default())?;
    /// let many = on.serve(&mistral, &request, BatchSize::Fixed(32.0), &Latency::default())?;
    /// assert!(many.per_token_s > one.per_token_s); // each user waits longer,
    /// assert!(many.decode_s_per_token < 0.1 * one.decode_s_per_token); // but a token costs less
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    pub fn serve(
        &self,
        model: &Footprint,
        requests: &Requests,
        batch: BatchSize,
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
            BatchSize::Fixed(batch) => {
                let needed = weight_bytes + batch * per_sequence;
                if needed > free {
                    return Err(does_not_fit("the weights and the batch", needed));
                }
                batch
            }
            BatchSize::Largest(most) => {
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
