//! Causal attention with rotary positions, grouped heads, an optional norm of queries and keys and an
//! optional window, without ever holding more than one head's scores.
//!
//! The backward pass computes the weights again from the kept log-sums (Dao et al. 2022,
//! arXiv:2205.14135); blocks of queries meet only the keys they may see.

use std::ops::Range;
use std::sync::Arc;

use pulp::{Arch, Simd, WithSimd};

use super::entropy::exponentials;
use super::norm::{one_row, reciprocal_root};
use super::simd::{PADDING, Rows, Strided, exp, in_blocks, largest, product, sum};

/// Queries whose scores are computed together.
const BLOCK: usize = 24;

/// What attention is over.
#[derive(Clone, Debug)]
pub(in crate::train) struct Heads {
    pub(in crate::train) heads: usize,
    pub(in crate::train) kv_heads: usize,
    pub(in crate::train) head_dim: usize,
    pub(in crate::train) context: usize,
    /// Tokens each position sees, itself among them; at least the context when there is no window.
    pub(in crate::train) window: usize,
    /// Factor of the scores.
    pub(in crate::train) scale: f32,
    /// ε of the norm of queries and keys; `None` without one.
    pub(in crate::train) norm_epsilon: Option<f32>,
    /// [context, head_dim / 2] each.
    pub(in crate::train) cos: Arc<[f32]>,
    pub(in crate::train) sin: Arc<[f32]>,
}

impl Heads {
    /// Floats of one row of queries, keys and values.
    pub(in crate::train) fn row(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head_dim
    }

    fn out_row(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Where a head's queries, or a key/value head's keys and values, are within a row.
    fn query_at(&self, head: usize) -> usize {
        head * self.head_dim
    }

    fn key_at(&self, head: usize) -> usize {
        (self.heads + head) * self.head_dim
    }

    fn value_at(&self, head: usize) -> usize {
        (self.heads + self.kv_heads + head) * self.head_dim
    }

    fn padded_dim(&self) -> usize {
        self.head_dim.next_multiple_of(PADDING)
    }

    fn padded_context(&self) -> usize {
        self.context.next_multiple_of(PADDING)
    }

    /// Keys that the query at `i` sees.
    fn seen(&self, i: usize) -> Range<usize> {
        (i + 1).saturating_sub(self.window)..i + 1
    }
}

/// Result of the forward pass, with what the backward pass needs of it.
pub(super) struct Mixed {
    /// [batch · context, heads · head_dim].
    pub(super) out: Vec<f32>,
    /// Log of the sum of exponentials of the scores, [batch, heads, context].
    pub(super) log_sums: Vec<f32>,
}

/// - `qkv`: [batch · context, (heads + 2 kv_heads) head_dim], `gains`: of queries and keys.
pub(super) fn forward(qkv: &[f32], gains: [&[f32]; 2], heads: &Heads) -> Mixed {
    let rows = qkv.len() / heads.row();
    let mut out = vec![0.0; rows * heads.out_row()];
    let log_sums = in_blocks(&mut out, heads.context * heads.out_row(), |sequence, out| {
        let qkv = &qkv[sequence * heads.context * heads.row()..][..heads.context * heads.row()];
        Arch::new().dispatch(Forward { qkv, gains, heads, out })
    });
    Mixed { out, log_sums: log_sums.concat() }
}

/// One head's matrix in padded rows.
fn rows_of(values: &mut [f32], width: usize) -> Rows<'_> {
    Rows { values, width }
}

/// One head's queries or keys within the rows of a sequence.
#[derive(Clone, Copy)]
struct Vectors<'a> {
    qkv: &'a [f32],
    /// Where they are within a row.
    at: usize,
    /// Gains of their norm.
    gain: &'a [f32],
    /// Factor they are used with.
    scale: f32,
    heads: &'a Heads,
}

impl Vectors<'_> {
    /// Normed, scaled and rotated into padded rows.
    #[inline(always)]
    fn rotated(self, out: &mut [f32]) {
        let Self { qkv, at, gain, scale, heads } = self;
        let (dim, width, half) = (heads.head_dim, heads.padded_dim(), heads.head_dim / 2);
        let mut normed = vec![0.0; dim];
        for (i, out) in out.chunks_exact_mut(width).take(heads.context).enumerate() {
            let x = &qkv[i * heads.row() + at..][..dim];
            let root = heads.norm_epsilon.map(|e| reciprocal_root(x, e));
            for k in 0..dim {
                normed[k] = scale * x[k] * root.map_or(1.0, |s| s * gain[k]);
            }
            let (cos, sin) = (&heads.cos[i * half..][..half], &heads.sin[i * half..][..half]);
            let (left, right) = normed.split_at(half);
            for k in 0..half {
                out[k] = left[k] * cos[k] - right[k] * sin[k];
                out[k + half] = right[k] * cos[k] + left[k] * sin[k];
            }
        }
    }

    /// Undoes [`rotated`](Self::rotated) for a gradient and writes it where the vectors are in `d_qkv`.
    #[inline(always)]
    fn unrotated(self, d: &[f32], d_qkv: &mut [f32], d_gain: &mut [f32]) {
        let Self { qkv, at, gain, scale, heads } = self;
        let (dim, width, half) = (heads.head_dim, heads.padded_dim(), heads.head_dim / 2);
        let mut turned = vec![0.0; dim];
        for (i, d) in d.chunks_exact(width).take(heads.context).enumerate() {
            let (cos, sin) = (&heads.cos[i * half..][..half], &heads.sin[i * half..][..half]);
            for k in 0..half {
                turned[k] = scale * (d[k] * cos[k] + d[k + half] * sin[k]);
                turned[k + half] = scale * (d[k + half] * cos[k] - d[k] * sin[k]);
            }
            let out = &mut d_qkv[i * heads.row() + at..][..dim];
            match heads.norm_epsilon {
                None => out.copy_from_slice(&turned),
                Some(epsilon) => {
                    let x = &qkv[i * heads.row() + at..][..dim];
                    one_row(x, gain, reciprocal_root(x, epsilon), &turned, out, d_gain);
                }
            }
        }
    }
}

/// The queries of a head, and the keys of a key/value head.
#[inline(always)]
fn vectors<'a>(
    qkv: &'a [f32],
    [query_gain, key_gain]: [&'a [f32]; 2],
    heads: &'a Heads,
) -> (impl Fn(usize) -> Vectors<'a>, impl Fn(usize) -> Vectors<'a>) {
    let queries = move |head| Vectors {
        qkv,
        at: heads.query_at(head),
        gain: query_gain,
        scale: heads.scale,
        heads,
    };
    let keys =
        move |head| Vectors { qkv, at: heads.key_at(head), gain: key_gain, scale: 1.0, heads };
    (queries, keys)
}

/// Copies one head's vectors into padded rows.
#[inline(always)]
fn gathered(from: &[f32], row: usize, at: usize, heads: &Heads, out: &mut [f32]) {
    let rows = out.chunks_exact_mut(heads.padded_dim()).take(heads.context);
    for (i, out) in rows.enumerate() {
        out[..heads.head_dim].copy_from_slice(&from[i * row + at..][..heads.head_dim]);
    }
}

/// The transpose of padded rows: head_dim rows of padded_context.
#[inline(always)]
fn transposed(x: &[f32], heads: &Heads, out: &mut [f32]) {
    let (width, length) = (heads.padded_dim(), heads.padded_context());
    for (k, out) in out.chunks_exact_mut(length).take(heads.head_dim).enumerate() {
        for (i, out) in out.iter_mut().take(heads.context).enumerate() {
            *out = x[i * width + k];
        }
    }
}

struct Forward<'a> {
    qkv: &'a [f32],
    gains: [&'a [f32]; 2],
    heads: &'a Heads,
    out: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        let Self { qkv, gains, heads, out } = self;
        let (queries_of, keys_of) = vectors(qkv, gains, heads);
        let (dim, width) = (heads.head_dim, heads.padded_dim());
        let (context, length) = (heads.context, heads.padded_context());
        let mut log_sums = vec![0.0; heads.heads * context];
        let mut query = vec![0.0; length * width];
        let mut key = vec![0.0; length * width];
        let mut key_t = vec![0.0; dim * length];
        let mut value = vec![0.0; length * width];
        let mut weights = vec![0.0; BLOCK * length];
        let mut scores = vec![0.0; BLOCK * length];
        let mut mixed = vec![0.0; BLOCK * width];
        let group = heads.heads / heads.kv_heads;
        for head in 0..heads.heads {
            if head.is_multiple_of(group) {
                let kv = head / group;
                keys_of(kv).rotated(&mut key);
                transposed(&key, heads, &mut key_t);
                gathered(qkv, heads.row(), heads.value_at(kv), heads, &mut value);
            }
            let at = heads.query_at(head);
            queries_of(head).rotated(&mut query);
            for first in (0..context).step_by(BLOCK) {
                let rows = BLOCK.min(context - first);
                let keys = heads.seen(first).start..first + rows;
                let columns = padded(&keys);
                let a = Strided { values: &query[first * width..], row: width, column: 1 };
                let c = &mut rows_of(&mut scores, length);
                product::<S, false>(simd, a, rows, 0..dim, (&key_t, length), columns.clone(), c);
                let mut shares = [0.0; BLOCK];
                for (r, share) in shares.iter_mut().enumerate().take(rows) {
                    let seen = heads.seen(first + r);
                    let scores = &scores[r * length..][seen.clone()];
                    let weights = &mut weights[r * length..][..length];
                    let highest = largest(scores);
                    weights[columns.start..seen.start].fill(0.0);
                    let total = exponentials::<S>(scores, highest, &mut weights[seen.clone()]);
                    weights[seen.end..columns.end].fill(0.0);
                    *share = 1.0 / total;
                    log_sums[head * context + first + r] = highest + total.ln();
                }
                let a = Strided { values: &weights, row: length, column: 1 };
                let c = &mut rows_of(&mut mixed, width);
                product::<S, false>(simd, a, rows, keys, (&value, width), 0..width, c);
                for r in 0..rows {
                    let to = (first + r) * heads.out_row() + at;
                    for (out, x) in out[to..to + dim].iter_mut().zip(&mixed[r * width..]) {
                        *out = x * shares[r];
                    }
                }
            }
        }
        log_sums
    }
}

/// The columns around a range of keys whose ends are multiples of [`PADDING`].
#[inline(always)]
fn padded(keys: &Range<usize>) -> Range<usize> {
    keys.start / PADDING * PADDING..keys.end.next_multiple_of(PADDING)
}

/// Gradients of queries, keys and values, and of the two gains.
pub(super) fn backward(
    qkv: &[f32],
    gains: [&[f32]; 2],
    heads: &Heads,
    mixed: &Mixed,
    d_out: &[f32],
) -> (Vec<f32>, [Vec<f32>; 2]) {
    let mut d_qkv = vec![0.0; qkv.len()];
    let (row, out_row, context) = (heads.row(), heads.out_row(), heads.context);
    let parts = in_blocks(&mut d_qkv, context * row, |sequence, d_qkv| {
        let out = sequence * context * out_row..(sequence + 1) * context * out_row;
        Arch::new().dispatch(Back {
            qkv: &qkv[sequence * context * row..][..context * row],
            gains,
            heads,
            out: &mixed.out[out.clone()],
            log_sums: &mixed.log_sums[sequence * heads.heads * context..],
            d_out: &d_out[out],
            d_qkv,
        })
    });
    let mut d_gains = [vec![0.0; heads.head_dim], vec![0.0; heads.head_dim]];
    for part in parts {
        for (total, part) in d_gains.iter_mut().zip(part) {
            total.iter_mut().zip(part).for_each(|(total, x)| *total += x);
        }
    }
    (d_qkv, d_gains)
}

struct Back<'a> {
    qkv: &'a [f32],
    gains: [&'a [f32]; 2],
    heads: &'a Heads,
    out: &'a [f32],
    log_sums: &'a [f32],
    d_out: &'a [f32],
    d_qkv: &'a mut [f32],
}

impl WithSimd for Back<'_> {
    type Output = [Vec<f32>; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Self { qkv, gains, heads, out, log_sums, d_out, d_qkv } = self;
        let (queries_of, keys_of) = vectors(qkv, gains, heads);
        let (dim, width) = (heads.head_dim, heads.padded_dim());
        let (context, length) = (heads.context, heads.padded_context());
        let matrix = || vec![0.0; length * width];
        let (mut query, mut key, mut value, mut d_mixed) = (matrix(), matrix(), matrix(), matrix());
        let (mut d_query, mut d_key, mut d_value) = (matrix(), matrix(), matrix());
        let (mut key_t, mut value_t) = (vec![0.0; dim * length], vec![0.0; dim * length]);
        // Weights and gradients of scores of one head; rows past the context stay zero.
        let mut weights = vec![0.0; length * length];
        let mut d_scores = vec![0.0; length * length];
        let mut d_gains = [vec![0.0; dim], vec![0.0; dim]];
        let group = heads.heads / heads.kv_heads;
        for head in 0..heads.heads {
            let kv = head / group;
            if head.is_multiple_of(group) {
                keys_of(kv).rotated(&mut key);
                transposed(&key, heads, &mut key_t);
                gathered(qkv, heads.row(), heads.value_at(kv), heads, &mut value);
                transposed(&value, heads, &mut value_t);
                d_key.fill(0.0);
                d_value.fill(0.0);
            }
            let at = heads.query_at(head);
            queries_of(head).rotated(&mut query);
            gathered(d_out, heads.out_row(), at, heads, &mut d_mixed);
            for first in (0..context).step_by(BLOCK) {
                let rows = BLOCK.min(context - first);
                let keys = heads.seen(first).start..first + rows;
                let columns = padded(&keys);
                let block = first * length..(first + rows) * length;
                let weights = &mut weights[block.clone()];
                let d_scores = &mut d_scores[block];
                let a = Strided { values: &query[first * width..], row: width, column: 1 };
                let c = &mut rows_of(weights, length);
                product::<S, false>(simd, a, rows, 0..dim, (&key_t, length), columns.clone(), c);
                let a = Strided { values: &d_mixed[first * width..], row: width, column: 1 };
                let c = &mut rows_of(d_scores, length);
                product::<S, false>(simd, a, rows, 0..dim, (&value_t, length), columns.clone(), c);
                for r in 0..rows {
                    let i = first + r;
                    let seen = heads.seen(i);
                    let o = &out[i * heads.out_row() + at..][..dim];
                    let d_o = &d_mixed[i * width..][..dim];
                    let delta = sum(dim, |k| o[k] * d_o[k]);
                    let log_sum = log_sums[head * context + i];
                    let weights = &mut weights[r * length..][..length];
                    let d_scores = &mut d_scores[r * length..][..length];
                    weights[columns.start..seen.start].fill(0.0);
                    weights[seen.end..columns.end].fill(0.0);
                    d_scores[columns.start..seen.start].fill(0.0);
                    d_scores[seen.end..columns.end].fill(0.0);
                    for (w, d) in weights[seen.clone()].iter_mut().zip(&mut d_scores[seen]) {
                        *w = exp::<S>(*w - log_sum);
                        *d = *w * (*d - delta);
                    }
                }
                let a = Strided { values: d_scores, row: length, column: 1 };
                let c = &mut rows_of(&mut d_query[first * width..], width);
                product::<S, false>(simd, a, rows, keys, (&key, width), 0..width, c);
            }
            for first in (0..context).step_by(BLOCK) {
                let rows = BLOCK.min(context - first);
                // The queries that see a key of this block; rows further up hold zeros there.
                let start = first / BLOCK * BLOCK;
                let end = (first + rows - 1).saturating_add(heads.window).min(context);
                let end = end.next_multiple_of(BLOCK).min(context);
                for (a, b, c) in
                    [(&d_scores, &query, &mut d_key), (&weights, &d_mixed, &mut d_value)]
                {
                    let a = Strided { values: &a[first..], row: 1, column: length };
                    let c = &mut rows_of(&mut c[first * width..], width);
                    product::<S, true>(simd, a, rows, start..end, (b, width), 0..width, c);
                }
            }
            queries_of(head).unrotated(&d_query, d_qkv, &mut d_gains[0]);
            if (head + 1).is_multiple_of(group) {
                keys_of(kv).unrotated(&d_key, d_qkv, &mut d_gains[1]);
                for (i, d) in d_value.chunks_exact(width).take(context).enumerate() {
                    d_qkv[i * heads.row() + heads.value_at(kv)..][..dim].copy_from_slice(&d[..dim]);
                }
            }
        }
        d_gains
    }
}
