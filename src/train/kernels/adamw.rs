//! One AdamW step in one pass.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::simd::sum;

/// Elements of one block of work.
const BLOCK: usize = 1 << 16;

/// What one step of one tensor needs besides the tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::train) struct Update {
    /// Learning rate.
    pub(in crate::train) lr: f32,
    /// Decoupled decay, times the learning rate.
    pub(in crate::train) decay: f32,
    /// Decay of the first moment.
    pub(in crate::train) beta1: f32,
    /// Decay of the second moment.
    pub(in crate::train) beta2: f32,
    /// Keeps the quotient finite.
    pub(in crate::train) epsilon: f32,
    /// 1 / (1 - beta1^t).
    pub(in crate::train) correction1: f32,
    /// 1 / (1 - beta2^t).
    pub(in crate::train) correction2: f32,
    /// Factor of the gradient, from clipping and accumulation.
    pub(in crate::train) grad_scale: f32,
}

/// m = β1 m + (1 - β1) g, v = β2 v + (1 - β2) g², w -= λ w + η m̂ / (sqrt(v̂) + ε).
///
/// Source: Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2 (decay times the rate).
pub(super) fn step(w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32], update: &Update) {
    if rayon::current_num_threads() == 1 {
        return Arch::new().dispatch(Step { w, g, m, v, update: *update });
    }
    let weights = w.par_chunks_mut(BLOCK).zip(g.par_chunks(BLOCK));
    let moments = m.par_chunks_mut(BLOCK).zip(v.par_chunks_mut(BLOCK));
    weights.zip(moments).for_each(|((w, g), (m, v))| {
        Arch::new().dispatch(Step { w, g, m, v, update: *update });
    });
}

struct Step<'a> {
    w: &'a mut [f32],
    g: &'a [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
    update: Update,
}

impl WithSimd for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let u = self.update;
        let (keep1, keep2) = (1.0 - u.beta1, 1.0 - u.beta2);
        for (((w, g), m), v) in self.w.iter_mut().zip(self.g).zip(self.m).zip(self.v) {
            let g = g * u.grad_scale;
            *m = u.beta1 * *m + keep1 * g;
            *v = u.beta2 * *v + keep2 * g * g;
            let quotient = *m * u.correction1 / ((*v * u.correction2).sqrt() + u.epsilon);
            *w -= u.decay * *w + u.lr * quotient;
        }
    }
}

/// Σ g², in blocks whose order does not depend on the number of threads.
pub(super) fn squares(g: &[f32]) -> f64 {
    struct Squares<'a>(&'a [f32]);
    impl WithSimd for Squares<'_> {
        type Output = f32;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> f32 {
            sum(self.0.len(), |i| self.0[i] * self.0[i])
        }
    }
    let part = |block: &[f32]| f64::from(Arch::new().dispatch(Squares(block)));
    // Blocks of 4096 keep the rounding of each sum in f32 small.
    if rayon::current_num_threads() == 1 {
        return g.chunks(4096).map(part).sum();
    }
    let parts: Vec<f64> = g.par_chunks(4096).map(part).collect();
    parts.iter().sum()
}
