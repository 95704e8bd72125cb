//! A trainer that draws its losses from a known law, to test everything that reads them.

use std::ops::ControlFlow;

use rand::RngExt;

use super::run::{EvalLog, RunSpec, RunStart, RunStatus, StepLog, TrainEvent, Trainer};
use crate::error::Result;
use crate::law::{Point, Surface};
use crate::num::stream;
use crate::units::Tokens;

/// Final losses from `surface` with log-uniform noise; step losses fall towards them.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// The truth.
    pub surface: Surface,
    /// Half-width of the noise in log loss.
    pub noise: f64,
}

impl Trainer for Simulated {
    fn name(&self) -> &str {
        "simulated"
    }

    fn train(
        &mut self,
        spec: &RunSpec,
        on_event: &mut (dyn FnMut(&TrainEvent) -> ControlFlow<()> + Send),
    ) -> Result<RunStatus> {
        spec.shape.validate()?;
        spec.recipe.validate()?;
        let params = spec.shape.params();
        let steps = spec.steps();
        let start = RunStart {
            n_params: params.all,
            n_params_non_embedding: params.non_embedding,
            n_params_active: params.active,
            n_params_built: None,
            used_tokens: None,
            flops_per_token: spec.shape.train_flops_per_token(spec.recipe.context),
            steps,
            shared_steps: 0,
            resumed_at: 0,
            notes: Vec::new(),
            corpus: format!("simulated from {}", self.surface.label),
            corpus_sha256: String::new(),
            unique_tokens: spec.tokens,
            bytes_per_token: None,
            floor_nats: None,
        };
        let tokens = spec.tokens_after(steps);
        // The id is part of the stream, so that cells of one seed differ.
        let index = spec.id.bytes().fold(7_u64, |h, b| h.wrapping_mul(31).wrapping_add(b.into()));
        let noise = stream(spec.seed, index).random_range(-1.0..1.0) * self.noise;
        let point = Point::new(params.all, Tokens::new(tokens as f64));
        let loss_nats = self.surface.loss(&point) * f64::exp(noise);
        let mut flow = on_event(&TrainEvent::Start(start));
        if flow.is_continue() {
            let peak = spec.recipe.lr_for(spec.shape.d_model);
            flow = on_event(&TrainEvent::Step(StepLog {
                step: steps,
                tokens,
                loss_nats,
                lr: spec.recipe.lr_at(peak, steps - 1, steps),
                grad_norm: 0.0,
                router: None,
                elapsed_s: 0.0,
            }));
        }
        if flow.is_break() {
            return Ok(RunStatus::Stopped);
        }
        let eval = EvalLog { step: steps, tokens, loss_nats, elapsed_s: 0.0 };
        let _ = on_event(&TrainEvent::Eval(eval));
        Ok(RunStatus::Finished)
    }
}
