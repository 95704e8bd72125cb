//! Softmax, its cross-entropy and the gradient in one pass over the logits.

use pulp::{Arch, Simd, WithSimd};

use super::simd::{LANES, exp, in_blocks, largest};

/// Rows of one block of work.
const BLOCK: usize = 32;

/// Mean -ln p(target), nats, and its gradient with respect to the logits.
///
/// - `logits`: rows x vocabulary, `targets`: rows.
pub(super) fn forward(logits: &[f32], targets: &[i32], vocab: usize) -> (f32, Vec<f32>) {
    let mut gradient = vec![0.0; logits.len()];
    let share = 1.0 / targets.len() as f32;
    let parts = in_blocks(&mut gradient, BLOCK * vocab, |block, gradient| {
        let logits = &logits[block * BLOCK * vocab..][..gradient.len()];
        let targets = &targets[block * BLOCK..];
        Arch::new().dispatch(Forward { logits, targets, vocab, share, gradient })
    });
    let total: f64 = parts.iter().sum();
    ((total / targets.len() as f64) as f32, gradient)
}

struct Forward<'a> {
    logits: &'a [f32],
    targets: &'a [i32],
    vocab: usize,
    share: f32,
    gradient: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let mut total = 0.0;
        let rows = self.logits.chunks_exact(self.vocab).zip(self.targets);
        for ((logits, target), gradient) in rows.zip(self.gradient.chunks_exact_mut(self.vocab)) {
            let highest = largest(logits);
            let norm = exponentials::<S>(logits, highest, gradient);
            let factor = self.share / norm;
            for g in gradient.iter_mut() {
                *g *= factor;
            }
            let target = *target as usize;
            gradient[target] -= self.share;
            total += f64::from(highest - logits[target]) + f64::from(norm).ln();
        }
        total
    }
}

/// e^(x - highest) into `out`; returns their sum.
#[inline(always)]
pub(super) fn exponentials<S: Simd>(x: &[f32], highest: f32, out: &mut [f32]) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let (from, from_rest) = x.as_chunks::<LANES>();
    let (to, to_rest) = out.as_chunks_mut::<LANES>();
    for (from, to) in from.iter().zip(to) {
        for ((x, y), total) in from.iter().zip(to).zip(&mut lanes) {
            *y = exp::<S>(x - highest);
            *total += *y;
        }
    }
    let mut total: f32 = lanes.iter().sum();
    for (x, y) in from_rest.iter().zip(to_rest) {
        *y = exp::<S>(x - highest);
        total += *y;
    }
    total
}
