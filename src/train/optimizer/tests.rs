//! AdamW against burn's own, and what is decayed, clipped and scaled by the width.

use burn::module::{Module, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Tensor};

use super::{AdamW, Gradients};
use crate::flops::Shape;
use crate::sweep::{Precision, TrainConfig, WidthTransfer};
use crate::train::fixtures::*;
use crate::train::model::Decoder;
use crate::train::params::{Array, arrays, with_arrays};
use crate::train::run_setup::{Path, RunSetup};

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
    let config = TrainConfig {
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
        let mut optimizer = AdamW::new(&ours, &shape, &config, path);
        let config = AdamWConfig::new()
            .with_beta_1(config.beta1 as f32)
            .with_beta_2(config.beta2 as f32)
            .with_epsilon(1e-8)
            .with_weight_decay(config.weight_decay as f32);
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
        let config = TrainConfig { weight_decay: 1.0, decay_embeddings, ..TrainConfig::default() };
        let model = Decoder::new(&shape, 0, &device);
        let before = arrays(&model);
        let mut optimizer = AdamW::new(&model, &shape, &config, Path::Fused);
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

/// How far four steps move the logits of a fresh model, root mean square over all; and how large the
/// activations of its last layer are, by what its logits are on average.
fn reach(layers: u32, d_model: u32, heads: u32, width_transfer: WidthTransfer) -> f64 {
    let device = Device::flex().autodiff();
    let shape = Shape::swiglu(layers, d_model, heads, 64);
    let config = TrainConfig {
        context: CONTEXT,
        width_transfer,
        lr_width_exponent: 0.0,
        peak_lr: 4e-3,
        weight_decay: 0.0,
        ..TrainConfig::default()
    };
    let setup = RunSetup::new(&shape, &config, Path::Fused, Precision::F32, &device);
    let mut model = Decoder::under(&shape, width_transfer, 0, &device);
    let (inputs, targets) = (ids(256, 64, 1), ids(256, 64, 2));
    let logits = |model: &Decoder| -> Vec<f32> {
        let (logits, _) = model.forward(ints(&inputs, &device), &setup);
        logits.into_data().try_to_vec().expect("f32")
    };
    let before = logits(&model);
    let mut optimizer = AdamW::new(&model, &shape, &config, Path::Fused);
    for _ in 0..4 {
        let losses = model.losses(ints(&inputs, &device), ints(&targets, &device), &setup);
        let mut sum = Gradients::new();
        sum.add(&model, GradientsParams::from_grads(losses.nats.backward(), &model));
        model = optimizer.step(model, sum, config.lr_for(d_model)).0;
    }
    let moved: Vec<f32> = logits(&model).iter().zip(&before).map(|(a, b)| a - b).collect();
    length(&moved) / (moved.len() as f64).sqrt()
}

#[test]
fn under_mup_steps_reach_equally_far_at_every_width() {
    let ratio = |transfer| reach(2, 512, 16, transfer) / reach(2, 64, 2, transfer);
    // One rate for all widths moves the logits of an eight times wider model several times as far.
    let (fixed, mup) = (ratio(WidthTransfer::Rule), ratio(WidthTransfer::Mup));
    assert!(fixed > 3.0, "{fixed}");
    assert!((0.6..1.6).contains(&mup), "{mup}");
    // Wider heads in place of more heads.
    let wide_heads = reach(2, 256, 2, WidthTransfer::Mup) / reach(2, 64, 2, WidthTransfer::Mup);
    assert!((0.6..1.6).contains(&wide_heads), "{wide_heads}");
}

/// The coordinate check of Dey et al. 2025, arXiv:2505.01618, sec. 4: what steps do to the outputs stays of
/// one size over widths and depths together.
#[test]
fn under_completep_steps_reach_equally_far_at_every_width_and_depth() {
    let base = reach(2, 64, 2, WidthTransfer::CompleteP);
    for (layers, d_model, heads) in [(8, 64, 2), (24, 64, 2), (2, 256, 8), (8, 128, 2)] {
        let ratio = reach(layers, d_model, heads, WidthTransfer::CompleteP) / base;
        assert!((0.6..1.6).contains(&ratio), "{layers} layers of {d_model}: {ratio}");
    }
    // At the base width and depth it is μP, and the usual model at its rates.
    assert_eq!(base, reach(2, 64, 2, WidthTransfer::Mup));
}

/// How much a block changes the residual stream when training begins, and how much all of them do.
#[test]
fn under_completep_a_deep_stream_is_as_large_as_a_shallow_one() {
    let device = Device::flex().autodiff();
    // Seen in how far the first logits lie from those of a model whose blocks write nothing.
    let share = |layers: u32, transfer: WidthTransfer| {
        let shape = Shape::swiglu(layers, 64, 2, 64);
        let config =
            TrainConfig { context: CONTEXT, width_transfer: transfer, ..TrainConfig::default() };
        let setup = RunSetup::new(&shape, &config, Path::Fused, Precision::F32, &device);
        let inputs = ids(256, 64, 1);
        let logits = |model: &Decoder| -> Vec<f32> {
            let (logits, _) = model.forward(ints(&inputs, &device), &setup);
            logits.into_data().try_to_vec().expect("f32")
        };
        let model = Decoder::under(&shape, transfer, 0, &device);
        let bare = with_arrays(model.clone(), silenced(&model)).expect("the same names");
        let (whole, bare) = (logits(&model), logits(&bare));
        let gap: Vec<f32> = whole.iter().zip(&bare).map(|(a, b)| a - b).collect();
        length(&gap) / length(&bare)
    };
    let deep = share(32, WidthTransfer::CompleteP) / share(2, WidthTransfer::CompleteP);
    // Independent parts of 1/L each add up to 1/√L at the start: the stream never grows with the depth.
    assert!((0.1..1.2).contains(&deep), "{deep}");
}

/// The parameters of a model whose blocks write nothing.
fn silenced(model: &Decoder) -> std::collections::BTreeMap<String, Array> {
    let mut found = arrays(model);
    for (name, array) in &mut found {
        if name.ends_with("output") || name.ends_with("down") {
            array.values.fill(0.0);
        }
    }
    found
}

#[test]
fn decay_and_epsilon_follow_width_and_depth_under_completep_alone() {
    let of = |transfer| TrainConfig { width_transfer: transfer, ..TrainConfig::default() };
    for transfer in [WidthTransfer::Rule, WidthTransfer::Mup] {
        let config = of(transfer);
        assert_eq!(config.hidden_decay_factor(512), 1.0);
        assert_eq!((config.block_epsilon(512, 8), config.embedding_epsilon(512)), (1e-8, 1e-8));
    }
    let complete = of(WidthTransfer::CompleteP);
    // A step decays by rate times decay, which is the same at every width.
    let per_step = |d: u32| complete.lr_for(d) * complete.hidden_decay_factor(d);
    assert!((per_step(512) / per_step(64) - 1.0).abs() < 1e-12);
    assert!((complete.block_epsilon(512, 8) / (1e-8 / 8.0 / 4.0) - 1.0).abs() < 1e-12);
    assert!((complete.embedding_epsilon(512) / (1e-8 / 8.0) - 1.0).abs() < 1e-12);
}

#[test]
fn clipping_scales_all_gradients_alike() {
    let device = Device::flex().autodiff();
    let shape = Shape::swiglu(1, 16, 1, 64);
    let model = Decoder::new(&shape, 0, &device);
    let setup = setup(&shape, CONTEXT, Path::Fused, &device);
    let (inputs, targets) = (ids(64, 64, 1), ids(64, 64, 2));
    let first_moments = |clip_norm: f64| {
        let config = TrainConfig { clip_norm, ..TrainConfig::default() };
        let mut optimizer = AdamW::new(&model, &shape, &config, Path::Fused);
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
