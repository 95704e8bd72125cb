//! The hot operations in burn's own terms: the reference for [`super::kernels`], used on devices that
//! have no kernels here.

use burn::tensor::activation::{log_softmax, sigmoid, softmax};
use burn::tensor::{Device, Int, Tensor};

use super::kernels::{Activation, Heads};
use super::tensors::{RMS_EPSILON, constant, product};
use crate::sweep::Precision;

/// Rotary tables and the mask, as tensors.
#[derive(Clone, Debug)]
pub(super) struct Plain {
    /// [1, context, 1, head_dim].
    cos: Tensor<4>,
    sin: Tensor<4>,
    /// [head_dim, head_dim]: (x1, x2) -> (-x2, x1), as a product, which is cheaper to run backward
    /// than slices and a concatenation.
    turn: Tensor<2>,
    /// [1, 1, context, context]: zero where a query sees a key, far below zero elsewhere.
    mask: Tensor<4>,
}

impl Plain {
    pub(super) fn new(heads: &Heads, device: &Device) -> Self {
        let (context, head_dim) = (heads.context, heads.head_dim);
        let half = head_dim / 2;
        let twice = |table: &[f32]| {
            let rows = table.chunks_exact(half);
            let values = rows.flat_map(|row| row.iter().chain(row)).copied().collect();
            constant(values, [1, context, 1, head_dim], device)
        };
        let mut turn = vec![0.0_f32; head_dim * head_dim];
        for pair in 0..half {
            turn[(pair + half) * head_dim + pair] = -1.0;
            turn[pair * head_dim + pair + half] = 1.0;
        }
        let mask = (0..context * context)
            .map(|at| {
                let (query, key) = (at / context, at % context);
                let seen = key <= query && key + heads.window > query;
                if seen { 0.0 } else { -1e9 }
            })
            .collect();
        Self {
            cos: twice(&heads.cos),
            sin: twice(&heads.sin),
            turn: constant(turn, [head_dim, head_dim], device),
            mask: constant(mask, [1, 1, context, context], device),
        }
    }

    pub(super) fn without_autodiff(&self) -> Self {
        Self {
            cos: self.cos.clone().inner(),
            sin: self.sin.clone().inner(),
            turn: self.turn.clone().inner(),
            mask: self.mask.clone().inner(),
        }
    }

    pub(super) fn norm<const D: usize>(x: Tensor<D>, gain: Tensor<1>) -> Tensor<D> {
        let scale = (x.clone().square().mean_dim(D - 1) + RMS_EPSILON).sqrt().recip();
        x * scale * gain.unsqueeze()
    }

    pub(super) fn activation(x: Tensor<2>, kind: Activation) -> Tensor<2> {
        if kind == Activation::Gelu {
            // burn's own `gelu` runs the gradient of its tanh approximation backward on GPUs, 4e-4 off.
            let below = (x.clone() * std::f64::consts::FRAC_1_SQRT_2).erf() + 1.0;
            return x * below * 0.5;
        }
        let [_, columns] = x.dims();
        let gate = x.clone().narrow(1, 0, columns / 2);
        let up = x.narrow(1, columns / 2, columns / 2);
        sigmoid(gate.clone()) * gate * up
    }

    pub(super) fn entropy(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
        let [rows] = targets.dims();
        -log_softmax(logits, 1).gather(1, targets.reshape([rows, 1])).mean()
    }

    pub(super) fn attention(
        &self,
        qkv: Tensor<2>,
        [query_gain, key_gain]: [Tensor<1>; 2],
        heads: &Heads,
        precision: Precision,
    ) -> Tensor<2> {
        let [rows, _] = qkv.dims();
        let (context, head_dim) = (heads.context, heads.head_dim);
        let batch = rows / context;
        let part = |first: usize, count: usize| {
            qkv.clone()
                .narrow(1, first * head_dim, count * head_dim)
                .reshape([batch, context, count, head_dim])
        };
        let normed = |x: Tensor<4>, gain: Tensor<1>| match heads.norm_epsilon {
            Some(_) => Self::norm(x, gain),
            None => x,
        };
        let query = self.rotate(normed(part(0, heads.heads), query_gain)) * f64::from(heads.scale);
        let key = self.rotate(normed(part(heads.heads, heads.kv_heads), key_gain));
        let value = part(heads.heads + heads.kv_heads, heads.kv_heads);
        let (key, value) = (shared(key, heads), shared(value, heads));
        let key = key.swap_dims(1, 2).swap_dims(2, 3);
        let scores = product(query.swap_dims(1, 2), key, precision);
        let weights = softmax(scores + self.mask.clone(), 3);
        let mixed = product(weights, value.swap_dims(1, 2), precision).swap_dims(1, 2);
        mixed.reshape([rows, heads.heads * head_dim])
    }

    /// Turns pairs of each head by their position: [batch, context, heads, head_dim].
    fn rotate(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, context, heads, head_dim] = x.dims();
        let turned = x
            .clone()
            .reshape([batch * context * heads, head_dim])
            .matmul(self.turn.clone())
            .reshape([batch, context, heads, head_dim]);
        x * self.cos.clone() + turned * self.sin.clone()
    }
}

/// Repeats key/value heads for the query heads that share them.
fn shared(x: Tensor<4>, heads: &Heads) -> Tensor<4> {
    let copies = heads.heads / heads.kv_heads;
    if copies == 1 {
        return x;
    }
    let [batch, context, kv_heads, head_dim] = x.dims();
    let x = x.reshape([batch, context, kv_heads, 1, head_dim]).repeat_dim(3, copies);
    x.reshape([batch, context, heads.heads, head_dim])
}
