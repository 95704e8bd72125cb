//! One training run: what is asked for, what a trainer reports, what is left when it ends.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::recipe::Recipe;
use crate::error::Error;
use crate::flops::{FlopRule, Shape};
use crate::units::{Flops, Params, Tokens};

/// One run to be trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSpec {
    /// Unique within its sweep; also the name of its log file.
    pub id: String,
    /// The model.
    pub shape: Shape,
    /// Tokens to train on; trainers round to whole optimiser steps.
    pub tokens: Tokens,
    /// The isoFLOP budget this cell belongs to, if the design has budgets.
    pub budget: Option<Flops>,
    /// Seed of initialisation and data order.
    pub seed: u64,
    /// Everything else.
    pub recipe: Recipe,
}

impl RunSpec {
    /// Optimiser steps: the token target rounded to whole steps, at least one.
    #[must_use]
    pub fn steps(&self) -> u64 {
        let per_step = self.recipe.tokens_per_step() as f64;
        (self.tokens.get() / per_step).round().max(1.0) as u64
    }
}

/// What a trainer learned about the run before its first step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStart {
    /// All parameters, counted from the built model.
    pub n_params: Params,
    /// Parameters without embedding and output matrices.
    pub n_params_non_embedding: Params,
    /// Training FLOPs per token with attention counted.
    pub flops_per_token: f64,
    /// Optimiser steps this run will take.
    pub steps: u64,
    /// Where the text came from, for people.
    pub corpus: String,
    /// SHA-256 of the training text and its order.
    pub corpus_sha256: String,
    /// Training tokens available before text repeats.
    pub unique_tokens: Tokens,
}

/// One optimiser step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepLog {
    /// 1-based.
    pub step: u64,
    /// Tokens seen after this step.
    pub tokens: u64,
    /// Mean training loss of the batch, nats per token.
    #[serde(rename = "loss")]
    pub loss_nats: f64,
    /// Learning rate used.
    pub lr: f64,
    /// Gradient norm before clipping.
    pub grad_norm: f64,
    /// Seconds since the run began.
    #[serde(rename = "seconds")]
    pub elapsed_s: f64,
}

/// One pass over the validation text.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvalLog {
    /// Steps taken so far.
    pub step: u64,
    /// Tokens seen so far.
    pub tokens: u64,
    /// Mean validation loss, nats per token.
    #[serde(rename = "eval_loss")]
    pub loss_nats: f64,
    /// Seconds since the run began.
    #[serde(rename = "seconds")]
    pub elapsed_s: f64,
}

/// What a trainer reports while it works, in order: one start, then steps and evaluations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum TrainEvent {
    /// The model is built, the text is read.
    Start(RunStart),
    /// A step was taken.
    Step(StepLog),
    /// The validation text was scored.
    Eval(EvalLog),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunStatus {
    /// Every step was taken; the loss is final.
    Finished,
    /// Stopped from outside before its last step.
    Stopped,
    /// The loss left the finite numbers.
    Diverged,
}

/// The row a run leaves in `runs.jsonl`; read back by [`crate::data`] like anyone's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// Id of its [`RunSpec`].
    pub run: String,
    /// How it ended.
    pub status: RunStatus,
    /// All parameters.
    pub n_params: Params,
    /// Parameters without embedding and output matrices.
    pub n_params_non_embedding: Params,
    /// Tokens seen.
    pub tokens: Tokens,
    /// Last validation loss, nats per token; absent unless the run finished.
    #[serde(rename = "loss")]
    pub loss_nats: Option<f64>,
    /// Mean training loss over the last tenth of the steps, nats per token.
    #[serde(rename = "train_loss")]
    pub train_loss_nats: Option<f64>,
    /// C = 6 N D with all parameters.
    pub flops: Flops,
    /// C with attention counted.
    pub flops_counted: Flops,
    /// The isoFLOP budget of its cell.
    pub budget: Option<Flops>,
    /// Training tokens available before text repeats.
    pub unique_tokens: Tokens,
    /// Seed of the run.
    pub seed: u64,
    /// Peak learning rate used.
    pub lr: f64,
    /// Wall-clock seconds.
    #[serde(rename = "seconds")]
    pub elapsed_s: f64,
    /// Name of the trainer.
    pub trainer: String,
    /// SHA-256 of the training text and its order.
    pub corpus_sha256: String,
}

/// Folds the events of a run into its [`RunResult`], so that every trainer is booked alike.
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

    /// Books one event.
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
        }
    }

    /// The row of a run that ended with `status`.
    #[must_use]
    pub fn close(self, spec: &RunSpec, trainer: &str, status: RunStatus) -> RunResult {
        let tokens = Tokens::new(self.tokens as f64);
        let mean = self.tail.iter().sum::<f64>() / self.tail.len() as f64;
        RunResult {
            run: spec.id.clone(),
            status,
            n_params: self.start.n_params,
            n_params_non_embedding: self.start.n_params_non_embedding,
            tokens,
            loss_nats: self.last_eval.filter(|_| status == RunStatus::Finished),
            train_loss_nats: mean.is_finite().then_some(mean),
            flops: FlopRule::six_nd(self.start.n_params, tokens),
            flops_counted: Flops::new(self.start.flops_per_token * tokens.get()),
            budget: spec.budget,
            unique_tokens: self.start.unique_tokens,
            seed: spec.seed,
            lr: spec.recipe.lr_for(spec.shape.d_model),
            elapsed_s: self.elapsed_s,
            trainer: trainer.to_owned(),
            corpus_sha256: self.start.corpus_sha256,
        }
    }
}

/// Something that can train one run: the bundled burn model, a simulation, a user's command.
pub trait Trainer {
    /// A short name for logs.
    fn name(&self) -> &str;

    /// Trains `spec` to its end, or until `on_event` breaks.
    ///
    /// Events come in order and each before the next step begins. A run that is broken off or that
    /// diverges still returns its row, with that status.
    ///
    /// # Errors
    /// When the run cannot begin at all: a shape that cannot be built, text that cannot be read.
    fn train(
        &mut self,
        spec: &RunSpec,
        on_event: &mut (dyn FnMut(&TrainEvent) -> ControlFlow<()> + Send),
    ) -> Result<RunResult, Error>;
}
