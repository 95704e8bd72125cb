//! The parts a decoder is built of: weights drawn from the seed, and the feed-forward part.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;

use super::kernels::Activation;
use super::run_setup::RunSetup;
use crate::flops::Shape;
use crate::sweep::{Stream, stream};

/// Uniform weights of a given standard deviation: generated here, so that a seed gives the same
/// numbers on every device and with any number of trainers in one process.
pub(super) struct Init<'a> {
    rng: Stream,
    device: &'a Device,
    /// Factor of the spread of matrices that write into the residual stream.
    pub(super) residual: f64,
}

impl<'a> Init<'a> {
    /// Draws from the first stream of `seed`, for a stream that `layers` layers write into.
    pub(super) fn new(seed: u64, layers: f64, device: &'a Device) -> Self {
        Self { rng: stream(seed, 0), device, residual: 1.0 / (2.0 * layers).sqrt() }
    }

    pub(super) fn matrix(&mut self, rows: usize, columns: usize, std: f64) -> Param<Tensor<2>> {
        let half_width = (3.0_f64.sqrt() * std) as f32;
        let values: Vec<f32> =
            (0..rows * columns).map(|_| self.rng.random_range(-half_width..half_width)).collect();
        let data = TensorData::new(values, [rows, columns]);
        Param::from_tensor(Tensor::from_data(data, self.device))
    }

    pub(super) fn gain(&self, width: usize) -> Param<Tensor<1>> {
        Param::from_tensor(Tensor::ones([width], self.device))
    }
}

/// 1 / sqrt(fan-in).
pub(super) fn fan(width: usize) -> f64 {
    1.0 / (width as f64).sqrt()
}

/// The feed-forward part of a layer, or one expert of it.
#[derive(Module, Debug)]
pub(super) struct FeedForward {
    /// [d_model, inner width], the gate's columns first where there is one.
    up: Param<Tensor<2>>,
    down: Param<Tensor<2>>,
}

impl FeedForward {
    /// Inner width `ffn`, gated when the shape is.
    pub(super) fn new(shape: &Shape, ffn: usize, init: &mut Init) -> Self {
        let d = shape.d_model as usize;
        let residual = init.residual;
        let columns = (shape.ffn_matrices as usize - 1) * ffn;
        let up = init.matrix(d, columns, fan(d));
        Self { up, down: init.matrix(ffn, d, fan(ffn) * residual) }
    }

    pub(super) fn forward(&self, h: Tensor<2>, setup: &RunSetup) -> Tensor<2> {
        let down = self.down.val();
        let [inner, _] = down.dims();
        let up = setup.product(h, self.up.val());
        let [_, columns] = up.dims();
        let kind = if columns == inner { Activation::Gelu } else { Activation::Swiglu };
        setup.product(setup.activation(up, kind), down)
    }
}
