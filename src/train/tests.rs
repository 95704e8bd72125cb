//! Whether the trainer computes what it says: against formulas, differences, other implementations
//! and itself.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use burn::module::{Module, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::RngExt;

use super::model::EMBEDDING_STD;
use super::optimizer::{AdamW, Gradients};
use super::params::{Array, arrays, with_arrays};
use super::*;
use crate::flops::{Experts, Shape};
#[cfg(any(feature = "cuda", feature = "wgpu"))]
use crate::sweep::Compute;
use crate::sweep::{
    BYTES, KeepCheckpoints, Precision, RunSpec, RunStatus, Schedule, StepLog, TrainConfig,
    TrainEvent, Trainer, WidthTransfer, stream,
};
use crate::units::Tokens;

const CONTEXT: u32 = 16;

fn experts(count: u32, top_k: u32, shared: u32) -> Experts {
    Experts { count, top_k, shared, dense_layers: 0, dense_ffn: 0 }
}

/// One of each thing the model has.
fn shapes() -> Vec<(&'static str, Shape)> {
    let plain = Shape { kv_heads: 2, ffn: 48, ..Shape::swiglu(2, 32, 4, 64) };
    let sparse = Shape { experts: Some(experts(4, 2, 1)), ..plain };
    let mixed = Experts { dense_layers: 1, dense_ffn: 40, ..experts(3, 1, 0) };
    vec![
        ("grouped heads", plain),
        ("untied, heads of 12", Shape { tied_embeddings: false, head_dim: 12, ..plain }),
        ("gelu", Shape { ffn_matrices: 2, kv_heads: 4, ..plain }),
        ("window", Shape { window: Some(5), ..plain }),
        ("normed queries and keys", Shape { qk_norm: true, ..plain }),
        ("experts, one shared", sparse),
        ("one of three experts after a dense layer", Shape { experts: Some(mixed), ..plain }),
        ("all", Shape { window: Some(7), qk_norm: true, tied_embeddings: false, ..sparse }),
    ]
}

fn ids(count: usize, vocab: u32, seed: u64) -> Vec<i32> {
    let mut rng = stream(seed, 0);
    (0..count).map(|_| rng.random_range(0..vocab as i32)).collect()
}

fn ints(values: &[i32], device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
}

fn scalar(tensor: Tensor<1>) -> f64 {
    f64::from(tensor.into_scalar::<f32>())
}

fn setup(shape: &Shape, context: u32, path: Path, device: &Device) -> RunSetup {
    let recipe = TrainConfig { context, ..TrainConfig::default() };
    RunSetup::new(shape, &recipe, path, Precision::F32, device)
}

/// Everything that is minimised, with weights on the routers' losses that make them matter.
fn objective(losses: Losses) -> Tensor<1> {
    match losses.router {
        None => losses.nats,
        Some(router) => losses.nats + router.balance * 0.5 + router.z * 0.1,
    }
}

/// The gradient of every parameter, in the order of [`arrays`] names; zeros where there is none.
fn gradients(model: &Decoder, loss: Tensor<1>) -> Vec<(String, Vec<f32>)> {
    struct Collect(GradientsParams, Vec<Vec<f32>>);
    impl ModuleVisitor for Collect {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let count = param.val().dims().iter().product();
            let grad = self.0.get::<D>(param.id).map(|g| g.into_data().try_to_vec().expect("f32"));
            self.1.push(grad.unwrap_or_else(|| vec![0.0; count]));
        }
    }
    let mut collect = Collect(GradientsParams::from_grads(loss.backward(), model), Vec::new());
    model.visit(&mut collect);
    super::params::groups(model).into_iter().map(|(name, _)| name).zip(collect.1).collect()
}

fn length(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn the_count_is_the_formula() {
    for (what, shape) in shapes() {
        let model = Decoder::new(&shape, 0, &Device::flex());
        assert_eq!(model.num_params() as f64, shape.params().all.get(), "{what}");
    }
}

#[test]
fn the_first_loss_is_ln_vocabulary() {
    for (what, shape) in shapes() {
        let device = Device::flex();
        let setup = setup(&shape, 64, Path::Fused, &device);
        let (inputs, targets) = (ids(128, shape.vocab, 1), ids(128, shape.vocab, 2));
        let losses: Vec<f64> = (0..8)
            .map(|seed| {
                let model = Decoder::new(&shape, seed, &device);
                let losses = model.losses(ints(&inputs, &device), ints(&targets, &device), &setup);
                scalar(losses.nats)
            })
            .collect();
        // Logits have a variance of v = d · 0.02²: the mean loss exceeds ln V by v / 2, and one loss
        // over 128 tokens scatters by sqrt(v / 128).
        let variance = 32.0 * EMBEDDING_STD * EMBEDDING_STD;
        let want = f64::from(shape.vocab).ln() + variance / 2.0;
        let bound = 4.0 * (variance / 128.0 / 8.0).sqrt();
        assert!((crate::num::mean(&losses) - want).abs() < bound, "{what}: {losses:?} {want}");
    }
}

#[test]
fn later_tokens_do_not_move_earlier_logits_nor_do_tokens_out_of_the_window() {
    let device = Device::flex();
    for (what, shape) in shapes().into_iter().filter(|(_, s)| s.experts.is_none()) {
        let model = Decoder::new(&shape, 3, &device);
        let setup = setup(&shape, 32, Path::Fused, &device);
        let vocab = shape.vocab as usize;
        let logits = |tokens: &[i32]| -> Vec<f32> {
            let (logits, _) = model.forward(ints(tokens, &device), &setup);
            logits.into_data().try_to_vec().expect("f32")
        };
        let mut tokens = ids(32, shape.vocab, 4);
        let before = logits(&tokens);
        tokens[10] = (tokens[10] + 1) % shape.vocab as i32;
        let after = logits(&tokens);
        assert_eq!(before[..10 * vocab], after[..10 * vocab], "{what}");
        assert_ne!(before[10 * vocab..11 * vocab], after[10 * vocab..11 * vocab], "{what}");
        // Two layers see twice as far back as one.
        if let Some(window) = shape.window {
            let last = 10 + 2 * (window as usize - 1);
            assert_ne!(before[last * vocab..][..vocab], after[last * vocab..][..vocab], "{what}");
            assert_eq!(before[(last + 1) * vocab..], after[(last + 1) * vocab..], "{what}");
        }
    }
}

#[test]
fn the_kernels_are_the_plain_operations_and_so_are_their_gradients() {
    let device = Device::flex().autodiff();
    // A context that is no multiple of any block, and one longer than a block.
    for context in [13, 40] {
        for (what, shape) in shapes() {
            let model = Decoder::new(&shape, 5, &device);
            let count = 3 * context as usize;
            let (inputs, targets) = (ids(count, shape.vocab, 6), ids(count, shape.vocab, 7));
            let run = |path: Path| {
                let setup = setup(&shape, context, path, &device);
                let losses = model.losses(ints(&inputs, &device), ints(&targets, &device), &setup);
                let loss = objective(losses);
                (scalar(loss.clone()), gradients(&model, loss))
            };
            let ((fused, fused_grads), (plain, plain_grads)) = (run(Path::Fused), run(Path::Plain));
            assert!((fused - plain).abs() < 2e-6 * plain, "{what}: {fused} {plain}");
            for ((name, fused), (_, plain)) in fused_grads.iter().zip(&plain_grads) {
                let gap: Vec<f32> = fused.iter().zip(plain).map(|(a, b)| a - b).collect();
                // Sums of at most 120 products in another order: a few roundings of 6e-8 each.
                let relative = length(&gap) / length(plain).max(1e-9);
                assert!(relative < 1e-5, "{what}, {name}: {relative:e}");
            }
        }
    }
}

/// On the devices this build has besides the CPU; fails where the machine has none.
#[cfg(any(feature = "cuda", feature = "wgpu"))]
#[test]
fn other_devices_compute_what_the_cpu_does() {
    let built = [(Compute::Cuda, cfg!(feature = "cuda")), (Compute::Wgpu, cfg!(feature = "wgpu"))];
    for (compute, _) in built.into_iter().filter(|(_, is_built)| *is_built) {
        let there = super::compute::device(compute).expect("this build has it").autodiff();
        for (what, shape) in shapes() {
            let (inputs, targets) = (ids(80, shape.vocab, 6), ids(80, shape.vocab, 7));
            let run = |path: Path, device: &Device| {
                let model = Decoder::new(&shape, 5, device);
                let setup = setup(&shape, 40, path, device);
                let losses = model.losses(ints(&inputs, device), ints(&targets, device), &setup);
                let loss = objective(losses);
                (scalar(loss.clone()), gradients(&model, loss))
            };
            let (loss, grads) = run(Path::Plain, &there);
            let (wanted, wanted_grads) = run(Path::Fused, &Device::flex().autodiff());
            assert!((loss - wanted).abs() < 1e-5 * wanted, "{compute:?}, {what}: {loss} {wanted}");
            for ((name, grad), (_, wanted)) in grads.iter().zip(&wanted_grads) {
                let gap: Vec<f32> = grad.iter().zip(wanted).map(|(a, b)| a - b).collect();
                let relative = length(&gap) / length(wanted).max(1e-9);
                assert!(relative < 1e-4, "{compute:?}, {what}, {name}: {relative:e}");
            }
        }
        let mut here = trainer(&noise(26, 5000, 1), &noise(26, 500, 2));
        let mut other = BurnTrainer { compute, ..here.clone() };
        let spec = spec(12, recipe());
        for (there, here) in losses(&mut other, &spec).0.iter().zip(losses(&mut here, &spec).0) {
            assert!((there - here).abs() < 1e-4 * here, "{compute:?}: {there} {here}");
        }
    }
}

#[test]
fn gradients_of_the_whole_model_agree_with_differences() {
    let device = Device::flex().autodiff();
    for (what, shape) in shapes() {
        let setup = setup(&shape, CONTEXT, Path::Fused, &device);
        let model = Decoder::new(&shape, 5, &device);
        // Few tokens, so that no router is near a tie.
        let (inputs, targets) = (ids(16, shape.vocab, 8), ids(16, shape.vocab, 9));
        let loss = |m: &Decoder| {
            objective(m.losses(ints(&inputs, &device), ints(&targets, &device), &setup))
        };
        let exact = gradients(&model, loss(&model));
        let values = arrays(&model);
        // Each tensor moved along its own gradient, where the slope is |g|; and all along all.
        let names: Vec<Option<&str>> =
            exact.iter().map(|(name, _)| Some(name.as_str())).chain([None]).collect();
        for moved in names {
            let along = |name: &str| moved.is_none_or(|m| m == name);
            let norm = exact
                .iter()
                .filter(|(name, _)| along(name))
                .map(|(_, g)| length(g).powi(2))
                .sum::<f64>()
                .sqrt();
            if norm < 1e-3 {
                continue; // An expert that no token chose, or a slope below the noise of f32.
            }
            let shifted = |step: f64| {
                let mut arrays = values.clone();
                for (name, grad) in exact.iter().filter(|(name, _)| along(name)) {
                    let Array { values, .. } = arrays.get_mut(name).expect("named");
                    for (v, g) in values.iter_mut().zip(grad) {
                        *v += (step * f64::from(*g) / norm) as f32;
                    }
                }
                scalar(loss(&with_arrays(model.clone(), arrays).expect("fits")))
            };
            // A step on which a router changes its choice is no step along a gradient: the loss jumps,
            // which its second difference shows. A shorter one is taken then.
            let here = shifted(0.0);
            let smooth = [2e-3, 5e-4, 1e-4].into_iter().find_map(|step| {
                let (up, down) = (shifted(step), shifted(-step));
                let jump = (up + down - 2.0 * here).abs();
                (jump < 0.02 * norm * step + 2e-6).then_some((step, (up - down) / (2.0 * step)))
            });
            let (step, slope) = smooth.expect("a stretch without a jump");
            // Losses of 4 to 7 are known to 1e-6; the curvature's part is cubic in the step.
            let bound = 1e-6 / step + 0.01 * norm;
            assert!((slope - norm).abs() < bound, "{what}, {moved:?}: {slope} {norm}");
        }
    }
}

#[test]
fn a_mixture_of_one_expert_is_the_dense_model() {
    let device = Device::flex().autodiff();
    let dense_shape = Shape { ffn: 48, ..Shape::swiglu(2, 32, 4, 64) };
    let sparse_shape = Shape { experts: Some(experts(1, 1, 0)), ..dense_shape };
    let dense = Decoder::new(&dense_shape, 1, &device);
    let sparse = Decoder::new(&sparse_shape, 2, &device).with_expert_of(&dense);
    let (inputs, targets) = (ids(64, 64, 1), ids(64, 64, 2));
    let run = |model: &Decoder, shape: &Shape| {
        let setup = setup(shape, CONTEXT, Path::Fused, &device);
        let losses = model.losses(ints(&inputs, &device), ints(&targets, &device), &setup);
        (scalar(losses.nats.clone()), gradients(model, losses.nats))
    };
    let ((a, grads), (b, sparse_grads)) = (run(&dense, &dense_shape), run(&sparse, &sparse_shape));
    assert_eq!(a, b);
    for (name, grad) in grads {
        let other = name.replace(".dense.", ".mixture.experts.0.");
        let (_, found) = sparse_grads.iter().find(|(n, _)| *n == other).expect(&other);
        assert_eq!(&grad, found, "{name}");
    }
    let (_, router) = sparse_grads.iter().find(|(n, _)| n.ends_with("router")).expect("a router");
    assert!(length(router) < 1e-6, "one choice leaves nothing to learn");
}

fn gain_ids(model: &Decoder) -> Vec<ParamId> {
    struct Gains(Vec<ParamId>);
    impl ModuleVisitor for Gains {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if D == 1 {
                self.0.push(param.id);
            }
        }
    }
    let mut gains = Gains(Vec::new());
    model.visit(&mut gains);
    gains.0
}

#[test]
fn a_step_is_that_of_burns_own_adamw() {
    let device = Device::flex().autodiff();
    let shape = Shape { ffn: 48, ..Shape::swiglu(1, 32, 2, 64) };
    let recipe = TrainConfig {
        context: CONTEXT,
        clip_norm: 1e9,
        weight_decay: 0.3,
        ..TrainConfig::default()
    };
    let batch = |step: u64| (ids(64, 64, step), ids(64, 64, step + 50));
    for path in [Path::Fused, Path::Plain] {
        let setup = setup(&shape, CONTEXT, path, &device);
        let grads = |model: &Decoder, step: u64| {
            let (inputs, targets) = batch(step);
            let losses = model.losses(ints(&inputs, &device), ints(&targets, &device), &setup);
            GradientsParams::from_grads(losses.nats.backward(), model)
        };
        let mut ours = Decoder::new(&shape, 0, &device);
        let mut theirs = ours.clone();
        let mut optimizer = AdamW::new(&ours, &shape, &recipe, path);
        let config = AdamWConfig::new()
            .with_beta_1(recipe.beta1 as f32)
            .with_beta_2(recipe.beta2 as f32)
            .with_epsilon(1e-8)
            .with_weight_decay(recipe.weight_decay as f32);
        let gains = gain_ids(&ours);
        let undecayed = config.clone().with_weight_decay(0.0).build();
        let mut reference = config.init().with_group(ParamGroup::from_ids(gains), undecayed, None);
        for step in 0..4 {
            let mut sum = Gradients::new();
            sum.add(&ours, grads(&ours, step));
            ours = optimizer.step(ours, sum, 1e-2).0;
            let found = grads(&theirs, step);
            theirs = reference.step(1e-2, theirs, found);
        }
        for ((name, ours), theirs) in arrays(&ours).iter().zip(arrays(&theirs).values()) {
            let gap = ours.values.iter().zip(&theirs.values).map(|(a, b)| (a - b).abs());
            let worst = gap.fold(0.0, f32::max);
            // Early steps divide by the root of small moments: about a hundred roundings of a step.
            assert!(worst < 1e-5, "{path:?} {name}: {worst:e}");
        }
    }
}

#[test]
fn gains_are_not_decayed_and_embeddings_only_when_asked() {
    let device = Device::flex().autodiff();
    let shape = Shape { ffn: 48, ..Shape::swiglu(1, 32, 2, 64) };
    for decay_embeddings in [true, false] {
        let recipe = TrainConfig { weight_decay: 1.0, decay_embeddings, ..TrainConfig::default() };
        let model = Decoder::new(&shape, 0, &device);
        let before = arrays(&model);
        let mut optimizer = AdamW::new(&model, &shape, &recipe, Path::Fused);
        // No gradients at all: only the decay moves anything.
        let mut none = Gradients::new();
        none.add(&model, GradientsParams::new());
        let (model, norm) = optimizer.step(model, none, 0.1);
        assert_eq!(norm, 0.0);
        for ((name, after), before) in arrays(&model).iter().zip(before.values()) {
            let kept = name.ends_with("gain") || (name == "embedding" && !decay_embeddings);
            let factor = length(&after.values) / length(&before.values);
            let want = if kept { 1.0 } else { 0.9 };
            assert!((factor - want).abs() < 1e-6, "{name} {factor}");
        }
    }
}

#[test]
fn rounded_factors_give_nearly_the_same_loss() {
    let device = Device::flex();
    let shape = Shape::swiglu(2, 64, 2, 64);
    let model = Decoder::new(&shape, 0, &device);
    let (inputs, targets) = (ids(64, 64, 1), ids(64, 64, 2));
    let recipe = TrainConfig { context: CONTEXT, ..TrainConfig::default() };
    let loss = |precision| {
        let setup = RunSetup::new(&shape, &recipe, Path::Plain, precision, &device);
        scalar(model.losses(ints(&inputs, &device), ints(&targets, &device), &setup).nats)
    };
    let gap = (loss(Precision::Bf16) - loss(Precision::F32)).abs();
    assert!(gap > 0.0 && gap < 0.01, "{gap}");
}

/// How far one step moves the logits of a fresh model, root mean square over all.
fn reach(d_model: u32, width_transfer: WidthTransfer) -> f64 {
    let device = Device::flex().autodiff();
    let shape = Shape::swiglu(2, d_model, d_model / 32, 64);
    let recipe = TrainConfig {
        context: CONTEXT,
        width_transfer,
        lr_width_exponent: 0.0,
        peak_lr: 4e-3,
        weight_decay: 0.0,
        ..TrainConfig::default()
    };
    let setup = RunSetup::new(&shape, &recipe, Path::Fused, Precision::F32, &device);
    let mut model = Decoder::new(&shape, 0, &device);
    let (inputs, targets) = (ids(256, 64, 1), ids(256, 64, 2));
    let logits = |model: &Decoder| -> Vec<f32> {
        let (logits, _) = model.forward(ints(&inputs, &device), &setup);
        logits.into_data().try_to_vec().expect("f32")
    };
    let before = logits(&model);
    let mut optimizer = AdamW::new(&model, &shape, &recipe, Path::Fused);
    for _ in 0..4 {
        let losses = model.losses(ints(&inputs, &device), ints(&targets, &device), &setup);
        let mut sum = Gradients::new();
        sum.add(&model, GradientsParams::from_grads(losses.nats.backward(), &model));
        model = optimizer.step(model, sum, recipe.lr_for(d_model)).0;
    }
    let moved: Vec<f32> = logits(&model).iter().zip(&before).map(|(a, b)| a - b).collect();
    length(&moved) / (moved.len() as f64).sqrt()
}

#[test]
fn under_mup_steps_reach_equally_far_at_every_width() {
    let ratio = |transfer| reach(512, transfer) / reach(64, transfer);
    // One rate for all widths moves the logits of an eight times wider model several times as far.
    let (fixed, mup) = (ratio(WidthTransfer::Rule), ratio(WidthTransfer::Mup));
    assert!(fixed > 3.0, "{fixed}");
    assert!((0.6..1.6).contains(&mup), "{mup}");
}

fn trainer(train: &[u32], validation: &[u32]) -> BurnTrainer {
    BurnTrainer::new(Arc::new(Corpus::of_ids("test", train, validation, BYTES)))
}

/// Bytes drawn from an alphabet of `letters`.
fn noise(letters: u8, length: usize, seed: u64) -> Vec<u32> {
    let mut rng = stream(seed, 0);
    (0..length).map(|_| u32::from(b'a' + rng.random_range(0..letters))).collect()
}

fn spec(steps: u64, recipe: TrainConfig) -> RunSpec {
    let tokens = Tokens::new((steps * recipe.tokens_per_step()) as f64);
    let shape = Shape::swiglu(2, 32, 2, BYTES);
    RunSpec { id: "t".to_owned(), shape, tokens, budget: None, seed: 1, recipe, trunk: None }
}

fn recipe() -> TrainConfig {
    TrainConfig {
        context: CONTEXT,
        batch_sequences: 4,
        evaluations: 2,
        validation_tokens: 128,
        peak_lr: 1e-2,
        ..TrainConfig::default()
    }
}

/// Steps told, the last evaluation, and how it ended; stopped after `until` steps.
fn train(trainer: &mut BurnTrainer, spec: &RunSpec, until: u64) -> (Vec<StepLog>, f64, RunStatus) {
    let (mut steps, mut eval) = (Vec::new(), f64::NAN);
    let status = trainer.train(spec, &mut |event| {
        match event {
            TrainEvent::Step(step) => steps.push(StepLog { elapsed_s: 0.0, ..*step }),
            TrainEvent::Eval(e) => eval = e.loss_nats,
            TrainEvent::Start(_) | TrainEvent::Checkpoint { .. } => {}
        }
        let last = steps.last().is_some_and(|s| s.step >= until);
        if last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    (steps, eval, status.expect("trains"))
}

fn losses(trainer: &mut BurnTrainer, spec: &RunSpec) -> (Vec<f64>, f64, RunStatus) {
    let (steps, eval, status) = train(trainer, spec, u64::MAX);
    (steps.iter().map(|s| s.loss_nats).collect(), eval, status)
}

#[test]
fn one_batch_is_learnt_by_heart() {
    // Exactly four windows, so every step sees the same batch of letters without a pattern.
    let text = noise(26, 4 * CONTEXT as usize + 1, 5);
    for experts in [None, Some(experts(4, 2, 0))] {
        let shape = Shape { experts, ..Shape::swiglu(2, 32, 2, BYTES) };
        let spec = RunSpec { shape, ..spec(150, recipe()) };
        let (losses, _, status) = losses(&mut trainer(&text, &text), &spec);
        let (first, last) = (losses[0], losses[losses.len() - 1]);
        assert!((first - 256.0_f64.ln()).abs() < 0.2, "{first}");
        assert!(last < 0.1, "26 letters have an entropy of 3.26 nats; {last} is left");
        assert_eq!((status, losses.len()), (RunStatus::Finished, 150));
    }
}

#[test]
fn two_equally_likely_letters_cost_ln_two() {
    let recipe = TrainConfig { validation_tokens: 16_384, ..recipe() };
    let mut trainer = trainer(&noise(2, 60_000, 1), &noise(2, 20_001, 2));
    let (_, loss, _) = losses(&mut trainer, &spec(300, recipe));
    // The entropy rate is ln 2 whatever the model does; it can only be above, and little.
    assert!((-1e-3..0.02).contains(&(loss - 2.0_f64.ln())), "{loss}");
}

#[test]
fn the_same_seed_gives_the_same_losses_on_any_number_of_threads() {
    let mut one = trainer(&noise(26, 5000, 1), &noise(26, 500, 2));
    let spec = spec(6, recipe());
    let first = losses(&mut one, &spec).0;
    assert_eq!(first, losses(&mut one, &spec).0);
    let mut three = BurnTrainer { threads: 3, ..one.clone() };
    assert_eq!(first, losses(&mut three, &spec).0);
    let other = RunSpec { seed: 2, ..spec };
    assert_ne!(first, losses(&mut one, &other).0);
}

#[test]
fn accumulated_gradients_are_those_of_the_whole_batch() {
    let mut trainer = trainer(&noise(26, 5000, 1), &noise(26, 500, 2));
    let whole = losses(&mut trainer, &spec(5, recipe())).0;
    // Parts of three and of one.
    let parts = TrainConfig { micro_sequences: Some(3), ..recipe() };
    let parts = losses(&mut trainer, &spec(5, parts)).0;
    assert_ne!(whole, parts, "sums in another order");
    for (a, b) in whole.iter().zip(&parts) {
        assert!((a - b).abs() < 2e-5, "{a} {b}");
    }
}

#[test]
fn a_run_that_explodes_is_diverged() {
    // Decay at this rate multiplies every matrix by 1 - 9.9 · 9 = -88 a step: past the largest
    // f32 within twenty-odd steps, whatever the gradients do.
    let recipe = TrainConfig {
        peak_lr: 9.9,
        lr_width_exponent: 0.0,
        warmup_fraction: 0.0,
        weight_decay: 9.0,
        ..recipe()
    };
    let mut trainer = trainer(&noise(26, 5000, 1), &noise(26, 500, 2));
    let (losses, _, status) = losses(&mut trainer, &spec(400, recipe));
    assert_eq!(status, RunStatus::Diverged);
    assert!(losses.len() < 100, "stopped at once, not after all steps");
}

#[test]
fn clipping_scales_all_gradients_alike() {
    let device = Device::flex().autodiff();
    let shape = Shape::swiglu(1, 16, 1, 64);
    let model = Decoder::new(&shape, 0, &device);
    let setup = setup(&shape, CONTEXT, Path::Fused, &device);
    let (inputs, targets) = (ids(64, 64, 1), ids(64, 64, 2));
    let first_moments = |clip_norm: f64| {
        let recipe = TrainConfig { clip_norm, ..TrainConfig::default() };
        let mut optimizer = AdamW::new(&model, &shape, &recipe, Path::Fused);
        let losses = model.losses(ints(&inputs, &device), ints(&targets, &device), &setup);
        let mut sum = Gradients::new();
        sum.add(&model, GradientsParams::from_grads(losses.nats.backward(), &model));
        let (_, norm) = optimizer.step(model.clone(), sum, 1e-3);
        (norm, optimizer.arrays())
    };
    let (norm, free) = first_moments(1e9);
    let (same_norm, clipped) = first_moments(norm / 4.0);
    assert_eq!(norm, same_norm);
    for ((name, free), clipped) in free.iter().zip(clipped.values()) {
        let factor = length(&clipped.values) / length(&free.values);
        let want = if name.starts_with("first.") { 0.25 } else { 0.0625 };
        assert!((factor / want - 1.0).abs() < 1e-5, "{name} {factor}");
    }
}

/// A folder of checkpoints, and a trainer that keeps one after every step there.
fn durable(keep: KeepCheckpoints) -> (tempfile::TempDir, BurnTrainer) {
    let home = tempfile::tempdir().expect("temporary folder");
    let checkpoints = Checkpoints { folder: home.path().to_owned(), every: Duration::ZERO, keep };
    let trainer = trainer(&noise(26, 3000, 1), &noise(26, 500, 2));
    (home, BurnTrainer { checkpoints: Some(checkpoints), ..trainer })
}

/// Arrays of a checkpoint, without what it says of times.
fn kept(home: &tempfile::TempDir, id: &str) -> Vec<(String, Vec<u8>)> {
    let path: PathBuf = home.path().join(format!("{id}.safetensors"));
    let bytes = std::fs::read(path).expect("a checkpoint");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    let mut arrays: Vec<_> =
        file.tensors().into_iter().map(|(name, view)| (name, view.data().to_vec())).collect();
    arrays.sort();
    arrays
}

#[test]
fn a_run_taken_up_again_is_the_uninterrupted_one_bit_for_bit() {
    for experts in [None, Some(experts(4, 2, 1))] {
        let shape = Shape { experts, ..Shape::swiglu(2, 32, 2, BYTES) };
        // Sixty steps of 64 tokens are more than an epoch of 3000.
        let spec = RunSpec { shape, ..spec(60, recipe()) };
        let (whole_home, mut whole) = durable(KeepCheckpoints::Last);
        let (steps, eval, _) = train(&mut whole, &spec, u64::MAX);
        let (home, mut broken) = durable(KeepCheckpoints::Last);
        let mut told = Vec::new();
        for until in [1, 2, 17, 44] {
            let (part, _, status) = train(&mut broken.clone(), &spec, until);
            assert_eq!(status, RunStatus::Stopped);
            told.extend(part);
        }
        let (rest, last_eval, status) = train(&mut broken, &spec, u64::MAX);
        told.extend(rest);
        assert_eq!((status, last_eval), (RunStatus::Finished, eval));
        assert_eq!(told, steps);
        assert_eq!(kept(&home, "t"), kept(&whole_home, "t"));
    }
}

#[test]
fn a_branch_is_the_run_trained_alone_bit_for_bit_and_costs_only_its_own_steps() {
    let recipe = TrainConfig { schedule: Schedule::Wsd, warmup_steps: Some(4), ..recipe() };
    let alone = |steps: u64| spec(steps, recipe.clone());
    let branch = |steps: u64| RunSpec {
        id: format!("t{steps}"),
        trunk: Some("trunk".to_owned()),
        ..alone(steps)
    };
    let (home, mut trainer) = durable(KeepCheckpoints::Last);
    let mut taken = 0;
    for steps in [20, 40, 80] {
        let (own, eval, _) = train(&mut trainer, &branch(steps), u64::MAX);
        taken += own.len();
        let (alone_home, mut apart) = durable(KeepCheckpoints::Last);
        let (all, alone_eval, _) = train(&mut apart, &alone(steps), u64::MAX);
        assert_eq!(eval, alone_eval);
        assert_eq!(own, all[all.len() - own.len()..]);
        assert_eq!(kept(&home, &format!("t{steps}")), kept(&alone_home, "t"));
    }
    // Decays of 4, 8 and 16 steps on a trunk of 64, in place of 140 steps.
    assert_eq!(taken, 4 + 8 + 16 + 64);
    trainer.forget("trunk").expect("removed");
    assert!(!home.path().join("trunk-trunk.safetensors").exists());
}

#[test]
fn checkpoints_of_other_runs_and_damaged_ones_are_refused_with_the_file() {
    let (home, mut trainer) = durable(KeepCheckpoints::Last);
    let spec = spec(6, recipe());
    train(&mut trainer, &spec, 3);
    let path = home.path().join("t.safetensors");
    let mut refusal = |spec: &RunSpec| {
        let error = trainer.train(spec, &mut |_| ControlFlow::Continue(()));
        let error = error.expect_err("refused").to_string();
        assert!(error.contains("t.safetensors") && error.contains("remove it"), "{error}");
        error
    };
    assert!(refusal(&RunSpec { seed: 9, ..spec.clone() }).contains("configuration"));
    let bytes = std::fs::read(&path).expect("there");
    for damaged in [&bytes[..bytes.len() / 2], &bytes[..5], b"", b"not a checkpoint at all"] {
        std::fs::write(&path, damaged).expect("written");
        refusal(&spec);
    }
}

#[test]
fn what_cannot_be_trained_is_refused_before_anything_is_done() {
    let refusal = |spec: &RunSpec, validation: &[u32]| {
        let mut trainer = trainer(&noise(26, 5000, 1), validation);
        let told = trainer.train(spec, &mut |_| panic!("nothing to tell"));
        told.expect_err("refused").to_string()
    };
    let good = noise(26, 500, 2);
    let plain = spec(5, recipe());
    assert!(refusal(&plain, &[]).contains("validation"));
    let shape = Shape { biases: true, ..plain.shape };
    assert!(refusal(&RunSpec { shape, ..plain.clone() }, &good).contains("biases"));
    let shape = Shape { vocab: 64, ..plain.shape };
    assert!(refusal(&RunSpec { shape, ..plain.clone() }, &good).contains("vocab = 256"));
}
