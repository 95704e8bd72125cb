//! What a feed-forward part does between its matrices, in one pass each way.

use pulp::{Arch, Simd, WithSimd};

use super::simd::{exp, fma, in_blocks, sigmoid};

/// The two kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::train) enum Activation {
    /// silu(gate) · up of rows [gate | up].
    Swiglu,
    /// x Φ(x), Φ the normal distribution function.
    Gelu,
}

impl Activation {
    /// Columns that make one.
    pub(super) fn columns(self) -> usize {
        match self {
            Self::Swiglu => 2,
            Self::Gelu => 1,
        }
    }
}

/// Rows of one block of work.
const BLOCK: usize = 64;

/// - `x`: rows x columns · width; returns rows x width.
pub(super) fn forward(kind: Activation, x: &[f32], width: usize) -> Vec<f32> {
    let columns = kind.columns();
    let mut y = vec![0.0; x.len() / columns];
    in_blocks(&mut y, BLOCK * width, |block, y| {
        let x = &x[columns * block * BLOCK * width..][..columns * y.len()];
        Arch::new().dispatch(Forward { kind, x, width, y });
    });
    y
}

struct Forward<'a> {
    kind: Activation,
    x: &'a [f32],
    width: usize,
    y: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.width;
        match self.kind {
            Activation::Swiglu => {
                for (x, y) in self.x.chunks_exact(2 * width).zip(self.y.chunks_exact_mut(width)) {
                    let (gate, up) = x.split_at(width);
                    for ((y, gate), up) in y.iter_mut().zip(gate).zip(up) {
                        *y = gate * sigmoid::<S>(*gate) * up;
                    }
                }
            }
            Activation::Gelu => {
                for (y, x) in self.y.iter_mut().zip(self.x) {
                    *y = x * normal::<S>(*x).0;
                }
            }
        }
    }
}

/// The normal distribution function, to 1e-7, and its density: Abramowitz and Stegun 7.1.26.
#[inline(always)]
fn normal<S: Simd>(x: f32) -> (f32, f32) {
    const ROOT_HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;
    let z = x.abs() * ROOT_HALF;
    let t = 1.0 / fma::<S>(0.327_591_1, z, 1.0);
    let mut p = 1.061_405_4;
    for c in [-1.453_152_1, 1.421_413_8, -0.284_496_72, 0.254_829_6] {
        p = fma::<S>(p, t, c);
    }
    let bell = exp::<S>(-z * z);
    let tail = 0.5 * p * t * bell;
    let below = if x < 0.0 { tail } else { 1.0 - tail };
    (below, bell * 0.398_942_3)
}

/// Gradient of x.
pub(super) fn backward(kind: Activation, x: &[f32], width: usize, dy: &[f32]) -> Vec<f32> {
    let columns = kind.columns();
    let mut dx = vec![0.0; x.len()];
    in_blocks(&mut dx, columns * BLOCK * width, |block, dx| {
        let x = &x[columns * block * BLOCK * width..][..dx.len()];
        let dy = &dy[block * BLOCK * width..][..dx.len() / columns];
        Arch::new().dispatch(Back { kind, x, width, dy, dx });
    });
    dx
}

struct Back<'a> {
    kind: Activation,
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
        match self.kind {
            Activation::Swiglu => {
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
            Activation::Gelu => {
                for ((dx, x), dy) in self.dx.iter_mut().zip(self.x).zip(self.dy) {
                    let (below, density) = normal::<S>(*x);
                    *dx = dy * (below + x * density);
                }
            }
        }
    }
}
