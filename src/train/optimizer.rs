//! AdamW with decoupled decay over groups of parameters, joint clipping and accumulated gradients.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};

use super::kernels::{Update, adamw, squares};
use super::model::Decoder;
use super::params::{Array, Group, array, groups};
use super::run_setup::Path;
use super::tensors::constant;
use crate::flops::Shape;
use crate::sweep::TrainConfig;

/// First and second moment of one parameter.
enum Moments {
    /// On the CPU, updated in place by the fused step.
    Host { first: Vec<f32>, second: Vec<f32> },
    /// On another device, flat.
    Device(Box<[Tensor<1>; 2]>),
}

/// The state of AdamW for one model.
pub(super) struct AdamW {
    /// In the order in which parameters are visited.
    states: Vec<State>,
    steps: u64,
    rule: Rule,
    path: Path,
}

struct State {
    name: String,
    group: Group,
    shape: Vec<usize>,
    moments: Moments,
}

/// The parts of a configuration that matter here.
struct Rule {
    beta1: f64,
    beta2: f64,
    weight_decay: f64,
    /// Decay of the hidden matrices.
    hidden_decay: f64,
    decay_embeddings: bool,
    embedding_lr: f64,
    gain_lr: f64,
    clip_norm: f64,
    /// ε of the blocks, gains among them, and of the embedding and output matrices.
    block_epsilon: f64,
    embedding_epsilon: f64,
}

/// Gradients added up over the parts of a batch.
pub(super) struct Gradients {
    sum: Option<GradientsParams>,
    parts: usize,
}

impl Gradients {
    pub(super) fn new() -> Self {
        Self { sum: None, parts: 0 }
    }

    /// Adds the gradients of one part, each already weighted by its share of the batch.
    pub(super) fn add(&mut self, model: &Decoder, mut part: GradientsParams) {
        self.parts += 1;
        if let Some(sum) = &mut self.sum {
            struct Add<'a> {
                sum: &'a mut GradientsParams,
                part: &'a mut GradientsParams,
            }
            impl ModuleVisitor for Add<'_> {
                fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                    let Some(more) = self.part.remove::<D>(param.id) else { return };
                    let total = match self.sum.remove::<D>(param.id) {
                        Some(sum) => sum + more,
                        None => more,
                    };
                    self.sum.register(param.id, total);
                }
            }
            model.visit(&mut Add { sum, part: &mut part });
        } else {
            self.sum = Some(part);
        }
    }
}

impl AdamW {
    pub(super) fn new(model: &Decoder, shape: &Shape, config: &TrainConfig, path: Path) -> Self {
        struct Start {
            path: Path,
            found: Vec<(Vec<usize>, Moments)>,
        }
        impl ModuleVisitor for Start {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let value = param.val();
                let shape = value.dims();
                let count = shape.iter().product();
                let moments = match self.path {
                    Path::Fused => {
                        Moments::Host { first: vec![0.0; count], second: vec![0.0; count] }
                    }
                    Path::Plain => {
                        let zeros = Tensor::zeros([count], &value.device().inner());
                        Moments::Device(Box::new([zeros.clone(), zeros]))
                    }
                };
                self.found.push((shape.to_vec(), moments));
            }
        }
        let mut start = Start { path, found: Vec::new() };
        model.visit(&mut start);
        let states = groups(model)
            .into_iter()
            .zip(start.found)
            .map(|((name, group), (shape, moments))| State { name, group, shape, moments })
            .collect();
        let rule = Rule {
            beta1: config.beta1,
            beta2: config.beta2,
            weight_decay: config.weight_decay,
            hidden_decay: config.weight_decay * config.hidden_decay_factor(shape.d_model),
            decay_embeddings: config.decay_embeddings,
            embedding_lr: config.embedding_lr_factor(shape.d_model),
            gain_lr: config.gain_lr_factor(shape.d_model),
            clip_norm: config.clip_norm,
            block_epsilon: config.block_epsilon(shape.d_model, shape.layers),
            embedding_epsilon: config.embedding_epsilon(shape.d_model),
        };
        Self { states, steps: 0, rule, path }
    }

    /// One step at learning rate `lr` (of the hidden matrices); returns the joint norm of the
    /// gradients before clipping. The model is left as it was when that norm is not finite.
    ///
    /// burn's own clipping looks at each tensor alone, which changes the direction of the step.
    pub(super) fn step(&mut self, model: Decoder, gradients: Gradients, lr: f64) -> (Decoder, f64) {
        let Some(grads) = gradients.sum else { return (model, 0.0) };
        let norm = joint_norm(&model, &grads, self.path);
        if !norm.is_finite() {
            return (model, norm);
        }
        self.steps += 1;
        let scale = if norm > self.rule.clip_norm { self.rule.clip_norm / norm } else { 1.0 };
        let time = self.steps as f64;
        let base = Update {
            lr: 0.0,
            decay: 0.0,
            beta1: self.rule.beta1 as f32,
            beta2: self.rule.beta2 as f32,
            epsilon: 0.0,
            correction1: (1.0 / (1.0 - self.rule.beta1.powf(time))) as f32,
            correction2: (1.0 / (1.0 - self.rule.beta2.powf(time))) as f32,
            grad_scale: scale as f32,
        };
        let rule = &self.rule;
        let updates = self.states.iter_mut().map(|state| {
            let (around, inside) = (rule.embedding_epsilon, rule.block_epsilon);
            let (ratio, decay, epsilon) = match state.group {
                Group::Embedding if rule.decay_embeddings => {
                    (rule.embedding_lr, rule.weight_decay, around)
                }
                Group::Embedding => (rule.embedding_lr, 0.0, around),
                Group::Hidden => (1.0, rule.hidden_decay, inside),
                Group::Gain => (rule.gain_lr, 0.0, inside),
            };
            let (lr, epsilon) = (lr * ratio, epsilon as f32);
            let update = Update { lr: lr as f32, decay: (lr * decay) as f32, epsilon, ..base };
            (update, &mut state.moments)
        });
        let mut apply = Apply { grads, updates: updates.collect::<Vec<_>>().into_iter() };
        (model.map(&mut apply), norm)
    }

    /// The moments by name: `first.NAME` and `second.NAME`.
    pub(super) fn arrays(&self) -> BTreeMap<String, Array> {
        let pairs = self.states.iter().flat_map(|state| {
            let (first, second) = match &state.moments {
                Moments::Host { first, second } => (first.clone(), second.clone()),
                Moments::Device(moments) => {
                    let [first, second] = moments.as_ref().clone().map(|m| array(m).values);
                    (first, second)
                }
            };
            let named = |kind: &str, values| {
                (format!("{kind}.{}", state.name), Array { shape: state.shape.clone(), values })
            };
            [named("first", first), named("second", second)]
        });
        pairs.collect()
    }

    /// Restores the state that [`arrays`](Self::arrays) gave after `steps` steps; otherwise the name of
    /// the first array that is missing or has another shape.
    pub(super) fn restore(
        &mut self,
        mut arrays: BTreeMap<String, Array>,
        steps: u64,
    ) -> Result<(), String> {
        for state in &mut self.states {
            let mut take = |kind: &str| {
                let name = format!("{kind}.{}", state.name);
                match arrays.remove(&name) {
                    Some(array) if array.shape == state.shape => Ok(array.values),
                    _ => Err(name),
                }
            };
            let (new_first, new_second) = (take("first")?, take("second")?);
            match &mut state.moments {
                Moments::Host { first, second } => {
                    (*first, *second) = (new_first, new_second);
                }
                Moments::Device(moments) => {
                    let device = moments[0].device();
                    **moments = [new_first, new_second].map(|values| {
                        let count = values.len();
                        constant(values, [count], &device)
                    });
                }
            }
        }
        self.steps = steps;
        Ok(())
    }
}

/// The joint Euclidean norm of all gradients: summed where they are, and read once from a device.
fn joint_norm(model: &Decoder, grads: &GradientsParams, path: Path) -> f64 {
    struct Squares<'a> {
        grads: &'a GradientsParams,
        path: Path,
        host: f64,
        device: Option<Tensor<1>>,
    }
    impl ModuleVisitor for Squares<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let Some(grad) = self.grads.get::<D>(param.id) else { return };
            match self.path {
                Path::Fused => self.host += with_values(grad, squares),
                Path::Plain => {
                    let sum = grad.square().sum();
                    self.device = Some(match self.device.take() {
                        Some(before) => before + sum,
                        None => sum,
                    });
                }
            }
        }
    }
    let mut squares = Squares { grads, path, host: 0.0, device: None };
    model.visit(&mut squares);
    let device = squares.device.map_or(0.0, |sum| f64::from(sum.into_scalar::<f32>()));
    (squares.host + device).sqrt()
}

fn with_values<const D: usize, T>(tensor: Tensor<D>, work: impl FnOnce(&[f32]) -> T) -> T {
    let data = tensor.into_data();
    work(data.as_slice::<f32>().expect("gradients are kept in f32"))
}

struct Apply<'a> {
    grads: GradientsParams,
    updates: std::vec::IntoIter<(Update, &'a mut Moments)>,
}

impl ModuleMapper for Apply<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some((update, moments)) = self.updates.next() else { return param };
        let grad = self.grads.remove::<D>(param.id);
        param.map(|tensor| {
            let (device, shape) = (tensor.device(), tensor.dims());
            let count = shape.iter().product();
            match moments {
                Moments::Host { first, second } => {
                    let values = tensor.inner().into_data().try_into_vec();
                    let mut values: Vec<f32> = values.expect("parameters are kept in f32");
                    match grad {
                        Some(grad) => {
                            with_values(grad, |g| adamw(&mut values, g, first, second, &update));
                        }
                        // An expert that no token chose: its moments and weights still decay.
                        None => {
                            adamw(&mut values, &vec![0.0; count], first, second, &update);
                        }
                    }
                    let data = TensorData::new(values, shape);
                    Tensor::from_data(data, &device).require_grad()
                }
                Moments::Device(moments) => {
                    let [first, second] = moments.as_mut();
                    let weights = tensor.inner().reshape([count]);
                    let grad = grad.map_or_else(
                        || Tensor::zeros([count], &weights.device()),
                        |grad| grad.reshape([count]),
                    );
                    let grad = grad * update.grad_scale;
                    *first = first.clone() * update.beta1 + grad.clone() * (1.0 - update.beta1);
                    *second = second.clone() * update.beta2 + grad.square() * (1.0 - update.beta2);
                    let root = (second.clone() * update.correction2).sqrt() + update.epsilon;
                    let quotient = first.clone() * update.correction1 / root;
                    let moved = weights.clone() - weights * update.decay - quotient * update.lr;
                    let moved: Tensor<D> = moved.reshape(shape);
                    Tensor::from_inner(moved).require_grad()
                }
            }
        })
    }
}

#[cfg(test)]
mod tests;
