//! Prompts read in pieces beside decoding, as continuous batching does it.

use super::request::Requests;
use crate::flops::{Footprint, mean_span};

/// Tokens of a prompt that one step takes at most.
const CHUNK: f64 = 2048.0;

/// The prompt tokens of an average step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunks {
    /// Tokens read beside decoding, per step.
    pub(super) tokens: f64,
    /// Tokens each of them attends to, on average.
    pub(super) span: f64,
    /// Steps that hold a chunk, as a share.
    steps: f64,
    /// Tokens of such a chunk.
    chunk: f64,
}

impl Chunks {
    /// No prompt is read.
    pub(super) const NONE: Self = Self { tokens: 0.0, span: 0.0, steps: 0.0, chunk: 0.0 };

    /// In steady state a batch of `batch` ends, and begins, batch / answer requests each step, so it reads
    /// batch prompt / answer tokens.
    pub(super) fn of(model: &Footprint, batch: f64, requests: &Requests) -> Self {
        let begun = batch / requests.answer;
        let pieces = (requests.prompt / CHUNK).ceil().max(1.0);
        Self {
            tokens: begun * requests.prompt,
            span: mean_span(requests.prompt, model.window),
            steps: (begun * pieces).min(1.0),
            chunk: requests.prompt / pieces,
        }
    }

    /// Weights that only the chunks read, averaged over steps: experts that no decoded token visits.
    pub(super) fn more_weights(&self, model: &Footprint, batch: f64) -> f64 {
        if self.steps == 0.0 {
            return 0.0;
        }
        self.steps * (model.weights_read(batch + self.chunk) - model.weights_read(batch))
    }
}
