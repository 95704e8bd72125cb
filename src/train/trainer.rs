//! The training loop.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use burn::module::{Module, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};

use super::batches::{Windows, window_count};
use super::corpus::Corpus;
use super::model::{Decoder, Tables};
use crate::error::{Result, TrainError};
use crate::sweep::{
    EvalLog, Recipe, RunLedger, RunResult, RunSpec, RunStart, RunStatus, StepLog, TrainEvent,
    Trainer,
};
use crate::units::Tokens;

/// Sequences scored at once in a validation pass.
const EVAL_SEQUENCES: usize = 32;

/// Trains decoders on a corpus.
#[derive(Clone, Debug)]
pub struct BurnTrainer {
    /// The text.
    pub corpus: Arc<Corpus>,
    /// Threads of one run; small models do not gain from more than one.
    pub threads: usize,
}

impl Trainer for BurnTrainer {
    fn name(&self) -> &str {
        "burn-flex"
    }

    fn train(
        &mut self,
        spec: &RunSpec,
        on_event: &mut (dyn FnMut(&TrainEvent) -> ControlFlow<()> + Send),
    ) -> Result<RunResult> {
        spec.shape.validate()?;
        spec.recipe.validate()?;
        check_length("training", &self.corpus.train, spec, &self.corpus.name)?;
        check_length("validation", &self.corpus.validation, spec, &self.corpus.name)?;
        // A pool of its own per run: the global one would make two runs wait for each other.
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads.max(1))
            .build()
            .map_err(|e| TrainError::Threads { reason: e.to_string() })?;
        let corpus = &self.corpus;
        let (ledger, status) = pool.install(|| run(corpus, spec, on_event))?;
        Ok(ledger.close(spec, self.name(), status))
    }
}

fn check_length(split: &'static str, text: &[u8], spec: &RunSpec, corpus: &str) -> Result<()> {
    let wanted = match split {
        "training" => spec.recipe.tokens_per_step() as usize + 1,
        _ => spec.recipe.context as usize + 1,
    };
    if text.len() >= wanted {
        return Ok(());
    }
    let corpus = corpus.to_owned();
    Err(TrainError::TooLittleText { corpus, split, found: text.len(), wanted }.into())
}

type Report<'a> = dyn FnMut(&TrainEvent) -> ControlFlow<()> + Send + 'a;

fn run(corpus: &Corpus, spec: &RunSpec, report: &mut Report) -> Result<(RunLedger, RunStatus)> {
    let recipe = &spec.recipe;
    let device = Device::flex().autodiff();
    let mut model = Decoder::new(&spec.shape, spec.seed, &device);
    let tables = Tables::new(&spec.shape, recipe.context, &device);
    let mut optimizer = adamw(&model, recipe);
    let context = recipe.context as usize;
    let mut windows = Windows::shuffled(&corpus.train, context, spec.seed);
    let validation =
        Windows::spread(&corpus.validation, context, recipe.validation_tokens as usize);
    let (steps, per_step) = (spec.steps(), recipe.tokens_per_step());
    let peak = recipe.lr_for(spec.shape.d_model);
    let counted = spec.shape.params();
    let start = RunStart {
        n_params: counted.all,
        n_params_non_embedding: counted.non_embedding,
        flops_per_token: spec.shape.train_flops_per_token(recipe.context),
        steps,
        corpus: corpus.name.clone(),
        corpus_sha256: corpus.sha256.clone(),
        unique_tokens: Tokens::new((window_count(&corpus.train, context) * context) as f64),
    };
    let mut ledger = RunLedger::new(start.clone());
    if report(&TrainEvent::Start(start)).is_break() {
        return Ok((ledger, RunStatus::Stopped));
    }
    let began = Instant::now();
    for step in 0..steps {
        let batch = windows.draw(recipe.batch_sequences as usize, &device);
        let loss = model.loss(batch.inputs, batch.targets, &tables);
        let loss_nats = f64::from(loss.clone().into_scalar::<f32>());
        let mut grads = GradientsParams::from_grads(loss.backward(), &model);
        let grad_norm = clip(&model, &mut grads, recipe.clip_norm);
        let lr = recipe.lr_at(peak, step, steps);
        let log = StepLog {
            step: step + 1,
            tokens: (step + 1) * per_step,
            loss_nats,
            lr,
            grad_norm,
            elapsed_s: began.elapsed().as_secs_f64(),
        };
        let event = TrainEvent::Step(log);
        ledger.book(&event);
        let verdict = report(&event);
        if !(loss_nats.is_finite() && grad_norm.is_finite()) {
            return Ok((ledger, RunStatus::Diverged));
        }
        model = optimizer.step(lr, model, grads);
        let stopped = verdict.is_break();
        if stopped || eval_due(step + 1, steps, recipe.evaluations) {
            let eval = EvalLog {
                step: step + 1,
                tokens: (step + 1) * per_step,
                loss_nats: evaluate(&model, &validation, &tables),
                elapsed_s: began.elapsed().as_secs_f64(),
            };
            let event = TrainEvent::Eval(eval);
            ledger.book(&event);
            let broken = report(&event).is_break() || stopped;
            if !eval.loss_nats.is_finite() {
                return Ok((ledger, RunStatus::Diverged));
            }
            if broken && step + 1 < steps {
                return Ok((ledger, RunStatus::Stopped));
            }
        }
    }
    Ok((ledger, RunStatus::Finished))
}

/// Whether an evaluation falls after `done` of `steps` steps: `evaluations` of them, evenly.
fn eval_due(done: u64, steps: u64, evaluations: u32) -> bool {
    let count = u64::from(evaluations);
    done == steps || done * count / steps != (done - 1) * count / steps
}

/// Mean validation loss, nats per token, without recording gradients.
fn evaluate(model: &Decoder, windows: &Windows, tables: &Tables) -> f64 {
    let plain = Device::flex();
    let model = model.valid();
    let tables = tables.on_plain_device();
    let (mut total, mut sequences) = (0.0, 0.0);
    for batch in windows.pass(EVAL_SEQUENCES, &plain) {
        let share = batch.sequences as f64;
        let loss = model.loss(batch.inputs, batch.targets, &tables);
        total += share * f64::from(loss.into_scalar::<f32>());
        sequences += share;
    }
    total / sequences
}

/// AdamW with decoupled decay on matrices; gains are left alone.
fn adamw(model: &Decoder, recipe: &Recipe) -> ModuleOptimizer {
    let config = AdamWConfig::new()
        .with_beta_1(recipe.beta1 as f32)
        .with_beta_2(recipe.beta2 as f32)
        .with_epsilon(1e-8);
    let mut gains = Gains(Vec::new());
    model.visit(&mut gains);
    let undecayed = config.clone().with_weight_decay(0.0).build();
    config.with_weight_decay(recipe.weight_decay as f32).init().with_group(
        ParamGroup::from_ids(gains.0),
        undecayed,
        None,
    )
}

struct Gains(Vec<ParamId>);

impl ModuleVisitor for Gains {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if D == 1 {
            self.0.push(param.id);
        }
    }
}

/// Scales all gradients so that their joint norm is at most `most`; returns the norm before.
///
/// burn's own clipping looks at each tensor alone, which changes the direction of the step.
fn clip(model: &Decoder, grads: &mut GradientsParams, most: f64) -> f64 {
    let mut squares = Squares { grads, sum: 0.0 };
    model.visit(&mut squares);
    let norm = squares.sum.sqrt();
    if norm > most {
        model.visit(&mut Scale { grads, factor: most / norm });
    }
    norm
}

struct Squares<'a> {
    grads: &'a GradientsParams,
    sum: f64,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.grads.get::<D>(param.id) {
            self.sum += f64::from(grad.square().sum().into_scalar::<f32>());
        }
    }
}

struct Scale<'a> {
    grads: &'a mut GradientsParams,
    factor: f64,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.grads.remove::<D>(param.id) {
            self.grads.register(param.id, grad.mul_scalar(self.factor));
        }
    }
}
