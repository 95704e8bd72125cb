//! The fast path of the solver: laws that read E + A N^-alpha + B D^-beta on their rows.
//!
//! In (ln E, ln A, ln B, alpha, beta) the gradient of such a law is made of its three terms and its
//! Hessian is block diagonal, so that objective, gradient and Hessian over all rows are some thirty
//! sums of products. Adding those row by row costs a third of filling a gradient and a Hessian per
//! row, which is what every other law does. Both are compared in the tests.

use super::penalty::Penalty;
use super::problem::Problem;
use crate::law::{At, Separable};
use crate::num::{Jet, map_all};

/// Variables of the separable form: ln E, ln A, ln B, alpha, beta.
const P: usize = 5;

/// Rows a thread takes at a time; the sums of each block are added in order, so that the result does
/// not depend on the number of threads.
const BLOCK: usize = 8192;

/// Sums over rows of products with s = w rho'(r) dr/dL and t = what g g' is multiplied by.
///
/// Names say the factors: `sxxp` is the sum of s x² p, x = ln N, p = A N^-alpha, y = ln D, q = B D^-beta.
#[derive(Clone, Copy, Default)]
struct Sums {
    value: f64,
    squared_noise: f64,
    s: f64,
    sp: f64,
    sxp: f64,
    sxxp: f64,
    sq: f64,
    syq: f64,
    syyq: f64,
    t: f64,
    tp: f64,
    txp: f64,
    tq: f64,
    tyq: f64,
    tpp: f64,
    txpp: f64,
    txxpp: f64,
    tqq: f64,
    tyqq: f64,
    tyyqq: f64,
    tpq: f64,
    txpq: f64,
    typq: f64,
    txypq: f64,
    /// Sums of |s g| and of the rounding of s times |g|.
    size: [f64; P],
    noise: [f64; P],
}

impl Sums {
    fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.value, other.value),
            (&mut self.squared_noise, other.squared_noise),
            (&mut self.s, other.s),
            (&mut self.sp, other.sp),
            (&mut self.sxp, other.sxp),
            (&mut self.sxxp, other.sxxp),
            (&mut self.sq, other.sq),
            (&mut self.syq, other.syq),
            (&mut self.syyq, other.syyq),
            (&mut self.t, other.t),
            (&mut self.tp, other.tp),
            (&mut self.txp, other.txp),
            (&mut self.tq, other.tq),
            (&mut self.tyq, other.tyq),
            (&mut self.tpp, other.tpp),
            (&mut self.txpp, other.txpp),
            (&mut self.txxpp, other.txxpp),
            (&mut self.tqq, other.tqq),
            (&mut self.tyqq, other.tyqq),
            (&mut self.tyyqq, other.tyyqq),
            (&mut self.tpq, other.tpq),
            (&mut self.txpq, other.txpq),
            (&mut self.typq, other.typq),
            (&mut self.txypq, other.txypq),
        ];
        pairs.into_iter().for_each(|(sum, x)| *sum += x);
        for i in 0..P {
            self.size[i] += other.size[i];
            self.noise[i] += other.noise[i];
        }
    }
}

/// Everything a row contributes.
fn block(law: &Separable, at: &[At<f64>], problem: &Problem<'_>, first: usize) -> Sums {
    let Problem { observed, weights, penalty, .. } = *problem;
    let mut sums = Sums::default();
    let (e, alpha, beta) = (law.e, law.alpha, law.beta);
    let (ln_a, ln_b) = (law.a.ln(), law.b.ln());
    let in_value = penalty == Penalty::SquareLoss;
    for (k, at) in at.iter().enumerate() {
        let i = first + k;
        let weight = weights.map_or(1.0, |w| w[i]);
        if weight == 0.0 {
            continue;
        }
        let (x, y) = (at.ln_n, at.ln_d);
        let p = (ln_a - alpha * x).exp();
        let q = (ln_b - beta * y).exp();
        let loss = e + p + q;
        let (r, over, size) = if in_value {
            (loss - observed.value[i], 1.0, loss)
        } else {
            let ln_observed = observed.ln[i];
            (loss.ln() - ln_observed, 1.0 / loss, 1.0 + ln_observed.abs())
        };
        let here = penalty.at(r);
        sums.value += weight * here.value;
        let slope = weight * here.slope;
        sums.squared_noise += (4.0 * slope * f64::EPSILON * size).powi(2);
        let s = slope * over;
        let bend = weight * here.bend * over;
        let t = (bend - if in_value { 0.0 } else { s }) * over;
        let (xp, yq) = (x * p, y * q);
        sums.s += s;
        sums.sp += s * p;
        sums.sxp += s * xp;
        sums.sxxp += s * x * xp;
        sums.sq += s * q;
        sums.syq += s * yq;
        sums.syyq += s * y * yq;
        let (tp, tq, txp, tyq) = (t * p, t * q, t * xp, t * yq);
        sums.t += t;
        sums.tp += tp;
        sums.txp += txp;
        sums.tq += tq;
        sums.tyq += tyq;
        sums.tpp += tp * p;
        sums.txpp += txp * p;
        sums.txxpp += txp * xp;
        sums.tqq += tq * q;
        sums.tyqq += tyq * q;
        sums.tyyqq += tyq * yq;
        sums.tpq += tp * q;
        sums.txpq += txp * q;
        sums.typq += tyq * p;
        sums.txypq += txp * yq;
        let gradient = [e, p, q, xp.abs(), yq.abs()];
        let s = s.abs();
        for (size, g) in sums.size.iter_mut().zip(gradient) {
            *size += s * g;
        }
        if bend != 0.0 {
            let rounding = bend * 8.0 * f64::EPSILON * size;
            for (noise, g) in sums.noise.iter_mut().zip(gradient) {
                *noise += rounding * g;
            }
        }
    }
    sums
}

fn all_blocks(law: &Separable, at: &[At<f64>], problem: &Problem<'_>) -> Sums {
    if at.len() <= BLOCK {
        return block(law, at, problem, 0);
    }
    let blocks: Vec<(usize, &[At<f64>])> = at.chunks(BLOCK).enumerate().collect();
    let parts = map_all(&blocks, &|(k, rows)| block(law, rows, problem, k * BLOCK));
    let mut sums = Sums::default();
    parts.iter().for_each(|part| sums.add(part));
    sums
}

/// Value, gradient and Hessian in (ln E, ln A, ln B, alpha, beta), with the noise of each.
pub(crate) fn jet(law: &Separable, at: &[At<f64>], problem: &Problem<'_>) -> Jet {
    let z = all_blocks(law, at, problem);
    let e = law.e;
    let mut jet = Jet::zeros(P);
    jet.value = z.value;
    jet.value_noise = z.squared_noise.sqrt();
    jet.gradient.copy_from_slice(&[e * z.s, z.sp, z.sq, -z.sxp, -z.syq]);
    jet.gradient_scale.copy_from_slice(&z.size);
    jet.gradient_noise.copy_from_slice(&z.noise);
    // g g' t, and where a term bends in its own variables its s sums.
    let upper = [
        (0, 0, e * e * z.t + e * z.s),
        (0, 1, e * z.tp),
        (0, 2, e * z.tq),
        (0, 3, -e * z.txp),
        (0, 4, -e * z.tyq),
        (1, 1, z.tpp + z.sp),
        (1, 2, z.tpq),
        (1, 3, -z.txpp - z.sxp),
        (1, 4, -z.typq),
        (2, 2, z.tqq + z.sq),
        (2, 3, -z.txpq),
        (2, 4, -z.tyqq - z.syq),
        (3, 3, z.txxpp + z.sxxp),
        (3, 4, z.txypq),
        (4, 4, z.tyyqq + z.syyq),
    ];
    for (i, j, x) in upper {
        jet.hessian[i * P + j] = x;
        jet.hessian[j * P + i] = x;
    }
    jet
}

#[cfg(test)]
mod tests {
    use super::super::problem::{Observed, Predictor};
    use super::super::rows::LawOn;
    use super::*;
    use crate::law::{Coef, forms};
    use crate::num::Quadratic;

    /// A law that hides that it is separable, and so takes the general path.
    struct General<'a>(LawOn<'a>);

    impl Predictor for General<'_> {
        fn coefs(&self) -> &'static [Coef] {
            self.0.coefs()
        }
        fn predict(&self, theta: &[f64], i: usize) -> f64 {
            self.0.predict(theta, i)
        }
        fn jet(&self, theta: &[f64], i: usize, g: &mut [f64], h: &mut [f64]) -> f64 {
            self.0.jet(theta, i, g, h)
        }
    }

    fn close(ours: &[f64], general: &[f64], scale: f64, what: &str) {
        for (a, b) in ours.iter().zip(general) {
            assert!((a - b).abs() <= 1e-12 * (scale + b.abs()), "{what}: {a} {b}");
        }
    }

    /// Every separable law, penalty and held coefficient, over more rows than a block.
    #[test]
    fn the_fast_path_agrees_with_the_general_one() {
        let rows = 2 * BLOCK + 17;
        let at: Vec<At<f64>> = (0..rows)
            .map(|i| At::plain((i as f64 * 1.7).sin() * 2.0, (i as f64 * 0.9).cos() * 2.0))
            .collect();
        let weights: Vec<f64> = (0..rows).map(|i| (i % 4) as f64).collect();
        let separable: Vec<_> =
            forms().iter().filter(|law| law.separable(law.example()).is_some()).collect();
        assert!(separable.len() >= 3);
        for law in separable {
            let (law, id) = (*law, law.id());
            // Around 1e9 parameters and 2e10 tokens, as a fit is.
            let mut theta = law.example().to_vec();
            law.recentre(&mut theta, 1e9_f64.ln(), 2e10_f64.ln());
            let value = at
                .iter()
                .enumerate()
                .map(|(i, x)| law.loss(&theta, x) * (0.1 * (i as f64).sin()).exp())
                .collect();
            let observed = Observed::of(value);
            let model = LawOn { law, at: &at };
            assert!(model.separable(&theta).is_some(), "{id}");
            for penalty in [
                Penalty::HuberLog { delta: 0.03 },
                Penalty::AsymmetricLog { delta: 0.03, over: 7.0 },
                Penalty::SquareLog,
                Penalty::SquareLoss,
            ] {
                for held in 0..=theta.len() {
                    let hold = |i: usize| (i == held).then(|| theta[i]);
                    let held: Vec<Option<f64>> = (0..theta.len()).map(hold).collect();
                    let mut fast = Problem {
                        model: &model,
                        observed: &observed,
                        weights: Some(&weights),
                        penalty,
                        held: &held,
                        priors: &[],
                    };
                    let x = fast.variables(&theta);
                    let (mut ours, mut general) = (Jet::zeros(x.len()), Jet::zeros(x.len()));
                    fast.jet(&x, &mut ours);
                    let hidden = General(model);
                    Problem { model: &hidden, ..fast }.jet(&x, &mut general);
                    let what = format!("{id} {penalty:?} {held:?}");
                    let scale = general.gradient_scale.iter().copied().fold(0.0, f64::max);
                    close(&[ours.value], &[general.value], 0.0, &what);
                    close(&ours.gradient, &general.gradient, scale, &what);
                    close(&ours.hessian, &general.hessian, 10.0 * scale, &what);
                    assert!(ours.value_noise > 0.0 && general.value_noise > 0.0);
                }
            }
        }
    }
}
