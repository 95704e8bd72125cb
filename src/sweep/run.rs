//! One training run: its specification, the events a trainer reports, its row when it has ended.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::schedule::Schedule;
use super::train_config::{TrainConfig, WidthTransfer};
use crate::error::{Error, SweepError};
use crate::flops::{FlopRule, Shape};
use crate::units::{Flops, Params, Tokens};

/// What a run of a sweep is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// For the fit: a row of `runs.jsonl`.
    #[default]
    Main,
    /// To find settings, such as a learning rate: a row of `tuning.jsonl`.
    Tune,
    /// To check that settings found elsewhere are good here: a row of `tuning.jsonl`.
    Check,
}

impl Part {
    /// Whether it is a run of the design.
    #[must_use]
    pub fn is_main(&self) -> bool {
        *self == Self::Main
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Main => "main",
            Self::Tune => "tune",
            Self::Check => "check",
        })
    }
}

/// One run to be trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSpec {
    /// Unique within its sweep; also the name of its log file.
    pub id: String,
    /// The model.
    pub shape: Shape,
    /// Tokens to train on; trainers round to whole sequences, and the last step is as large as what is
    /// left.
    pub tokens: Tokens,
    /// The isoFLOP budget this cell belongs to, if the design has budgets.
    pub budget: Option<Flops>,
    /// Seed of initialisation and data order.
    pub seed: u64,
    /// How it is trained.
    pub recipe: TrainConfig,
    /// Name of the trunk it shares with runs that differ in their number of tokens alone: the steps
    /// before the decay of a warm-up, stable, decay schedule are then trained once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk: Option<String>,
    /// What it is for; not part of how it is trained.
    #[serde(default, skip_serializing_if = "Part::is_main")]
    pub part: Part,
}

impl RunSpec {
    /// Sequences to train on: the token target rounded to whole sequences, at least one.
    #[must_use]
    pub fn sequences(&self) -> u64 {
        (self.tokens.get() / f64::from(self.recipe.context)).round().max(1.0) as u64
    }

    /// Optimiser steps; the last has the sequences that are left, a batch or fewer.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.sequences().div_ceil(u64::from(self.recipe.sequences().max(1)))
    }

    /// Sequences of the step that follows `done` steps.
    #[must_use]
    pub fn sequences_after(&self, done: u64) -> u64 {
        let batch = u64::from(self.recipe.sequences());
        self.sequences().saturating_sub(done.saturating_mul(batch)).min(batch)
    }

    /// Tokens seen after `done` steps: after the last, the target within half a sequence.
    #[must_use]
    pub fn tokens_after(&self, done: u64) -> u64 {
        let sequences = done.saturating_mul(u64::from(self.recipe.sequences()));
        sequences.min(self.sequences()) * u64::from(self.recipe.context)
    }

    /// Refuses a run that is shorter than one sequence.
    ///
    /// # Errors
    /// [`SweepError::Field`] with what it has and needs.
    pub(super) fn check_length(&self) -> Result<(), SweepError> {
        let (tokens, context) = (self.tokens.get(), self.recipe.context);
        if tokens >= f64::from(context) {
            return Ok(());
        }
        Err(SweepError::Field {
            field: "tokens",
            found: format!("{} in run `{}`", self.tokens, self.id),
            expected: "at least one sequence, as long as `recipe.context`",
        })
    }
}

/// What a trainer learned about the run before its first step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStart {
    /// All parameters but the embeddings of tokens that never occur in the training data.
    pub n_params: Params,
    /// Parameters without embedding and output matrices.
    pub n_params_non_embedding: Params,
    /// Parameters a token visits, embeddings included.
    pub n_params_active: Params,
    /// All parameters of the model, where some embeddings are of tokens that never occur in the training
    /// data: those are counted here alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_params_built: Option<Params>,
    /// Kinds of tokens that occur in the training data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_tokens: Option<u32>,
    /// Training FLOPs per token with attention counted.
    pub flops_per_token: f64,
    /// Optimiser steps this run will take.
    pub steps: u64,
    /// Steps taken by the run this one branched off, which it did not have to take itself.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub shared_steps: u64,
    /// Steps already taken when the trainer continued the run; not part of its log.
    #[serde(skip)]
    pub resumed_at: u64,
    /// Name of the corpus, for people.
    pub corpus: String,
    /// SHA-256 of the training data and its order.
    pub corpus_sha256: String,
    /// Training tokens available before they repeat.
    pub unique_tokens: Tokens,
    /// What its user should know, such as a damaged checkpoint that was set aside; not part of its log.
    #[serde(skip)]
    pub notes: Vec<String>,
    /// Bytes per token of the validation text; absent for a corpus that is not text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_token: Option<f64>,
    /// Entropy rate of a synthetic source, nats per token: no model has a lower loss on new data. Absent
    /// for a corpus whose entropy nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor_nats: Option<f64>,
}

fn is_zero(steps: &u64) -> bool {
    *steps == 0
}

/// Routers of a mixture of experts in one step, means over layers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouterLog {
    /// Load balance: 1 when all experts are visited alike.
    #[serde(rename = "router_balance")]
    pub balance: f64,
    /// Mean squared log-sum of the logits.
    #[serde(rename = "router_z")]
    pub z: f64,
    /// Visits of the busiest expert over the mean.
    #[serde(rename = "router_busiest")]
    pub busiest_ratio: f64,
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
    /// Routers, in a mixture of experts.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub router: Option<RouterLog>,
    /// Seconds since the run began.
    #[serde(rename = "seconds")]
    pub elapsed_s: f64,
}

/// One pass over the validation data.
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
    /// The model is built, the corpus is read.
    Start(RunStart),
    /// A step was taken.
    Step(StepLog),
    /// The validation data was scored.
    Eval(EvalLog),
    /// The trainer is about to write a checkpoint after `step` steps: everything reported so far must
    /// be on the disk first. Not part of the log.
    Checkpoint {
        /// Steps taken so far.
        step: u64,
    },
    /// Nothing to log: a trainer that waits for a program asks whether to go on. Not part of the log.
    Waiting(Seen),
}

/// How far a program is that trains a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Steps taken so far.
    pub step: u64,
    /// Tokens seen so far.
    pub tokens: f64,
    /// Last loss, nats per token.
    pub loss_nats: Option<f64>,
    /// Its process group.
    pub process_group: Option<u32>,
}

impl TrainEvent {
    /// Steps taken when it happened.
    #[must_use]
    pub fn step(&self) -> u64 {
        match self {
            Self::Start(_) => 0,
            Self::Step(step) => step.step,
            Self::Eval(eval) => eval.step,
            Self::Checkpoint { step } => *step,
            Self::Waiting(seen) => seen.step,
        }
    }
}

/// What became of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunStatus {
    /// Every step was taken; the loss is final.
    Finished,
    /// Stopped from outside before its last step.
    Stopped,
    /// The loss became infinite, or so large that the run cannot recover.
    Diverged,
    /// The machine had no memory left for it.
    OutOfMemory,
    /// It took longer than it may.
    TimedOut,
    /// It could not begin or go on, for another reason.
    Failed,
}

impl RunStatus {
    /// Whether the run needs no more training: it finished, or it diverged and would again.
    #[must_use]
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Finished | Self::Diverged)
    }
}

impl std::fmt::Display for RunStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Finished => "finished",
            Self::Stopped => "stopped",
            Self::Diverged => "diverged",
            Self::OutOfMemory => "out of memory",
            Self::TimedOut => "timed out",
            Self::Failed => "failed",
        })
    }
}

/// The row of a run in `runs.jsonl`, which [`crate::data`] reads like any other table.
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
    /// Parameters a token visits; absent in a dense model, which visits all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_params_active: Option<Params>,
    /// Parameters of the model with the embeddings of tokens that never occur in the training data, which
    /// the other counts leave out; absent where all tokens occur.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_params_built: Option<Params>,
    /// Tokens seen.
    pub tokens: Tokens,
    /// Last validation loss, nats per token; absent unless the run finished.
    #[serde(rename = "loss")]
    pub loss_nats: Option<f64>,
    /// The same in bits per byte of text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits_per_byte: Option<f64>,
    /// Mean training loss over the last tenth of the steps, nats per token.
    #[serde(rename = "train_loss")]
    pub train_loss_nats: Option<f64>,
    /// C = 6 N D with all parameters, those a token visits in a mixture of experts.
    pub flops: Flops,
    /// C with attention counted.
    pub flops_counted: Flops,
    /// Tokens this run did not train on itself, because it branched off another; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_shared: Option<Tokens>,
    /// The isoFLOP budget of its cell.
    pub budget: Option<Flops>,
    /// Training tokens available before they repeat.
    pub unique_tokens: Tokens,
    /// Passes over them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<f64>,
    /// Seed of the run.
    pub seed: u64,
    /// Peak learning rate used.
    pub lr: f64,
    /// How the rate falls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// Sequence length in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<u32>,
    /// How learning rates follow the width.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width_transfer: Option<WidthTransfer>,
    /// Wall-clock seconds.
    #[serde(rename = "seconds")]
    pub elapsed_s: f64,
    /// Name of the trainer.
    pub trainer: String,
    /// SHA-256 of the training data and its order.
    pub corpus_sha256: String,
    /// Entropy rate of a synthetic source, nats per token: no model has a lower loss on new data. Absent
    /// for a corpus whose entropy nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor_nats: Option<f64>,
}

impl RunResult {
    /// The part of `flops` that another run spent, on the trunk they share.
    #[must_use]
    pub fn flops_shared(&self) -> Flops {
        let visited = self.n_params_active.unwrap_or(self.n_params);
        self.tokens_shared.map_or(Flops::new(0.0), |tokens| FlopRule::six_nd(visited, tokens))
    }
}

/// Something that can train one run: the bundled burn model, a simulation, a trainer of yours.
pub trait Trainer {
    /// A short name for logs.
    fn name(&self) -> &str;

    /// Trains `spec` to its end, or until `on_event` breaks, and says how it ended.
    ///
    /// The first event must be the start, once, which says how many steps were taken before; then steps
    /// and evaluations follow in order, each before the next step begins.
    ///
    /// # Errors
    /// When the run cannot begin (a shape that cannot be built, a corpus that cannot be read) or its
    /// state cannot be written.
    fn train(
        &mut self,
        spec: &RunSpec,
        on_event: &mut (dyn FnMut(&TrainEvent) -> ControlFlow<()> + Send),
    ) -> Result<RunStatus, Error>;

    /// Removes what was kept to continue the run or trunk `id`: it has ended and its row is written.
    ///
    /// # Errors
    /// When it cannot be removed.
    fn forget(&mut self, id: &str) -> Result<(), Error> {
        let _ = id;
        Ok(())
    }
}
