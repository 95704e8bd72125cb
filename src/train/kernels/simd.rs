//! The inner loops: a small matrix product and the exponential, on whatever vectors the CPU has.
//!
//! Everything here is inlined into a [`pulp::Arch::dispatch`], which compiles it once for each
//! instruction set and chooses at run time.

use std::ops::Range;

use pulp::Simd;
use rayon::prelude::*;

/// Lanes of sums that the compiler may keep in vectors, whatever their width.
pub(super) const LANES: usize = 16;

/// Floats of one vector of the widest set in use; scratch rows are padded to a multiple of it.
pub(super) const PADDING: usize = 16;

/// a b + c, fused where the CPU can; elsewhere the library call would be slow.
#[inline(always)]
pub(super) fn fma<S: Simd>(a: f32, b: f32, c: f32) -> f32 {
    if S::IS_SCALAR { a * b + c } else { a.mul_add(b, c) }
}

/// e^x to 1 or 2 units in the last place, without a branch; arguments are held within ±87, NaN stays.
///
/// Range reduction by ln 2 in two parts and the polynomial of Cephes' `expf`.
#[inline(always)]
pub(super) fn exp<S: Simd>(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2^23: adding it rounds to a whole number
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 87.0 { 87.0 } else { x };
    let shifted = fma::<S>(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fma::<S>(n, -0.693_359_4, x);
    let r = fma::<S>(n, 2.121_944_4e-4, r);
    let mut p = 1.987_569_1e-4;
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = fma::<S>(p, r, c);
    }
    let y = fma::<S>(p, r * r, r) + 1.0;
    f32::from_bits(y.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub(super) fn sigmoid<S: Simd>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<S>(-x))
}

/// Σ f(i) over `0..n`, summed in [`LANES`] streams so that it vectorises.
#[inline(always)]
pub(super) fn sum(n: usize, f: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let whole = n / LANES * LANES;
    let mut at = 0;
    while at < whole {
        for (lane, total) in lanes.iter_mut().enumerate() {
            *total += f(at + lane);
        }
        at += LANES;
    }
    let rest: f32 = (whole..n).map(&f).sum();
    lanes.iter().sum::<f32>() + rest
}

/// The largest value, NaN if there is one among the last [`LANES`] compared.
#[inline(always)]
pub(super) fn largest(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (best, x) in lanes.iter_mut().zip(chunk) {
            *best = if *x > *best { *x } else { *best };
        }
    }
    let best = |a: f32, b: f32| if b > a { b } else { a };
    rest.iter().copied().fold(lanes.into_iter().fold(f32::NEG_INFINITY, best), best)
}

/// The left factor of a [`product`], as rows and columns of any stride.
#[derive(Clone, Copy)]
pub(super) struct Strided<'a> {
    pub(super) values: &'a [f32],
    pub(super) row: usize,
    pub(super) column: usize,
}

/// A matrix in rows of `width` floats.
pub(super) struct Rows<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) width: usize,
}

/// C = A B for `rows` rows of A over its columns `inner`, and the columns `columns` of B and C, whose
/// ends are multiples of [`PADDING`]; with `ADD`, C += A B.
///
/// - `a`: rows x inner, `b`: in rows of `width`, `c`: rows x width of its own.
#[inline(always)]
pub(super) fn product<S: Simd, const ADD: bool>(
    simd: S,
    a: Strided,
    rows: usize,
    inner: Range<usize>,
    b: (&[f32], usize),
    columns: Range<usize>,
    c: &mut Rows,
) {
    let (values, width) = b;
    let b = S::as_simd_f32s(values).0;
    let b = (b, width / S::F32_LANES);
    let c_width = c.width / S::F32_LANES;
    let c = S::as_mut_simd_f32s(c.values).0;
    let (first, last) = (columns.start / S::F32_LANES, columns.end / S::F32_LANES);
    // With 32 registers 6 x 4 sums fit beside the row of B, with 16 of them 4 x 2.
    if S::REGISTER_COUNT >= 32 {
        sweep::<S, ADD, 6, 4>(simd, a, rows, inner, b, first..last, (c, c_width));
    } else {
        sweep::<S, ADD, 4, 2>(simd, a, rows, inner, b, first..last, (c, c_width));
    }
}

#[inline(always)]
fn sweep<S: Simd, const ADD: bool, const R: usize, const V: usize>(
    simd: S,
    a: Strided,
    rows: usize,
    inner: Range<usize>,
    b: (&[S::f32s], usize),
    columns: Range<usize>,
    c: (&mut [S::f32s], usize),
) {
    let (c, c_width) = c;
    let mut j = columns.start;
    while j < columns.end {
        let wide = columns.end - j >= V;
        let mut i = 0;
        while i < rows {
            let tall = rows - i >= R;
            let a = Strided { values: &a.values[i * a.row..], ..a };
            let out = &mut c[i * c_width + j..];
            let range = inner.clone();
            match (tall, wide) {
                (true, true) => tile::<S, ADD, R, V>(simd, a, range, b, j, out, c_width),
                (true, false) => tile::<S, ADD, R, 1>(simd, a, range, b, j, out, c_width),
                (false, true) => tile::<S, ADD, 1, V>(simd, a, range, b, j, out, c_width),
                (false, false) => tile::<S, ADD, 1, 1>(simd, a, range, b, j, out, c_width),
            }
            i += if tall { R } else { 1 };
        }
        j += if wide { V } else { 1 };
    }
}

#[inline(always)]
fn tile<S: Simd, const ADD: bool, const R: usize, const V: usize>(
    simd: S,
    a: Strided,
    inner: Range<usize>,
    b: (&[S::f32s], usize),
    j: usize,
    c: &mut [S::f32s],
    c_width: usize,
) {
    let (b, b_width) = b;
    let mut sums = [[simd.splat_f32s(0.0); V]; R];
    for p in inner {
        let row = &b[p * b_width + j..][..V];
        for (r, sums) in sums.iter_mut().enumerate() {
            let x = simd.splat_f32s(a.values[r * a.row + p * a.column]);
            for (sum, y) in sums.iter_mut().zip(row) {
                *sum = simd.mul_add_e_f32s(x, *y, *sum);
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        for (out, sum) in c[r * c_width..][..V].iter_mut().zip(sums) {
            *out = if ADD { simd.add_f32s(*out, *sum) } else { *sum };
        }
    }
}

/// Runs `work` on blocks of a buffer, on all threads of the pool at hand; blocks do not depend on how
/// many threads there are, so neither does any sum over them.
pub(super) fn in_blocks<T: Send>(
    values: &mut [f32],
    block: usize,
    work: impl Fn(usize, &mut [f32]) -> T + Sync,
) -> Vec<T> {
    let block = block.max(1);
    if rayon::current_num_threads() == 1 {
        return values.chunks_mut(block).enumerate().map(|(i, chunk)| work(i, chunk)).collect();
    }
    values.par_chunks_mut(block).enumerate().map(|(i, chunk)| work(i, chunk)).collect()
}
