//! Models, data and runs that the tests of this room share.

use std::ops::ControlFlow;
use std::sync::Arc;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::RngExt;

use super::corpus::Corpus;
use super::model::{Decoder, Losses};
use super::params::groups;
use super::run_setup::{Path, RunSetup};
use super::trainer::BurnTrainer;
use crate::flops::{Experts, Shape};
use crate::sweep::{
    BYTES, Part, Precision, RunSpec, RunStatus, StepLog, TrainConfig, TrainEvent, Trainer, stream,
};
use crate::units::Tokens;

pub(super) const CONTEXT: u32 = 16;

pub(super) fn experts(count: u32, top_k: u32, shared: u32) -> Experts {
    Experts { count, top_k, shared, dense_layers: 0, dense_ffn: 0 }
}

/// One of each thing the model has.
pub(super) fn shapes() -> Vec<(&'static str, Shape)> {
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

pub(super) fn ids(count: usize, vocab: u32, seed: u64) -> Vec<i32> {
    let mut rng = stream(seed, 0);
    (0..count).map(|_| rng.random_range(0..vocab as i32)).collect()
}

pub(super) fn ints(values: &[i32], device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
}

pub(super) fn scalar(tensor: Tensor<1>) -> f64 {
    f64::from(tensor.into_scalar::<f32>())
}

pub(super) fn setup(shape: &Shape, context: u32, path: Path, device: &Device) -> RunSetup {
    let config = TrainConfig { context, ..TrainConfig::default() };
    RunSetup::new(shape, &config, path, Precision::F32, device)
}

/// Everything that is minimised, with weights on the routers' losses that make them matter.
pub(super) fn objective(losses: Losses) -> Tensor<1> {
    match losses.router {
        None => losses.nats,
        Some(router) => losses.nats + router.balance * 0.5 + router.z * 0.1,
    }
}

/// The gradient of every parameter, in the order of [`arrays`] names; zeros where there is none.
pub(super) fn gradients(model: &Decoder, loss: Tensor<1>) -> Vec<(String, Vec<f32>)> {
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
    groups(model).into_iter().map(|(name, _)| name).zip(collect.1).collect()
}

pub(super) fn length(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt()
}

pub(super) fn trainer(train: &[u32], validation: &[u32]) -> BurnTrainer {
    BurnTrainer::new(Arc::new(Corpus::of_ids("test", train, validation, BYTES)))
}

/// Bytes drawn from an alphabet of `letters`.
pub(super) fn noise(letters: u8, length: usize, seed: u64) -> Vec<u32> {
    let mut rng = stream(seed, 0);
    (0..length).map(|_| u32::from(b'a' + rng.random_range(0..letters))).collect()
}

pub(super) fn spec(steps: u64, config: TrainConfig) -> RunSpec {
    let tokens = Tokens::new((steps * config.tokens_per_step()) as f64);
    let shape = Shape::swiglu(2, 32, 2, BYTES);
    RunSpec {
        id: "t".to_owned(),
        shape,
        tokens,
        budget: None,
        seed: 1,
        recipe: config,
        trunk: None,
        part: Part::Main,
    }
}

pub(super) fn config() -> TrainConfig {
    TrainConfig {
        context: CONTEXT,
        batch_sequences: Some(4),
        evaluations: 2,
        validation_tokens: 128,
        peak_lr: 1e-2,
        lr_width_exponent: 0.5,
        warmup_fraction: Some(0.05),
        ..TrainConfig::default()
    }
}

/// Steps reported, the last evaluation, and how it ended; stopped after `until` steps.
pub(super) fn train(
    trainer: &mut BurnTrainer,
    spec: &RunSpec,
    until: u64,
) -> (Vec<StepLog>, f64, RunStatus) {
    let (mut steps, mut eval) = (Vec::new(), f64::NAN);
    let status = trainer.train(spec, &mut |event| {
        match event {
            TrainEvent::Step(step) => steps.push(StepLog { elapsed_s: 0.0, ..*step }),
            TrainEvent::Eval(e) => eval = e.loss_nats,
            _ => {}
        }
        let last = steps.last().is_some_and(|s| s.step >= until);
        if last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    (steps, eval, status.expect("trains"))
}

pub(super) fn losses(trainer: &mut BurnTrainer, spec: &RunSpec) -> (Vec<f64>, f64, RunStatus) {
    let (steps, eval, status) = train(trainer, spec, u64::MAX);
    (steps.iter().map(|s| s.loss_nats).collect(), eval, status)
}
