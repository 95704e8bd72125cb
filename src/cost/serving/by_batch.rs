//! Serving one model at several batch sizes.

use serde::{Deserialize, Serialize};

use super::deployment::Deployment;
use super::request::{BatchSize, Latency, Requests, Served};
use crate::cost::uncertain::Uncertain;
use crate::error::CostError;
use crate::flops::Footprint;

/// A model served at one batch size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchRow {
    /// Memory and times.
    #[serde(flatten)]
    pub served: Served,
    /// Distinct experts a layer reads in a step; zero in a dense model.
    pub experts_reached: f64,
    /// Tokens written per second by the whole group.
    pub tokens_per_s: f64,
    /// USD per million tokens read, where the device has a price.
    pub usd_per_million_input: Option<Uncertain>,
    /// USD per million tokens written.
    pub usd_per_million_output: Option<Uncertain>,
}

/// Times per token of one model against the batch size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServingLine {
    /// Name of the model.
    pub name: String,
    /// Time of the group per token read, s; the same for any batch.
    pub prefill_s_per_token: f64,
    /// (batch, time of the group per token written, s).
    pub decode: Vec<(f64, f64)>,
}

impl Deployment {
    /// Memory, times and prices of a model at each batch size that fits the memory.
    ///
    /// - `latency`: also the largest batch that keeps these limits, where there are any.
    /// - `usd_per_hour`: price of one device-hour; without it rows have no prices.
    ///
    /// # Errors
    /// [`CostError::DoesNotFit`] when not even one batch fits, [`CostError::TooSlow`] when none keeps the
    /// latency.
    pub fn by_batch(
        &self,
        model: &Footprint,
        requests: &Requests,
        batches: &[f64],
        latency: &Latency,
        usd_per_hour: Option<Uncertain>,
    ) -> Result<Vec<BatchRow>, CostError> {
        let mut rows = Vec::new();
        let mut refused = None;
        for batch in batches {
            match self.serve(model, requests, BatchSize::Fixed(*batch), &Latency::default()) {
                Ok(served) => rows.push(served),
                Err(error) => refused = Some(error),
            }
        }
        if latency.per_token_s.is_some() || latency.first_token_s.is_some() {
            rows.push(self.serve(model, requests, BatchSize::Largest(1e6), latency)?);
        }
        // Batches beyond the memory end the table; it is an error only when none fits.
        if let (true, Some(error)) = (rows.is_empty(), refused) {
            return Err(error);
        }
        let per_million = |s_per_token: f64| {
            usd_per_hour.map(|p| p.map(|usd| usd / 3600.0 * self.devices * s_per_token * 1e6))
        };
        let row = |served: Served| BatchRow {
            experts_reached: model.experts_reached(served.batch),
            tokens_per_s: 1.0 / served.decode_s_per_token,
            usd_per_million_input: per_million(served.prefill_s_per_token),
            usd_per_million_output: per_million(served.decode_s_per_token),
            served,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Times per token over batch sizes from 1 to 256, whether or not the cache fits the memory.
    #[must_use]
    pub fn line(&self, name: String, model: &Footprint, requests: &Requests) -> ServingLine {
        let context = requests.prompt + 0.5 * requests.answer;
        let decode = (0..=64)
            .map(|i| {
                let batch = 2f64.powf(f64::from(i) / 8.0);
                (batch, self.step_s(model, batch, context).0 / batch)
            })
            .collect();
        let prefill_s_per_token = self.prefill_s(model, requests.prompt) / requests.prompt;
        ServingLine { name, prefill_s_per_token, decode }
    }
}
