//! The model against formulas, differences and the plain operations.

use burn::module::Module;
use burn::tensor::Device;

use crate::flops::Shape;
#[cfg(any(feature = "cuda", feature = "wgpu"))]
use crate::sweep::Compute;
use crate::sweep::{Precision, TrainConfig, WidthTransfer};
use crate::train::fixtures::*;
use crate::train::model::{Decoder, EMBEDDING_STD};
use crate::train::params::{Array, arrays, with_arrays};
use crate::train::run_setup::{Path, RunSetup};
#[cfg(any(feature = "cuda", feature = "wgpu"))]
use crate::train::trainer::BurnTrainer;

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
    // A context that does not divide into blocks, and one longer than a block.
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

/// Under μP and CompleteP too, with heads that are not as wide as the base and more layers than it has.
#[test]
fn the_kernels_are_the_plain_operations_under_every_transfer() {
    let device = Device::flex().autodiff();
    let plain = Shape { kv_heads: 2, ffn: 48, ..Shape::swiglu(3, 48, 4, 64) };
    let sparse = Shape { experts: Some(experts(4, 2, 1)), head_dim: 20, ..plain };
    for (shape, transfer) in [plain, sparse]
        .into_iter()
        .flat_map(|shape| [(shape, WidthTransfer::Mup), (shape, WidthTransfer::CompleteP)])
    {
        let config =
            TrainConfig { context: CONTEXT, width_transfer: transfer, ..TrainConfig::default() };
        let model = Decoder::under(&shape, transfer, 5, &device);
        let (inputs, targets) = (ids(48, shape.vocab, 6), ids(48, shape.vocab, 7));
        let run = |path: Path| {
            let setup = RunSetup::new(&shape, &config, path, Precision::F32, &device);
            let losses = model.losses(ints(&inputs, &device), ints(&targets, &device), &setup);
            let loss = objective(losses);
            (scalar(loss.clone()), gradients(&model, loss))
        };
        let ((fused, fused_grads), (plain, plain_grads)) = (run(Path::Fused), run(Path::Plain));
        assert!((fused - plain).abs() < 2e-6 * plain, "{transfer:?}: {fused} {plain}");
        for ((name, fused), (_, plain)) in fused_grads.iter().zip(&plain_grads) {
            let gap: Vec<f32> = fused.iter().zip(plain).map(|(a, b)| a - b).collect();
            let relative = length(&gap) / length(plain).max(1e-9);
            assert!(relative < 1e-5, "{transfer:?}, {name}: {relative:e}");
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
            let (expected, expected_grads) = run(Path::Fused, &Device::flex().autodiff());
            assert!(
                (loss - expected).abs() < 1e-5 * expected,
                "{compute:?}, {what}: {loss} {expected}"
            );
            for ((name, grad), (_, expected)) in grads.iter().zip(&expected_grads) {
                let gap: Vec<f32> = grad.iter().zip(expected).map(|(a, b)| a - b).collect();
                let relative = length(&gap) / length(expected).max(1e-9);
                assert!(relative < 1e-4, "{compute:?}, {what}, {name}: {relative:e}");
            }
        }
        let mut here = trainer(&noise(26, 5000, 1), &noise(26, 500, 2));
        let mut other = BurnTrainer { compute, ..here.clone() };
        let spec = spec(12, config());
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
            // When a router changes its choice within a step, the loss does not follow the gradient but jumps,
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

#[test]
fn rounded_factors_give_nearly_the_same_loss() {
    let device = Device::flex();
    let shape = Shape::swiglu(2, 64, 2, 64);
    let model = Decoder::new(&shape, 0, &device);
    let (inputs, targets) = (ids(64, 64, 1), ids(64, 64, 2));
    let config = TrainConfig { context: CONTEXT, ..TrainConfig::default() };
    let loss = |precision| {
        let setup = RunSetup::new(&shape, &config, Path::Plain, precision, &device);
        scalar(model.losses(ints(&inputs, &device), ints(&targets, &device), &setup).nats)
    };
    let gap = (loss(Precision::Bf16) - loss(Precision::F32)).abs();
    assert!(gap > 0.0 && gap < 0.01, "{gap}");
}
