//! The kernels as operations of burn: their gradients, and how burn reaches them.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Int, Tensor, TensorData};

use super::activation::{self, Activation};
use super::adamw::{self, Update};
use super::attention::{self, Heads};

type FlexTensor = FloatTensor<Flex>;

/// The operations as burn dispatches them.
#[backend_extension(Flex, Autodiff)]
pub(in crate::train) trait FusedOps: Backend {
    /// RMSNorm of rows.
    fn fused_norm(x: FloatTensor<Self>, gain: FloatTensor<Self>, epsilon: f32)
    -> FloatTensor<Self>;
    /// SwiGLU or GELU of rows.
    fn fused_activation(x: FloatTensor<Self>, kind: Activation) -> FloatTensor<Self>;
    /// Causal attention of rows of queries, keys and values.
    fn fused_attention(
        qkv: FloatTensor<Self>,
        query_gain: FloatTensor<Self>,
        key_gain: FloatTensor<Self>,
        heads: Heads,
    ) -> FloatTensor<Self>;
    /// Mean cross-entropy of logits against targets.
    fn fused_entropy(logits: FloatTensor<Self>, targets: IntTensor<Self>) -> FloatTensor<Self>;
}

/// The kernels behind [`FusedOps`], forward with what backward needs, and backward.
pub(in crate::train) trait Kernels: Backend {
    fn norm(
        x: &FloatTensor<Self>,
        gain: &FloatTensor<Self>,
        epsilon: f32,
    ) -> [FloatTensor<Self>; 2];
    fn norm_back(saved: &[FloatTensor<Self>; 3], dy: FloatTensor<Self>) -> [FloatTensor<Self>; 2];
    fn activate(x: &FloatTensor<Self>, kind: Activation) -> FloatTensor<Self>;
    fn activate_back(
        x: &FloatTensor<Self>,
        kind: Activation,
        dy: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    fn attend(inputs: &[FloatTensor<Self>; 3], heads: &Heads) -> [FloatTensor<Self>; 2];
    fn attend_back(
        inputs: &[FloatTensor<Self>; 3],
        heads: &Heads,
        mixed: &[FloatTensor<Self>; 2],
        dy: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 3];
    fn entropy(logits: &FloatTensor<Self>, targets: &IntTensor<Self>) -> [FloatTensor<Self>; 2];
}

/// The values of a tensor, whatever its strides.
fn with_values<T>(x: &FlexTensor, work: impl FnOnce(&[f32]) -> T) -> T {
    if x.is_contiguous() {
        let from = x.layout().start_offset();
        return work(&x.storage::<f32>()[from..from + x.shape().num_elements()]);
    }
    let x = x.to_contiguous();
    let from = x.layout().start_offset();
    work(&x.storage::<f32>()[from..from + x.shape().num_elements()])
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

fn matrix_of(x: &FlexTensor) -> [usize; 2] {
    x.shape().dims()
}

impl Kernels for Flex {
    fn norm(x: &FlexTensor, gain: &FlexTensor, epsilon: f32) -> [FlexTensor; 2] {
        let [rows, width] = matrix_of(x);
        let (y, scales) =
            with_values(x, |x| with_values(gain, |g| super::norm::forward(x, g, epsilon)));
        [tensor(y, [rows, width]), tensor(scales, [rows])]
    }

    fn norm_back([x, gain, scales]: &[FlexTensor; 3], dy: FlexTensor) -> [FlexTensor; 2] {
        let [rows, width] = matrix_of(x);
        let (dx, d_gain) = with_values(x, |x| {
            with_values(gain, |gain| {
                with_values(scales, |scales| {
                    with_values(&dy, |dy| super::norm::backward(x, gain, scales, dy))
                })
            })
        });
        [tensor(dx, [rows, width]), tensor(d_gain, [width])]
    }

    fn activate(x: &FlexTensor, kind: Activation) -> FlexTensor {
        let [rows, columns] = matrix_of(x);
        let width = columns / kind.columns();
        tensor(with_values(x, |x| activation::forward(kind, x, width)), [rows, width])
    }

    fn activate_back(x: &FlexTensor, kind: Activation, dy: FlexTensor) -> FlexTensor {
        let [rows, columns] = matrix_of(x);
        let width = columns / kind.columns();
        let dx =
            with_values(x, |x| with_values(&dy, |dy| activation::backward(kind, x, width, dy)));
        tensor(dx, [rows, columns])
    }

    fn attend([qkv, query, key]: &[FlexTensor; 3], heads: &Heads) -> [FlexTensor; 2] {
        let [rows, _] = matrix_of(qkv);
        let mixed = with_values(qkv, |qkv| {
            with_values(query, |query| {
                with_values(key, |key| attention::forward(qkv, [query, key], heads))
            })
        });
        let log_sums = [rows * heads.heads];
        [tensor(mixed.out, [rows, heads.heads * heads.head_dim]), tensor(mixed.log_sums, log_sums)]
    }

    fn attend_back(
        [qkv, query, key]: &[FlexTensor; 3],
        heads: &Heads,
        [out, log_sums]: &[FlexTensor; 2],
        dy: FlexTensor,
    ) -> [FlexTensor; 3] {
        let shape = matrix_of(qkv);
        let mixed = attention::Mixed {
            out: with_values(out, <[f32]>::to_vec),
            log_sums: with_values(log_sums, <[f32]>::to_vec),
        };
        let (d_qkv, [d_query, d_key]) = with_values(qkv, |qkv| {
            with_values(query, |query| {
                with_values(key, |key| {
                    with_values(&dy, |dy| attention::backward(qkv, [query, key], heads, &mixed, dy))
                })
            })
        });
        let width = [heads.head_dim];
        [tensor(d_qkv, shape), tensor(d_query, width), tensor(d_key, width)]
    }

    fn entropy(logits: &FlexTensor, targets: &IntTensor<Flex>) -> [FlexTensor; 2] {
        let [rows, vocab] = matrix_of(logits);
        let targets = targets.to_contiguous();
        let from = targets.layout().start_offset();
        let targets = &targets.storage::<i32>()[from..from + rows];
        let (loss, gradient) =
            with_values(logits, |logits| super::entropy::forward(logits, targets, vocab));
        [tensor(vec![loss], [1]), tensor(gradient, [rows, vocab])]
    }
}

impl FusedOps for Flex {
    fn fused_norm(x: FlexTensor, gain: FlexTensor, epsilon: f32) -> FlexTensor {
        let [y, _] = Self::norm(&x, &gain, epsilon);
        y
    }

    fn fused_activation(x: FlexTensor, kind: Activation) -> FlexTensor {
        Self::activate(&x, kind)
    }

    fn fused_attention(
        qkv: FlexTensor,
        query_gain: FlexTensor,
        key_gain: FlexTensor,
        heads: Heads,
    ) -> FlexTensor {
        let [out, _] = Self::attend(&[qkv, query_gain, key_gain], &heads);
        out
    }

    fn fused_entropy(logits: FlexTensor, targets: IntTensor<Self>) -> FlexTensor {
        let [loss, _] = Self::entropy(&logits, &targets);
        loss
    }
}

#[derive(Debug)]
struct Norm;

impl<B: Kernels> Backward<B, 2> for Norm {
    type State = [FloatTensor<B>; 3];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let gradients = B::norm_back(&ops.state, dy);
        for (parent, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct Activate;

impl<B: Kernels> Backward<B, 1> for Activate {
    type State = (FloatTensor<B>, Activation);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            let (x, kind) = &ops.state;
            grads.register::<B>(node.id, B::activate_back(x, *kind, dy));
        }
    }
}

#[derive(Debug)]
struct Attention;

impl<B: Kernels> Backward<B, 3> for Attention {
    type State = ([FloatTensor<B>; 3], [FloatTensor<B>; 2], Heads);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let (inputs, mixed, heads) = &ops.state;
        let gradients = B::attend_back(inputs, heads, mixed, dy);
        for (parent, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct Entropy;

impl<B: Kernels> Backward<B, 1> for Entropy {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let scale = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            // One number times the gradient that the forward pass left.
            let scale = B::float_reshape(scale, [1, 1].into());
            grads.register::<B>(node.id, B::float_mul(ops.state, scale));
        }
    }
}

impl<B: Kernels + FusedOps, C: CheckpointStrategy> FusedOps for Autodiff<B, C> {
    fn fused_norm(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        let (x, x_node) = x.into_parts();
        let (gain, gain_node) = gain.into_parts();
        let [y, scales] = B::norm(&x, &gain, epsilon);
        match Norm.prepare::<C>([x_node, gain_node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish([x, gain, scales], y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn fused_activation(x: FloatTensor<Self>, kind: Activation) -> FloatTensor<Self> {
        let (x, node) = x.into_parts();
        let y = B::activate(&x, kind);
        match Activate.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((x, kind), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn fused_attention(
        qkv: FloatTensor<Self>,
        query_gain: FloatTensor<Self>,
        key_gain: FloatTensor<Self>,
        heads: Heads,
    ) -> FloatTensor<Self> {
        let (qkv, qkv_node) = qkv.into_parts();
        let (query, query_node) = query_gain.into_parts();
        let (key, key_node) = key_gain.into_parts();
        let inputs = [qkv, query, key];
        let [out, log_sums] = B::attend(&inputs, &heads);
        let nodes = [qkv_node, query_node, key_node];
        match Attention.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((inputs, [out.clone(), log_sums], heads), out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }

    fn fused_entropy(logits: FloatTensor<Self>, targets: IntTensor<Self>) -> FloatTensor<Self> {
        let (logits, node) = logits.into_parts();
        let [loss, gradient] = B::entropy(&logits, &targets);
        match Entropy.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(gradient, loss),
            OpsKind::UnTracked(prep) => prep.finish(loss),
        }
    }
}

/// y = g x / sqrt(mean(x²) + ε) of each row.
pub(in crate::train) fn norm(x: Tensor<2>, gain: Tensor<1>, epsilon: f32) -> Tensor<2> {
    let y = Dispatch::fused_norm(x.into_dispatch(), gain.into_dispatch(), epsilon);
    Tensor::from_dispatch(y)
}

/// SwiGLU of rows [gate | up], or GELU.
pub(in crate::train) fn activation(x: Tensor<2>, kind: Activation) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::fused_activation(x.into_dispatch(), kind))
}

/// Attention over rows [queries | keys | values]; the gains matter where `heads` norms.
pub(in crate::train) fn attention(
    qkv: Tensor<2>,
    gains: [Tensor<1>; 2],
    heads: &Heads,
) -> Tensor<2> {
    let [query, key] = gains;
    let out = Dispatch::fused_attention(
        qkv.into_dispatch(),
        query.into_dispatch(),
        key.into_dispatch(),
        heads.clone(),
    );
    Tensor::from_dispatch(out)
}

/// Mean cross-entropy, nats, as a tensor of one element.
pub(in crate::train) fn entropy(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let loss = Dispatch::fused_entropy(logits.into_dispatch(), targets.into_dispatch());
    Tensor::from_dispatch(loss)
}

/// An AdamW step on plain values.
pub(in crate::train) fn adamw(
    w: &mut [f32],
    g: &[f32],
    m: &mut [f32],
    v: &mut [f32],
    update: &Update,
) {
    adamw::step(w, g, m, v, update);
}

/// Σ g².
pub(in crate::train) fn squares(g: &[f32]) -> f64 {
    adamw::squares(g)
}
