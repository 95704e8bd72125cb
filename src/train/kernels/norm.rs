//! RMSNorm in one pass each way.

use pulp::{Arch, Simd, WithSimd};

use super::simd::{in_blocks, sum};

/// Rows of one block of work.
const BLOCK: usize = 128;

/// y = g x / sqrt(mean(x²) + ε); returns y and the reciprocal roots, one a row.
///
/// - `x`: rows x width, `gain`: width.
pub(super) fn forward(x: &[f32], gain: &[f32], epsilon: f32) -> (Vec<f32>, Vec<f32>) {
    let width = gain.len();
    let mut y = vec![0.0; x.len()];
    let scales = in_blocks(&mut y, BLOCK * width, |block, y| {
        let x = &x[block * BLOCK * width..][..y.len()];
        Arch::new().dispatch(Forward { x, gain, epsilon, y })
    });
    (y, scales.concat())
}

struct Forward<'a> {
    x: &'a [f32],
    gain: &'a [f32],
    epsilon: f32,
    y: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Vec<f32> {
        let width = self.gain.len();
        let rows = self.x.chunks_exact(width).zip(self.y.chunks_exact_mut(width));
        rows.map(|(x, y)| {
            let scale = reciprocal_root(x, self.epsilon);
            for ((y, x), gain) in y.iter_mut().zip(x).zip(self.gain) {
                *y = x * scale * gain;
            }
            scale
        })
        .collect()
    }
}

/// 1 / sqrt(mean(x²) + ε).
#[inline(always)]
pub(super) fn reciprocal_root(x: &[f32], epsilon: f32) -> f32 {
    let mean = sum(x.len(), |i| x[i] * x[i]) / x.len() as f32;
    1.0 / (mean + epsilon).sqrt()
}

/// Gradients of x and the gain.
pub(super) fn backward(
    x: &[f32],
    gain: &[f32],
    scales: &[f32],
    dy: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let width = gain.len();
    let mut dx = vec![0.0; x.len()];
    let parts = in_blocks(&mut dx, BLOCK * width, |block, dx| {
        let from = block * BLOCK * width;
        let (x, dy) = (&x[from..][..dx.len()], &dy[from..][..dx.len()]);
        let scales = &scales[block * BLOCK..];
        Arch::new().dispatch(Back { x, gain, scales, dy, dx })
    });
    let mut d_gain = vec![0.0; width];
    for part in parts {
        d_gain.iter_mut().zip(part).for_each(|(total, x)| *total += x);
    }
    (dx, d_gain)
}

struct Back<'a> {
    x: &'a [f32],
    gain: &'a [f32],
    scales: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl WithSimd for Back<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Vec<f32> {
        let width = self.gain.len();
        let mut d_gain = vec![0.0; width];
        let rows = self.x.chunks_exact(width).zip(self.dy.chunks_exact(width));
        for (((x, dy), dx), scale) in rows.zip(self.dx.chunks_exact_mut(width)).zip(self.scales) {
            one_row(x, self.gain, *scale, dy, dx, &mut d_gain);
        }
        d_gain
    }
}

/// dx = s (g dy - x s² mean(g dy x)); adds dy x s to the gradient of the gain.
#[inline(always)]
pub(super) fn one_row(
    x: &[f32],
    gain: &[f32],
    scale: f32,
    dy: &[f32],
    dx: &mut [f32],
    d_gain: &mut [f32],
) {
    let width = gain.len();
    let (x, dy, dx, d_gain) = (&x[..width], &dy[..width], &mut dx[..width], &mut d_gain[..width]);
    let along = sum(width, |i| gain[i] * dy[i] * x[i]) / width as f32;
    let pull = along * scale * scale;
    for i in 0..width {
        dx[i] = scale * (gain[i] * dy[i] - x[i] * pull);
        d_gain[i] += dy[i] * x[i] * scale;
    }
}
