//! From the events of a run to its row.

use super::run::{RunResult, RunSpec, RunStart, RunStatus, TrainEvent};
use crate::flops::FlopRule;
use crate::units::{Flops, Tokens};

/// Folds the events of a run into its [`RunResult`], the same way for every trainer.
#[derive(Debug)]
pub struct RunLedger {
    start: RunStart,
    last_eval: Option<f64>,
    tail: Vec<f64>,
    tokens: u64,
    elapsed_s: f64,
}

impl RunLedger {
    /// A ledger for a run that reported this start.
    #[must_use]
    pub fn new(start: RunStart) -> Self {
        Self { start, last_eval: None, tail: Vec::new(), tokens: 0, elapsed_s: 0.0 }
    }

    /// Adds one event.
    pub fn book(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Start(start) => self.start = start.clone(),
            TrainEvent::Step(step) => {
                self.tokens = step.tokens;
                self.elapsed_s = step.elapsed_s;
                if step.step as f64 > 0.9 * self.start.steps as f64 {
                    self.tail.push(step.loss_nats);
                }
            }
            TrainEvent::Eval(eval) => {
                self.elapsed_s = eval.elapsed_s;
                self.last_eval = eval.loss_nats.is_finite().then_some(eval.loss_nats);
            }
            TrainEvent::Checkpoint { .. } | TrainEvent::Waiting(_) => {}
        }
    }

    /// The row of a run that ended with `status`.
    #[must_use]
    pub fn close(self, spec: &RunSpec, trainer: &str, status: RunStatus) -> RunResult {
        let tokens = Tokens::new(self.tokens as f64);
        let mean = self.tail.iter().sum::<f64>() / self.tail.len() as f64;
        let start = self.start;
        let loss_nats = self.last_eval.filter(|_| status == RunStatus::Finished);
        let bits = loss_nats.zip(start.bytes_per_token);
        let shared = (start.shared_steps * spec.recipe.tokens_per_step()) as f64;
        RunResult {
            run: spec.id.clone(),
            status,
            n_params: start.n_params,
            n_params_non_embedding: start.n_params_non_embedding,
            n_params_active: Some(start.n_params_active).filter(|n| *n != start.n_params),
            n_params_built: start.n_params_built,
            tokens,
            loss_nats,
            bits_per_byte: bits.map(|(loss, bytes)| loss / std::f64::consts::LN_2 / bytes),
            train_loss_nats: mean.is_finite().then_some(mean),
            flops: FlopRule::six_nd(start.n_params_active, tokens),
            flops_counted: Flops::new(start.flops_per_token * tokens.get()),
            tokens_shared: (shared > 0.0).then(|| Tokens::new(shared)),
            budget: spec.budget,
            unique_tokens: start.unique_tokens,
            epochs: Some(tokens.get() / start.unique_tokens.get()).filter(|e| e.is_finite()),
            seed: spec.seed,
            lr: spec.recipe.lr_for(spec.shape.d_model),
            schedule: Some(spec.recipe.schedule),
            context: Some(spec.recipe.context),
            width_transfer: Some(spec.recipe.width_transfer),
            elapsed_s: self.elapsed_s,
            trainer: trainer.to_owned(),
            corpus_sha256: start.corpus_sha256,
            floor_nats: start.floor_nats,
        }
    }
}
