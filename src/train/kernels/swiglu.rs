//! silu(gate) · up in one pass each way.

use pulp::{Arch, Simd, WithSimd};

use super::simd::{in_blocks, sigmoid};

/// Rows of one block of work.
const BLOCK: usize = 64;

/// - `x`: rows x 2 width, the gate before the other half; returns rows x width.
pub(super) fn forward(x: &[f32], width: usize) -> Vec<f32> {
    let mut y = vec![0.0; x.len() / 2];
    in_blocks(&mut y, BLOCK * width, |block, y| {
        let x = &x[2 * block * BLOCK * width..][..2 * y.len()];
        Arch::new().dispatch(Forward { x, width, y });
    });
    y
}

struct Forward<'a> {
    x: &'a [f32],
    width: usize,
    y: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.width;
        for (x, y) in self.x.chunks_exact(2 * width).zip(self.y.chunks_exact_mut(width)) {
            let (gate, up) = x.split_at(width);
            for ((y, gate), up) in y.iter_mut().zip(gate).zip(up) {
                *y = gate * sigmoid::<S>(*gate) * up;
            }
        }
    }
}

/// Gradient of x.
pub(super) fn backward(x: &[f32], width: usize, dy: &[f32]) -> Vec<f32> {
    let mut dx = vec![0.0; x.len()];
    in_blocks(&mut dx, 2 * BLOCK * width, |block, dx| {
        let x = &x[2 * block * BLOCK * width..][..dx.len()];
        let dy = &dy[block * BLOCK * width..][..dx.len() / 2];
        Arch::new().dispatch(Back { x, width, dy, dx });
    });
    dx
}

struct Back<'a> {
    x: &'a [f32],
    width: usize,
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl WithSimd for Back<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.width;
        let rows = self.x.chunks_exact(2 * width).zip(self.dx.chunks_exact_mut(2 * width));
        for ((x, dx), dy) in rows.zip(self.dy.chunks_exact(width)) {
            let (gate, up) = x.split_at(width);
            let (d_gate, d_up) = dx.split_at_mut(width);
            let all = gate.iter().zip(up).zip(dy).zip(d_gate.iter_mut().zip(d_up));
            for (((gate, up), dy), (d_gate, d_up)) in all {
                let s = sigmoid::<S>(*gate);
                let silu = gate * s;
                *d_up = dy * silu;
                *d_gate = dy * up * (s + silu * (1.0 - s));
            }
        }
    }
}
