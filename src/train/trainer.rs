//! The training loop.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};

use super::batches::{Windows, window_count};
use super::checkpoint::{Checkpoints, Kept, Position};
use super::compute::{device, path, trainer_name};
use super::corpus::Corpus;
use super::memory::{check_memory, keep_freed_memory};
use super::model::{Decoder, Losses};
use super::optimizer::{AdamW, Gradients};
use super::params::{arrays, with_arrays};
use super::run_setup::RunSetup;
use super::token_data::TokenData;
use crate::error::{Result, TrainError};
use crate::flops::Shape;
use crate::sweep::{
    Compute, EVAL_TOKENS, EvalLog, Execution, KeepCheckpoints, Precision, RouterLog, RunSpec,
    RunStart, RunStatus, StepLog, TrainConfig, TrainEvent, Trainer,
};
use crate::units::Tokens;

/// A run whose loss is this many times ln(vocabulary), the loss of guessing, does not recover.
const HOPELESS: f64 = 3.0;

/// Trains decoders on a corpus.
#[derive(Clone, Debug)]
pub struct BurnTrainer {
    /// What it trains on.
    pub corpus: Arc<Corpus>,
    /// Threads of one run on the CPU.
    pub threads: usize,
    /// The device.
    pub compute: Compute,
    /// Precision of matrix products.
    pub precision: Precision,
    /// Where its state is kept; without, a run that was interrupted starts again.
    pub checkpoints: Option<Checkpoints>,
}

impl BurnTrainer {
    /// A trainer on one thread of the CPU that keeps no checkpoints.
    #[must_use]
    pub fn new(corpus: Arc<Corpus>) -> Self {
        let (compute, precision) = (Compute::Cpu, Precision::F32);
        Self { corpus, threads: 1, compute, precision, checkpoints: None }
    }

    /// A trainer as a run or sweep file asks for, with its checkpoints in `folder`.
    #[must_use]
    pub fn with_execution(corpus: Arc<Corpus>, execution: &Execution, folder: &Path) -> Self {
        let checkpoints = Checkpoints {
            folder: folder.to_owned(),
            every: Duration::from_secs_f64(execution.checkpoint_seconds),
            keep: execution.keep_checkpoints,
        };
        Self {
            corpus,
            threads: execution.threads,
            compute: execution.device,
            precision: execution.precision,
            checkpoints: Some(checkpoints),
        }
    }
}

impl Trainer for BurnTrainer {
    fn name(&self) -> &str {
        trainer_name(self.compute)
    }

    fn train(
        &mut self,
        spec: &RunSpec,
        on_event: &mut (dyn FnMut(&TrainEvent) -> ControlFlow<()> + Send),
    ) -> Result<RunStatus> {
        spec.shape.validate()?;
        trainable(&spec.shape)?;
        spec.recipe.validate()?;
        check_corpus(&self.corpus, spec)?;
        let (device, precision, threads) = (self.compute, self.precision, self.threads);
        check_memory(spec, &Execution { device, precision, threads, ..Execution::default() })?;
        keep_freed_memory();
        // A pool of its own per run: the global one would make two runs wait for each other.
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads.max(1))
            .build()
            .map_err(|e| TrainError::Threads { reason: e.to_string() })?;
        pool.install(|| Session::begin(self, spec)?.run(on_event))
    }

    fn forget(&mut self, id: &str) -> Result<()> {
        self.checkpoints.as_ref().map_or(Ok(()), |c| c.forget(id))
    }
}

/// Refuses a corpus that is too short for one step or one window, or has more kinds of tokens than the
/// shape.
fn check_corpus(corpus: &Corpus, spec: &RunSpec) -> Result<()> {
    let enough = |split, tokens: &TokenData, expected: usize| match tokens.len() < expected {
        true => Err(TrainError::TooFewTokens {
            corpus: corpus.name.clone(),
            split,
            found: tokens.len(),
            expected,
        }),
        false => Ok(()),
    };
    enough("training", &corpus.train, spec.tokens_after(1) as usize)?;
    enough("validation", &corpus.validation, spec.recipe.context as usize)?;
    if corpus.vocab > spec.shape.vocab {
        let (found, expected) = (spec.shape.vocab, corpus.vocab);
        return Err(TrainError::SmallVocab { found, expected }.into());
    }
    Ok(())
}

/// Checks that the bundled model has all parts of the shape.
///
/// # Errors
/// [`TrainError::Untrainable`] naming the first part it lacks.
pub fn trainable(shape: &Shape) -> Result<(), TrainError> {
    let parts = [
        ("latent", shape.latent.is_some()),
        ("positions", shape.positions > 0),
        ("relative_positions", shape.relative_positions),
        ("biases", shape.biases),
        ("vectors", shape.vectors.is_some()),
    ];
    let missing = parts.into_iter().find(|(_, set)| *set);
    missing.map_or(Ok(()), |(field, _)| Err(TrainError::Untrainable { field }))
}

type Report<'a> = dyn FnMut(&TrainEvent) -> ControlFlow<()> + Send + 'a;

/// One run under way.
struct Session<'a> {
    trainer: &'a BurnTrainer,
    spec: &'a RunSpec,
    device: Device,
    setup: RunSetup,
    /// `None` only while the optimiser has it.
    model: Option<Decoder>,
    optimizer: AdamW,
    windows: Windows,
    validation: Windows,
    position: Position,
    notes: Vec<String>,
    began: Instant,
    saved: Instant,
}

impl<'a> Session<'a> {
    /// A run at its start, or at the step of its checkpoint.
    fn begin(trainer: &'a BurnTrainer, spec: &'a RunSpec) -> Result<Self> {
        let (config, corpus) = (&spec.recipe, &trainer.corpus);
        let device = device(trainer.compute)?.autodiff();
        let path = path(trainer.compute);
        let setup = RunSetup::new(&spec.shape, config, path, trainer.precision, &device);
        let mut model = Decoder::under(&spec.shape, config.width_transfer, spec.seed, &device);
        let mut optimizer = AdamW::new(&model, &spec.shape, config, path);
        let mut position = Position::new(spec, &corpus.sha256);
        let mut notes = Vec::new();
        if let Some(checkpoints) = &trainer.checkpoints
            && let Some(kept) = checkpoints.load(spec, &corpus.sha256, &mut notes)?
        {
            let misfit = |name: String| checkpoints.misfit(&spec.id, &name);
            model = with_arrays(model, kept.model).map_err(misfit)?;
            optimizer.restore(kept.moments, kept.position.step).map_err(misfit)?;
            position = kept.position;
        }
        let context = config.context as usize;
        let windows = Windows::shuffled(corpus.train.clone(), context, spec.seed);
        let scored = config.validation_tokens as usize;
        let validation = Windows::spread(corpus.validation.clone(), context, scored);
        let (began, saved) = (Instant::now(), Instant::now());
        let model = Some(model);
        Ok(Self {
            trainer,
            spec,
            device,
            setup,
            model,
            optimizer,
            windows,
            validation,
            position,
            notes,
            began,
            saved,
        })
    }

    fn start(&self) -> RunStart {
        let (corpus, config) = (&self.trainer.corpus, &self.spec.recipe);
        let built = self.spec.shape.params();
        let counted = self.spec.shape.params_of(corpus.facts.used_tokens);
        let context = config.context as usize;
        RunStart {
            n_params: counted.all,
            n_params_non_embedding: counted.non_embedding,
            n_params_active: counted.active,
            n_params_built: Some(built.all).filter(|all| *all != counted.all),
            used_tokens: Some(corpus.facts.used_tokens),
            flops_per_token: self.spec.shape.train_flops_per_token(config.context),
            steps: self.spec.steps(),
            shared_steps: self.position.shared_steps,
            resumed_at: self.position.step,
            notes: self.notes.clone(),
            corpus: corpus.name.clone(),
            corpus_sha256: corpus.sha256.clone(),
            unique_tokens: Tokens::new((window_count(&corpus.train, context) * context) as f64),
            bytes_per_token: corpus.bytes_per_token,
            floor_nats: corpus.facts.entropy_nats,
        }
    }

    fn run(mut self, report: &mut Report) -> Result<RunStatus> {
        let config = &self.spec.recipe;
        let steps = self.spec.steps();
        let peak = config.lr_for(self.spec.shape.d_model);
        let hopeless = HOPELESS * f64::from(self.spec.shape.vocab).ln();
        let fork = self.spec.trunk.as_ref().map(|_| config.steps_before_decay(steps));
        if report(&TrainEvent::Start(self.start())).is_break() {
            return Ok(RunStatus::Stopped);
        }
        if self.position.step == 0 && self.keeps_all() {
            self.save(report)?;
        }
        while self.position.step < steps {
            if fork == Some(self.position.step) {
                self.save_trunk(report)?;
            }
            let lr = config.lr_at(peak, self.position.step, steps);
            let log = self.step(lr);
            let sound = log.loss_nats.is_finite() && log.grad_norm.is_finite();
            let mut stopped = report(&TrainEvent::Step(log)).is_break();
            if !sound || log.loss_nats > hopeless {
                return Ok(RunStatus::Diverged);
            }
            if eval_due(log.step, steps, config.evaluations) {
                let eval = EvalLog {
                    step: log.step,
                    tokens: log.tokens,
                    loss_nats: self.evaluate(),
                    elapsed_s: self.elapsed_s(),
                };
                stopped |= report(&TrainEvent::Eval(eval)).is_break();
                if !eval.loss_nats.is_finite() {
                    return Ok(RunStatus::Diverged);
                }
            }
            let last = log.step == steps;
            if stopped || last || self.save_due() {
                self.save(report)?;
            }
            if stopped && !last {
                return Ok(RunStatus::Stopped);
            }
        }
        Ok(RunStatus::Finished)
    }

    /// One optimiser step at learning rate `lr`; the model stays as it was if it is not sound.
    fn step(&mut self, lr: f64) -> StepLog {
        let config = &self.spec.recipe;
        let mut model = self.model.take().expect("every step puts the model back");
        // The last step may be smaller.
        let batch = self.spec.sequences_after(self.position.step).max(1);
        let first = self.position.step * u64::from(config.sequences());
        let mut gradients = Gradients::new();
        let mut loss_nats = 0.0;
        let mut router: Option<RouterLog> = None;
        let mut done = 0;
        while done < batch {
            let part = u64::from(config.micro_batch()).min(batch - done);
            let part_batch = self.windows.at(first + done, part as usize, &self.device);
            let losses = model.losses(part_batch.inputs, part_batch.targets, &self.setup);
            let share = part as f64 / batch as f64;
            loss_nats += share * scalar(&losses.nats);
            router = sum_routers(router, &losses, share);
            let objective = objective(losses, config, share);
            let grads = GradientsParams::from_grads(objective.backward(), &model);
            gradients.add(&model, grads);
            done += part;
        }
        let (next, grad_norm) = self.optimizer.step(model, gradients, lr);
        model = next;
        self.model = Some(model);
        self.position.step += 1;
        let step = self.position.step;
        let tokens = self.spec.tokens_after(step);
        StepLog { step, tokens, loss_nats, lr, grad_norm, router, elapsed_s: self.elapsed_s() }
    }

    fn elapsed_s(&self) -> f64 {
        self.position.elapsed_s + self.began.elapsed().as_secs_f64()
    }

    /// Mean validation loss, nats per token, without recording gradients.
    fn evaluate(&self) -> f64 {
        let Some(model) = self.model.as_ref().map(Module::valid) else { return f64::NAN };
        let setup = self.setup.without_autodiff();
        let device = self.device.clone().inner();
        let at_once = (EVAL_TOKENS / self.spec.recipe.context as usize).max(1);
        let (mut total, mut sequences) = (0.0, 0.0);
        for batch in self.validation.pass(at_once, &device) {
            let share = batch.sequences as f64;
            let losses = model.losses(batch.inputs, batch.targets, &setup);
            total += share * scalar(&losses.nats);
            sequences += share;
        }
        total / sequences
    }

    fn keeps_all(&self) -> bool {
        self.trainer.checkpoints.as_ref().is_some_and(|c| c.keep == KeepCheckpoints::All)
    }

    fn save_due(&self) -> bool {
        let every = self.trainer.checkpoints.as_ref().map_or(Duration::MAX, |c| c.every);
        self.keeps_all() || self.saved.elapsed() >= every
    }

    fn kept(&self) -> Kept {
        let position = Position { elapsed_s: self.elapsed_s(), ..self.position.clone() };
        let model = self.model.as_ref().map(arrays).unwrap_or_default();
        Kept { position, model, moments: self.optimizer.arrays() }
    }

    fn save(&mut self, report: &mut Report) -> Result<()> {
        let Some(checkpoints) = &self.trainer.checkpoints else { return Ok(()) };
        // The log must hold every step before the checkpoint.
        let _ = report(&TrainEvent::Checkpoint { step: self.position.step });
        checkpoints.save(&self.kept())?;
        self.saved = Instant::now();
        Ok(())
    }

    fn save_trunk(&self, report: &mut Report) -> Result<()> {
        let (Some(checkpoints), Some(trunk)) = (&self.trainer.checkpoints, &self.spec.trunk) else {
            return Ok(());
        };
        let _ = report(&TrainEvent::Checkpoint { step: self.position.step });
        checkpoints.save_trunk(trunk, &self.kept())
    }
}

/// The value of a tensor of one element.
fn scalar(tensor: &Tensor<1>) -> f64 {
    f64::from(tensor.clone().into_scalar::<f32>())
}

/// What is minimised: the likelihood and, in a mixture of experts, the routers' losses.
fn objective(losses: Losses, config: &TrainConfig, share: f64) -> Tensor<1> {
    let total = match losses.router {
        None => losses.nats,
        Some(router) => {
            losses.nats + router.balance * config.balance_loss + router.z * config.router_z_loss
        }
    };
    if share == 1.0 { total } else { total * share }
}

fn sum_routers(sum: Option<RouterLog>, losses: &Losses, share: f64) -> Option<RouterLog> {
    let router = losses.router.as_ref()?;
    let sum = sum.unwrap_or(RouterLog { balance: 0.0, z: 0.0, busiest_ratio: 0.0 });
    Some(RouterLog {
        balance: sum.balance + share * scalar(&router.balance),
        z: sum.z + share * scalar(&router.z),
        busiest_ratio: sum.busiest_ratio + share * router.busiest_ratio,
    })
}

/// Whether an evaluation falls after `done` of `steps` steps: `evaluations` of them, evenly.
fn eval_due(done: u64, steps: u64, evaluations: u32) -> bool {
    let count = u64::from(evaluations);
    done == steps || done * count / steps != (done - 1) * count / steps
}

#[cfg(test)]
mod tests;
