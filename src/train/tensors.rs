//! What the fused and the plain way of computing share.

use burn::tensor::{Device, FloatDType, Tensor, TensorData};

use crate::sweep::Precision;

/// Added to the mean square in RMSNorm.
pub(super) const RMS_EPSILON: f64 = 1e-6;

/// x w, its factors rounded where the precision says so.
pub(super) fn product<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<D>,
    precision: Precision,
) -> Tensor<D> {
    match precision {
        Precision::F32 => x.matmul(weight),
        Precision::Bf16 => {
            let (x, weight) = (x.cast(FloatDType::BF16), weight.cast(FloatDType::BF16));
            x.matmul(weight).cast(FloatDType::F32)
        }
    }
}

/// Values as a tensor of any shape.
pub(super) fn constant<const D: usize>(
    values: Vec<f32>,
    shape: [usize; D],
    device: &Device,
) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), device)
}
