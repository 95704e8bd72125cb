//! Farseer by value, slope and power of its three inner functions of size: what its fits move.

use super::farseer::{EXPONENT, FACTOR, FLOOR, Farseer};
use crate::law::at::At;
use crate::law::coef::Coef;
use crate::law::form::Form;
use crate::num::Real;
use crate::units::Setting;

/// The surface of [`Farseer`] with each a N^k + b written as v + s (N^k - 1) / k: v is its value and s
/// its slope in ln N at N = 1.
///
/// Around k = 0, where the inner function is v + s ln N, a and b run to infinity with opposite signs:
/// a fit in them cannot pass from one sign of k to the other, and ends there. Nothing happens to v and
/// s. Not a family of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct FarseerByValue;

/// Powers nearer to zero are written as this: a and b would be all rounding.
const LEAST_POWER: f64 = 1e-5;

/// Coefficients of [`Farseer`] from those here.
pub(super) fn to_printed(theta: &[f64]) -> Vec<f64> {
    let printed = |c: &[f64]| {
        let (value, slope) = (c[0], c[1]);
        let power = if c[2].abs() < LEAST_POWER { LEAST_POWER.copysign(c[2]) } else { c[2] };
        [slope / power, power, value - slope / power]
    };
    theta.chunks(3).flat_map(printed).collect()
}

/// Coefficients here from those of [`Farseer`].
pub(super) fn from_printed(theta: &[f64]) -> Vec<f64> {
    theta.chunks(3).flat_map(|c| [c[0] + c[2], c[0] * c[1], c[1]]).collect()
}

/// n (n - 1) / (n + 1)! from n = 2 on: the series of the second derivative of (e^z - 1) / z.
const BENDS: [f64; 16] = {
    let mut terms = [0.0; 16];
    let (mut k, mut factorial) = (0, 6.0);
    while k < terms.len() {
        let n = (k + 2) as f64;
        terms[k] = n * (n - 1.0) / factorial;
        factorial *= n + 2.0;
        k += 1;
    }
    terms
};

/// (e^z - 1) / z with its first and second derivative.
fn growth(z: f64) -> [f64; 3] {
    let e = z.exp();
    if z.abs() > 0.7 {
        let g = (e - 1.0) / z;
        let first = (e - g) / z;
        return [g, first, (e - 2.0 * first) / z];
    }
    // Lower derivatives follow without loss.
    let second = BENDS.iter().rev().fold(0.0, |sum, c| sum * z + c);
    let first = 0.5 * (e - z * second);
    [e - z * first, first, second]
}

/// One inner function with its derivatives in (v, s, k): value, then first and second in k over s.
fn inner(theta: &[f64], of: usize, x: f64) -> (f64, [f64; 3], [f64; 2]) {
    let (v, s, k) = (theta[of], theta[of + 1], theta[of + 2]);
    let [g, first, second] = growth(k * x);
    let (by_s, by_ks, by_kks) = (x * g, x * x * first, x * x * x * second);
    (v + s * by_s, [1.0, by_s, s * by_ks], [by_ks, s * by_kks])
}

impl Form for FarseerByValue {
    const ID: &'static str = Farseer::ID;
    const TITLE: &'static str = Farseer::TITLE;
    const EQUATION: &'static str = Farseer::EQUATION;
    const SOURCE: &'static str = Farseer::SOURCE;
    const COEFS: &'static [Coef] = &[
        Coef::linear("v1", "", f64::NEG_INFINITY, f64::INFINITY),
        Coef::linear("s1", "", f64::NEG_INFINITY, f64::INFINITY),
        Coef::linear("alpha", "", -5.0, 5.0),
        Coef::linear("v2", "ln nats", f64::NEG_INFINITY, f64::INFINITY),
        Coef::linear("s2", "", f64::NEG_INFINITY, f64::INFINITY),
        Coef::linear("beta", "", -5.0, 5.0),
        Coef::linear("v3", "ln nats", f64::NEG_INFINITY, f64::INFINITY),
        Coef::linear("s3", "", f64::NEG_INFINITY, f64::INFINITY),
        Coef::linear("gamma", "", -5.0, 5.0),
    ];
    const EXAMPLE: &'static [f64] = &[-2.7, 0.2, -0.1, 6.3, 0.045, 0.03, 180.0, -57.0, -0.32];
    const CENTRES_TOKENS: bool = false;

    fn loss<T: Real>(&self, theta: &[T], at: &At<T>) -> T {
        let inner = |of: usize| {
            theta[of] + theta[of + 1] * (theta[of + 2] * at.ln_n).exp_m1() / theta[of + 2]
        };
        let exponent = inner(EXPONENT).exp();
        inner(FLOOR).exp() + (inner(FACTOR) - exponent * at.ln_d).exp()
    }

    fn floor(&self, theta: &[f64], setting: &Setting) -> f64 {
        Farseer.floor(&to_printed(theta), setting)
    }

    fn recentre(&self, theta: &mut [f64], ln_n0: f64, _ln_d0: f64) {
        for of in [EXPONENT, FACTOR, FLOOR] {
            theta[of] = inner(theta, of, ln_n0).0;
            theta[of + 1] *= (theta[of + 2] * ln_n0).exp();
        }
    }

    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
        Form::starts(&Farseer, at, loss).iter().map(|theta| from_printed(theta)).collect()
    }

    fn jet(&self, theta: &[f64], at: &At<f64>, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        const OF: [usize; 3] = [EXPONENT, FACTOR, FLOOR];
        let p = Self::COEFS.len();
        let parts = OF.map(|of| inner(theta, of, at.ln_n));
        let floor = parts[2].0.exp();
        let slope = at.ln_d * parts[0].0.exp();
        let data = (parts[1].0 - slope).exp();
        // First and second derivatives in the three inner functions.
        let first = [-slope * data, data, floor];
        let across = -slope * data;
        let second =
            [[(slope - 1.0) * slope * data, across, 0.0], [across, data, 0.0], [0.0, 0.0, floor]];
        for i in 0..3 {
            let (of, (_, chain, bent)) = (OF[i], parts[i]);
            for (r, by) in chain.iter().enumerate() {
                gradient[of + r] = first[i] * by;
            }
            for j in 0..3 {
                for (r, by) in chain.iter().enumerate() {
                    for (s, also) in parts[j].1.iter().enumerate() {
                        hessian[(of + r) * p + OF[j] + s] = second[i][j] * by * also;
                    }
                }
            }
            let (s, k) = (of + 1, of + 2);
            hessian[s * p + k] += first[i] * bent[0];
            hessian[k * p + s] += first[i] * bent[0];
            hessian[k * p + k] += first[i] * bent[1];
        }
        floor + data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_and_its_derivatives_agree_with_their_series() {
        for z in [-3.0, -0.71, -0.69, -0.1, -1e-9, 0.0, 1e-5, 0.3, 0.69, 0.71, 2.5_f64] {
            let mut want = [0.0; 3];
            let mut factorial = 1.0;
            for n in 0..60 {
                let order = f64::from(n);
                factorial *= order + 1.0;
                want[0] += z.powi(n) / factorial;
                if n > 0 {
                    want[1] += order * z.powi(n - 1) / factorial;
                }
                if n > 1 {
                    want[2] += order * (order - 1.0) * z.powi(n - 2) / factorial;
                }
            }
            for (ours, want) in growth(z).iter().zip(want) {
                assert!((ours / want - 1.0).abs() < 2e-13, "{z}: {ours} {want}");
            }
        }
    }

    /// The same surface as the printed coefficients, and a jet that agrees with dual numbers.
    #[test]
    fn it_is_farseer_in_other_coordinates() {
        let printed = Farseer::EXAMPLE;
        let theta = from_printed(printed);
        for (a, b) in to_printed(&theta).iter().zip(printed) {
            assert!((a / b - 1.0).abs() < 1e-12, "{a} {b}");
        }
        let p = theta.len();
        for (ln_n, ln_d) in [(18.0, 20.0), (20.0, 26.0), (24.0, 23.0)] {
            let at = At::plain(ln_n, ln_d);
            let mut moved = theta.clone();
            Form::recentre(&FarseerByValue, &mut moved, 19.0, 0.0);
            let relative = at.relative_to(19.0, 0.0);
            let (mut g, mut h) = (vec![0.0; p], vec![0.0; p * p]);
            let (mut g2, mut h2) = (g.clone(), h.clone());
            let loss = Form::jet(&FarseerByValue, &moved, &relative, &mut g, &mut h);
            let want = Form::loss(&Farseer, printed, &at);
            assert!((loss / want - 1.0).abs() < 1e-11, "{loss} {want}");
            crate::law::form::jet_by_duals(&FarseerByValue, &moved, &relative, &mut g2, &mut h2);
            for (a, b) in g.iter().chain(&h).zip(g2.iter().chain(&h2)) {
                assert!((a - b).abs() <= 1e-9 * (1.0 + b.abs()), "{a} {b}");
            }
        }
    }
}
