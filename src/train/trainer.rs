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
use crate::flops::Shape;
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
        trainable(&spec.shape)?;
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

/// Whether the model of this room has all parts of the shape.
fn trainable(shape: &Shape) -> Result<(), TrainError> {
    let parts = [
        ("experts", shape.experts.is_some()),
        ("latent", shape.latent.is_some()),
        ("window", shape.window.is_some()),
        ("positions", shape.positions > 0),
        ("relative_positions", shape.relative_positions),
        ("biases", shape.biases),
    ];
    let missing = parts.into_iter().find(|(_, set)| *set);
    missing.map_or(Ok(()), |(field, _)| Err(TrainError::Untrainable { field }))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flops::Shape;
    use crate::sweep::stream;
    use crate::train::VOCAB;
    use rand::RngExt;

    const CONTEXT: u32 = 16;

    fn trainer(train: Vec<u8>, validation: Vec<u8>) -> BurnTrainer {
        let (name, sha256) = ("test".to_owned(), String::new());
        BurnTrainer { corpus: Arc::new(Corpus { name, train, validation, sha256 }), threads: 1 }
    }

    /// Bytes drawn from an alphabet of `letters`.
    fn noise(letters: u8, length: usize, seed: u64) -> Vec<u8> {
        let mut rng = stream(seed, 0);
        (0..length).map(|_| b'a' + rng.random_range(0..letters)).collect()
    }

    fn spec(steps: u64, recipe: Recipe) -> RunSpec {
        let tokens = Tokens::new((steps * recipe.tokens_per_step()) as f64);
        let shape = Shape::swiglu(2, 32, 2, VOCAB);
        RunSpec { id: "t".to_owned(), shape, tokens, budget: None, seed: 1, recipe }
    }

    fn recipe() -> Recipe {
        Recipe {
            context: CONTEXT,
            batch_sequences: 4,
            evaluations: 2,
            validation_tokens: 128,
            peak_lr: 1e-2,
            ..Recipe::default()
        }
    }

    fn losses(trainer: &mut BurnTrainer, spec: &RunSpec) -> (Vec<f64>, RunResult) {
        let mut losses = Vec::new();
        let row = trainer
            .train(spec, &mut |event| {
                if let TrainEvent::Step(step) = event {
                    losses.push(step.loss_nats);
                }
                ControlFlow::Continue(())
            })
            .expect("trains");
        (losses, row)
    }

    #[test]
    fn one_batch_is_learnt_by_heart() {
        // Exactly four windows, so every step sees the same batch of letters without a pattern.
        let text = noise(26, 4 * CONTEXT as usize + 1, 5);
        let (losses, row) = losses(&mut trainer(text.clone(), text), &spec(150, recipe()));
        let (first, last) = (losses[0], losses[losses.len() - 1]);
        assert!((first - 256.0_f64.ln()).abs() < 0.2, "{first}");
        assert!(last < 0.1, "26 letters have an entropy of 3.26 nats; {last} is left");
        assert_eq!(row.status, RunStatus::Finished);
        assert_eq!(row.tokens.get(), 150.0 * 64.0);
    }

    #[test]
    fn two_equally_likely_letters_cost_ln_two() {
        let (_, row) = losses(
            &mut trainer(noise(2, 60_000, 1), noise(2, 20_001, 2)),
            &spec(300, Recipe { validation_tokens: 16_384, ..recipe() }),
        );
        let loss = row.loss_nats.expect("finished");
        // The entropy rate is ln 2 whatever the model does; it can only be above, and little.
        assert!((-1e-3..0.02).contains(&(loss - 2.0_f64.ln())), "{loss}");
    }

    #[test]
    fn the_same_seed_gives_the_same_losses() {
        let mut trainer = trainer(noise(26, 5000, 1), noise(26, 500, 2));
        let spec = spec(6, recipe());
        let first = losses(&mut trainer, &spec).0;
        assert_eq!(first, losses(&mut trainer, &spec).0);
        let other = RunSpec { seed: 2, ..spec };
        assert_ne!(first, losses(&mut trainer, &other).0);
    }

    #[test]
    fn a_run_that_is_broken_off_says_so_and_has_no_final_loss() {
        let mut trainer = trainer(noise(26, 5000, 1), noise(26, 500, 2));
        let row = trainer
            .train(&spec(50, recipe()), &mut |event| match event {
                TrainEvent::Step(step) if step.step == 3 => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            })
            .expect("trains");
        assert_eq!((row.status, row.loss_nats), (RunStatus::Stopped, None));
        assert_eq!(row.tokens.get(), 3.0 * 64.0);
    }

    #[test]
    fn a_run_that_explodes_is_diverged() {
        // Decay at this rate multiplies every matrix by 1 - 9.9 · 9 = -88 a step: past the largest
        // f32 within twenty-odd steps, whatever the gradients do.
        let recipe = Recipe {
            peak_lr: 9.9,
            lr_width_exponent: 0.0,
            warmup_fraction: 0.0,
            weight_decay: 9.0,
            ..recipe()
        };
        let mut trainer = trainer(noise(26, 5000, 1), noise(26, 500, 2));
        let (losses, row) = losses(&mut trainer, &spec(400, recipe));
        assert_eq!((row.status, row.loss_nats), (RunStatus::Diverged, None));
        assert!(losses.len() < 100, "stopped at once, not after all steps");
    }

    #[test]
    fn clipping_scales_all_gradients_alike() {
        let device = Device::flex().autodiff();
        let shape = Shape::swiglu(1, 16, 1, VOCAB);
        let model = Decoder::new(&shape, 0, &device);
        let tables = Tables::new(&shape, CONTEXT, &device);
        let text = noise(26, 65, 3);
        let batch = Windows::shuffled(&text, CONTEXT as usize, 0).draw(4, &device);
        let gradients = || {
            let batch = Windows::shuffled(&text, CONTEXT as usize, 0).draw(4, &device);
            let loss = model.loss(batch.inputs, batch.targets, &tables);
            GradientsParams::from_grads(loss.backward(), &model)
        };
        assert_eq!(batch.sequences, 4);
        let norm = clip(&model, &mut gradients(), 1e9);
        let mut clipped = gradients();
        assert!((clip(&model, &mut clipped, norm / 4.0) / norm - 1.0).abs() < 1e-6);
        let after = clip(&model, &mut clipped, 1e9);
        assert!((after / norm - 0.25).abs() < 1e-5, "{after} {norm}");
    }

    #[test]
    fn evaluations_are_spread_and_the_last_is_at_the_end() {
        for (steps, evaluations) in [(10, 4), (3, 10), (100, 1)] {
            let due: Vec<u64> =
                (1..=steps).filter(|done| eval_due(*done, steps, evaluations)).collect();
            assert_eq!(due.last(), Some(&steps));
            assert_eq!(due.len() as u64, steps.min(u64::from(evaluations)));
        }
    }

    #[test]
    fn too_little_text_is_refused_with_the_split() {
        let mut trainer = trainer(noise(26, 5000, 1), Vec::new());
        let error = trainer.train(&spec(5, recipe()), &mut |_| ControlFlow::Continue(()));
        assert!(error.expect_err("no validation text").to_string().contains("validation"));
    }
}
