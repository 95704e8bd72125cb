//! Serving in steady state: the batch, what its users wait for, and what a request takes.

use super::chunks::Chunks;
use super::deployment::Deployment;
use super::request::{BatchSize, Bound, Latency, Requests, Served};
use crate::error::CostError;
use crate::flops::Footprint;

impl Deployment {
    /// Serves requests of one kind by continuous batching.
    ///
    /// In steady state every step decodes the batch and reads the prompts of the requests that begin, in
    /// pieces: weights read / bandwidth and FLOPs of both / peak, which overlap in part, + cache / bandwidth +
    /// links + overhead. While memory bounds the step, reading prompts costs its users little; beyond that
    /// it makes every token wait. With [`prefill_apart`](Self::prefill_apart) prompts are read on a group of their own. The
    /// cache has room for whole answers; a step reads it at half an answer, the mean over all steps.
    ///
    /// # Errors
    /// [`CostError::DoesNotFit`] when weights and the cache of the batch exceed the memory;
    /// [`CostError::TooSlow`] when no batch keeps the latency asked for.
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
                self.batch_within(model, requests, held, latency.per_token_s)
            }
        };
        let (per_token_s, bound) = self.loaded_step_s(model, batch, requests);
        let first_token_s = self.prefill_s(model, requests.prompt);
        self.keeps("first token", first_token_s, latency.first_token_s, 1.0)?;
        self.keeps("each further token", per_token_s, latency.per_token_s, batch)?;
        let (prefill_s_per_token, decode_s_per_token) =
            self.shares(model, batch, requests, per_token_s, first_token_s);
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
            prefill_s_per_token,
            decode_s_per_token,
            share_read: model.weights_read(batch) / every,
            decode_mfu: peak.map(|peak| useful / (peak * per_token_s)),
        })
    }

    /// Time of an average step in steady state, s: what a user waits for each token.
    #[must_use]
    pub fn loaded_step_s(
        &self,
        model: &Footprint,
        batch: f64,
        requests: &Requests,
    ) -> (f64, Bound) {
        let context = requests.prompt + 0.5 * requests.answer;
        let chunks = match self.prefill_apart {
            true => Chunks::NONE,
            false => Chunks::of(model, batch, requests),
        };
        self.mixed_step_s(model, batch, context, &chunks)
    }

    /// Time of the group per token read and per token written, s.
    ///
    /// Where both share the group, a request takes answer / batch steps in all; they are divided as reading
    /// and writing would be alone.
    fn shares(
        &self,
        model: &Footprint,
        batch: f64,
        requests: &Requests,
        per_token_s: f64,
        first_token_s: f64,
    ) -> (f64, f64) {
        let Requests { prompt, answer } = *requests;
        if self.prefill_apart {
            return (first_token_s / prompt, per_token_s / batch);
        }
        let in_all = answer * per_token_s / batch;
        let writing = answer * self.step_s(model, batch, prompt + 0.5 * answer).0 / batch;
        let reading = first_token_s;
        let share = in_all / (reading + writing);
        (share * reading / prompt, share * writing / answer)
    }

    fn keeps(
        &self,
        what: &'static str,
        takes_s: f64,
        limit_s: Option<f64>,
        batch: f64,
    ) -> Result<(), CostError> {
        match limit_s {
            Some(limit_s) if takes_s > limit_s * (1.0 + 1e-6) => Err(CostError::TooSlow {
                what,
                limit_ms: 1e3 * limit_s,
                takes_ms: 1e3 * takes_s,
                batch,
                devices: self.devices,
                device: self.device.name.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// The largest batch up to `most` whose step takes no longer than `limit_s`; one where none does.
    fn batch_within(
        &self,
        model: &Footprint,
        requests: &Requests,
        most: f64,
        limit_s: Option<f64>,
    ) -> f64 {
        let Some(limit) = limit_s else { return most };
        let fits = |batch: f64| self.loaded_step_s(model, batch, requests).0 <= limit;
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
                lo = middle;
            } else {
                hi = middle;
            }
            if hi / lo < 1.0 + 1e-9 {
                break;
            }
        }
        lo
    }
}
