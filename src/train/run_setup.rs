//! What a forward pass needs besides parameters: constants of the shape and context, and how the hot
//! operations are computed.

use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor};

use super::kernels::{self, Activation, Heads};
use super::plain::Plain;
use super::tensors::{RMS_EPSILON, product};
use crate::flops::Shape;
use crate::sweep::{BASE_HEAD, BASE_LAYERS, Precision, TrainConfig, WidthTransfer};

const ROPE_BASE: f64 = 10_000.0;

/// Factor of the scores of attention: 1 / √k, under μP √32 / k.
fn score_scale(transfer: WidthTransfer, head_dim: f64) -> f64 {
    if transfer.is_mup() { BASE_HEAD.sqrt() / head_dim } else { 1.0 / head_dim.sqrt() }
}

/// How the hot operations are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// By hand-written CPU kernels, gradients included.
    Fused,
    /// By burn's own operations: the reference, used on every other device.
    Plain,
}

/// Constants of a forward pass.
#[derive(Clone, Debug)]
pub struct RunSetup {
    /// Factor of the embeddings as they enter the residual stream.
    pub(super) embedding_scale: f64,
    /// Factor of the logits.
    pub(super) logit_scale: f64,
    /// Factor with which a part of a block enters the residual stream.
    pub(super) residual_scale: f64,
    precision: Precision,
    heads: Heads,
    /// Tensors of the plain path; `None` on the fused one.
    plain: Option<Plain>,
    ones: Tensor<1>,
}

impl RunSetup {
    /// Constants for sequences of exactly `config.context` tokens.
    ///
    /// Widths transfer by [`WidthTransfer`]: with `mup` the embeddings enter with a factor of 8 = √64
    /// whatever the width, logits shrink by 64 / d_model, and scores of attention by 1 / head_dim in place
    /// of its root, equal at heads of 32 (Yang et al. 2022, arXiv:2203.03466, table 8 and definition 4.1,
    /// base width 64). With `completep` parts of blocks enter the residual stream with 2 / layers besides
    /// (Dey et al. 2025, arXiv:2505.01618, table 1).
    #[must_use]
    pub fn new(
        shape: &Shape,
        config: &TrainConfig,
        path: Path,
        precision: Precision,
        device: &Device,
    ) -> Self {
        let (head_dim, context) = (shape.head_dim as usize, config.context as usize);
        let half = head_dim / 2;
        let table = |f: fn(f64) -> f64| -> Arc<[f32]> {
            let angle = |at: usize| {
                let (position, pair) = (at / half, at % half);
                position as f64 * ROPE_BASE.powf(-(pair as f64) / half as f64)
            };
            (0..context * half).map(|at| f(angle(at)) as f32).collect()
        };
        let heads = Heads {
            heads: shape.heads as usize,
            kv_heads: shape.kv_heads as usize,
            head_dim,
            context,
            window: shape.window.map_or(context, |w| w as usize),
            scale: score_scale(config.width_transfer, f64::from(shape.head_dim)) as f32,
            norm_epsilon: shape.qk_norm.then_some(RMS_EPSILON as f32),
            cos: table(f64::cos),
            sin: table(f64::sin),
        };
        let d = f64::from(shape.d_model);
        let (embedding_scale, logit_scale) = match config.width_transfer {
            WidthTransfer::Rule => (d.sqrt(), 1.0),
            WidthTransfer::Mup | WidthTransfer::CompleteP => (8.0, 64.0 / d),
        };
        let residual_scale = match config.width_transfer {
            WidthTransfer::Rule | WidthTransfer::Mup => 1.0,
            WidthTransfer::CompleteP => BASE_LAYERS / f64::from(shape.layers),
        };
        let plain = (path == Path::Plain).then(|| Plain::new(&heads, device));
        let ones = Tensor::ones([head_dim], device);
        Self { embedding_scale, logit_scale, residual_scale, precision, heads, plain, ones }
    }

    /// The same without recording, for evaluation.
    #[must_use]
    pub fn without_autodiff(&self) -> Self {
        Self {
            plain: self.plain.as_ref().map(Plain::without_autodiff),
            ones: self.ones.clone().inner(),
            heads: self.heads.clone(),
            ..*self
        }
    }

    /// What a part of a block adds to the residual stream.
    pub(super) fn added(&self, x: Tensor<2>, part: Tensor<2>) -> Tensor<2> {
        if self.residual_scale == 1.0 { x + part } else { x + part * self.residual_scale }
    }

    /// Gains of a head that is not normed.
    pub(super) fn unit_gain(&self) -> Tensor<1> {
        self.ones.clone()
    }

    pub(super) fn norm(&self, x: Tensor<2>, gain: Tensor<1>) -> Tensor<2> {
        match &self.plain {
            None => kernels::norm(x, gain, RMS_EPSILON as f32),
            Some(_) => Plain::norm(x, gain),
        }
    }

    pub(super) fn activation(&self, x: Tensor<2>, kind: Activation) -> Tensor<2> {
        match &self.plain {
            None => kernels::activation(x, kind),
            Some(_) => Plain::activation(x, kind),
        }
    }

    pub(super) fn entropy(&self, logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
        match &self.plain {
            None => kernels::entropy(logits, targets),
            Some(_) => Plain::entropy(logits, targets),
        }
    }

    /// Attention over rows [queries | keys | values].
    pub(super) fn attention(&self, qkv: Tensor<2>, gains: [Tensor<1>; 2]) -> Tensor<2> {
        match &self.plain {
            None => kernels::attention(qkv, gains, &self.heads),
            Some(plain) => plain.attention(qkv, gains, &self.heads, self.precision),
        }
    }

    pub(super) fn product(&self, x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
        product(x, weight, self.precision)
    }
}
