//! Farseer: a data term whose exponent depends on N.

use crate::law::at::At;
use crate::law::coef::Coef;
use crate::law::form::Form;
use crate::law::start::{LinearPart, ranked_starts, start_powers};
use crate::num::Real;
use crate::units::Setting;

/// L(N, D) = exp(a3 N^gamma + b3) + exp(a2 N^beta + b2) D^(-exp(a1 N^alpha + b1)), in nats per token.
///
/// The data term is a power of D whose factor and exponent both depend on N, so the law is not
/// separable and its optimal D/N need not stay the same as compute grows.
///
/// Source: Li et al. 2025 (Farseer), arXiv:2506.10972, eq. 3. Differs from it: nothing. No published
/// constants are shipped; they come from the user's fit.
/// Limits: nine coefficients on two variables; they need some dozens of runs over at least five sizes
/// and five token counts. The origin of ln D cannot be moved, so the fit is worse conditioned than
/// that of a separable law.
#[derive(Clone, Copy, Debug)]
pub struct Farseer;

/// Offsets of the three inner powers a N^k + b: of the exponent, of the factor, of the floor.
pub(super) const EXPONENT: usize = 0;
pub(super) const FACTOR: usize = 3;
pub(super) const FLOOR: usize = 6;

/// a N^k + b.
fn inner<T: Real>(theta: &[T], at: usize, ln_n: T) -> T {
    theta[at] * (theta[at + 1] * ln_n).exp() + theta[at + 2]
}

/// ln of u, v and w in u + v D^-w through the runs of one size; the best w of a grid.
fn data_law(runs: &[(f64, f64)]) -> Option<[f64; 3]> {
    let loss: Vec<f64> = runs.iter().map(|r| r.1).collect();
    let exponents: Vec<[f64; 1]> = (0..80).map(|i| [0.05 * 1.04_f64.powi(i)]).collect();
    let ln_d0 = runs.iter().map(|r| r.0).sum::<f64>() / runs.len() as f64;
    let part = |[w]: &[f64; 1]| {
        LinearPart::of_loss(&loss)
            .with(runs.iter().map(|_| 1.0))
            .with(runs.iter().map(|r| (-w * (r.0 - ln_d0)).exp()))
    };
    let ([w], x) = ranked_starts(&exponents, &loss, part).into_iter().next()?;
    Some([x[0].ln(), x[1].ln() + w * ln_d0, w.ln()])
}

/// Starts from the runs of each size with at least three token counts; none below three such sizes.
fn by_size(at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
    let mut sizes: Vec<(f64, Vec<(f64, f64)>)> = Vec::new();
    for (x, loss) in at.iter().zip(loss) {
        match sizes.iter_mut().find(|(ln_n, _)| (ln_n - x.ln_n).abs() < 1e-4) {
            Some((_, runs)) => runs.push((x.ln_d, *loss)),
            None => sizes.push((x.ln_n, vec![(x.ln_d, *loss)])),
        }
    }
    let laws: Vec<(f64, [f64; 3])> = sizes
        .iter()
        .filter(|(_, runs)| runs.len() >= 3)
        .filter_map(|(ln_n, runs)| Some((*ln_n, data_law(runs)?)))
        .collect();
    if laws.len() < 3 {
        return Vec::new();
    }
    // a N^k + b = (a + b) + a k x + a k^2 x^2 / 2 + ... in x = ln N.
    let inner_through = |which: usize, bend: f64| -> Option<[f64; 3]> {
        let powers = |x: f64| [1.0, x, x * x];
        let (mut gram, mut moment) = (nalgebra::Matrix3::zeros(), nalgebra::Vector3::zeros());
        for (x, values) in &laws {
            let row = nalgebra::Vector3::from(powers(*x));
            gram += row * row.transpose();
            moment += row * values[which];
        }
        // A bend that the runs hardly fix is better taken too small.
        gram[(2, 2)] *= 1.0 + bend;
        let c = gram.cholesky()?.solve(&moment);
        let k = (2.0 * c[2] / c[1]).clamp(-1.0, 1.0);
        let k = if k.abs() < 1e-3 { 1e-3_f64.copysign(k) } else { k };
        Some([c[1] / k, k, c[0] - c[1] / k])
    };
    let mut starts = Vec::new();
    for bend in [0.0, 0.1, 1.0, 10.0] {
        let inner = [2, 1, 0].map(|which| inner_through(which, bend));
        if let [Some(w), Some(v), Some(u)] = inner {
            starts.push([w, v, u].concat());
        }
    }
    starts
}

impl Form for Farseer {
    const ID: &'static str = "farseer";
    const TITLE: &'static str = "Farseer";
    const EQUATION: &'static str =
        "L = exp(a3·N^gamma + b3) + exp(a2·N^beta + b2)·D^-exp(a1·N^alpha + b1)";
    const SOURCE: &'static str = "Li et al. 2025, arXiv:2506.10972, eq. 3";
    const COEFS: &'static [Coef] = &[
        Coef::linear("a1", "parameters^-alpha", f64::NEG_INFINITY, f64::INFINITY),
        Coef::linear("alpha", "", -5.0, 5.0).flat_above(4.0),
        Coef::linear("b1", "", f64::NEG_INFINITY, f64::INFINITY),
        Coef::linear("a2", "parameters^-beta", f64::NEG_INFINITY, f64::INFINITY),
        Coef::linear("beta", "", -5.0, 5.0).flat_above(4.0),
        Coef::linear("b2", "ln nats", f64::NEG_INFINITY, f64::INFINITY),
        Coef::linear("a3", "parameters^-gamma", f64::NEG_INFINITY, f64::INFINITY),
        Coef::linear("gamma", "", -5.0, 5.0),
        Coef::linear("b3", "ln nats", f64::NEG_INFINITY, f64::INFINITY),
    ];
    const EXAMPLE: &'static [f64] = &[-2.0, -0.1, -0.7, 1.5, 0.03, 4.8, 180.0, -0.32, 0.55];
    const CENTRES_TOKENS: bool = false;

    fn loss<T: Real>(&self, theta: &[T], at: &At<T>) -> T {
        let exponent = inner(theta, EXPONENT, at.ln_n).exp();
        let factor = inner(theta, FACTOR, at.ln_n);
        inner(theta, FLOOR, at.ln_n).exp() + (factor - exponent * at.ln_d).exp()
    }

    /// For infinite D the data term vanishes; the rest is lowest at one end of N.
    fn floor(&self, theta: &[f64], _setting: &Setting) -> f64 {
        let (a, power, b) = (theta[FLOOR], theta[FLOOR + 1], theta[FLOOR + 2]);
        // a N^k falls to 0 from above (a > 0, k < 0) or without bound (a < 0, k > 0).
        if a < 0.0 && power > 0.0 { 0.0 } else { b.exp() }
    }

    fn recentre(&self, theta: &mut [f64], ln_n0: f64, _ln_d0: f64) {
        for at in [EXPONENT, FACTOR, FLOOR] {
            theta[at] *= (theta[at + 1] * ln_n0).exp();
        }
    }

    /// As the paper fits it: a floor and a power of D for each size, then the three inner powers
    /// through their value, slope and bend over ln N. Also a Chinchilla law written this way,
    /// for tables without three token counts per size.
    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
        let mut starts = by_size(at, loss);
        let (lo, hi) = at.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), x| {
            (lo.min(x.ln_n), hi.max(x.ln_n))
        });
        for (alpha, beta) in [(0.15, 0.2), (0.35, 0.4)] {
            let Some([e, a, b]) = start_powers(at, loss, alpha, beta) else { continue };
            // exp(a3 N^-alpha + b3) through E + A / N^alpha at both ends of the sizes.
            let floor = |ln_n: f64| (e + a * (-alpha * ln_n).exp()).ln();
            let power = |ln_n: f64| (-alpha * ln_n).exp();
            let a3 = (floor(lo) - floor(hi)) / (power(lo) - power(hi));
            let b3 = floor(hi) - a3 * power(hi);
            for lean in [0.02, -0.02] {
                let (exponent, factor) = (beta.ln() - lean, b.ln() - lean);
                starts.push(vec![lean, 0.1, exponent, lean, 0.1, factor, a3, -alpha, b3]);
            }
        }
        starts.retain(|s| s.iter().all(|x| x.is_finite()));
        starts
    }

    fn jet(&self, theta: &[f64], at: &At<f64>, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let p = Self::COEFS.len();
        let value = |k: usize| inner(theta, k, at.ln_n);
        let floor = value(FLOOR).exp();
        let slope = at.ln_d * value(EXPONENT).exp();
        let data = (value(FACTOR) - slope).exp();
        // First and second derivatives in the three inner powers w, v, u.
        let first = [-slope * data, data, floor];
        let second = [
            [(slope * slope - slope) * data, -slope * data, 0.0],
            [-slope * data, data, 0.0],
            [0.0, 0.0, floor],
        ];
        let outer = [EXPONENT, FACTOR, FLOOR];
        let powers = outer.map(|k| (theta[k + 1] * at.ln_n).exp());
        let chain = [0, 1, 2].map(|i| {
            let (a, power) = (theta[outer[i]], powers[i]);
            [power, a * power * at.ln_n, 1.0]
        });
        for i in 0..3 {
            for (r, by) in chain[i].iter().enumerate() {
                gradient[outer[i] + r] = first[i] * by;
            }
            for j in 0..3 {
                for r in 0..3 {
                    for s in 0..3 {
                        hessian[(outer[i] + r) * p + outer[j] + s] =
                            second[i][j] * chain[i][r] * chain[j][s];
                    }
                }
            }
            let (a, power) = (outer[i], outer[i] + 1);
            let bent = first[i] * powers[i] * at.ln_n;
            hessian[a * p + power] += bent;
            hessian[power * p + a] += bent;
            hessian[power * p + power] += bent * theta[a] * at.ln_n;
        }
        floor + data
    }
}
