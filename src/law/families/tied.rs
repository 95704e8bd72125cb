//! Chinchilla with one exponent for size and data.

use crate::law::at::At;
use crate::law::coef::Coef;
use crate::law::form::Form;
use crate::law::powers::Separable;
use crate::law::start::start_powers;
use crate::num::Real;
use crate::units::Setting;

/// L(N, D) = E + A / N^alpha + B / D^alpha, in nats per token.
///
/// One exponent makes D*/N* the same at every budget: N* = sqrt(C/6 · k), D* = sqrt(C/6 / k) with
/// k = (A / B)^(1 / alpha).
///
/// Source: Muennighoff et al. 2023, arXiv:2305.16264, App. B, where alpha = beta is set for C4.
/// Differs from it: nothing. N counts all parameters, D tokens seen once.
/// Domain: as [`Chinchilla`](super::Chinchilla); the tie is an assumption that a free fit can test.
#[derive(Clone, Copy, Debug)]
pub struct ChinchillaTied;

const E: usize = 0;
const A: usize = 1;
const B: usize = 2;
const ALPHA: usize = 3;

/// The coefficients of the same surface in the form of Chinchilla.
fn untied(theta: &[f64]) -> [f64; 5] {
    [theta[E], theta[A], theta[B], theta[ALPHA], theta[ALPHA]]
}

impl Form for ChinchillaTied {
    const ID: &'static str = "chinchilla-tied";
    const TITLE: &'static str = "Chinchilla, tied exponents";
    const EQUATION: &'static str = "L = E + A/N^alpha + B/D^alpha";
    const SOURCE: &'static str = "Muennighoff et al. 2023, arXiv:2305.16264, App. B";
    const COEFS: &'static [Coef] = &[
        Coef::floor("E"),
        Coef::positive("A", "nats · parameters^alpha"),
        Coef::positive("B", "nats · tokens^alpha"),
        Coef::exponent("alpha"),
    ];
    const EXAMPLE: &'static [f64] = &[1.85, 500.0, 1500.0, 0.35];

    fn loss<T: Real>(&self, theta: &[T], at: &At<T>) -> T {
        let capacity = theta[A] * (-theta[ALPHA] * at.ln_n).exp();
        let data = theta[B] * (-theta[ALPHA] * at.ln_d).exp();
        theta[E] + capacity + data
    }

    fn floor(&self, theta: &[f64], _setting: &Setting) -> f64 {
        theta[E]
    }

    fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64) {
        theta[A] *= (-theta[ALPHA] * ln_n0).exp();
        theta[B] *= (-theta[ALPHA] * ln_d0).exp();
    }

    /// For a fixed exponent the loss is linear in E, A, B; only the exponent is taken from a grid.
    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
        [0.1, 0.2, 0.35, 0.5, 0.8]
            .into_iter()
            .filter_map(|alpha| {
                let [e, a, b] = start_powers(at, loss, alpha, alpha)?;
                Some(vec![e, a, b, alpha])
            })
            .collect()
    }

    fn separable(&self, theta: &[f64]) -> Option<Separable> {
        const CHAIN: &[[f64; 5]] = &[
            [1.0, 0.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 1.0, 1.0],
        ];
        let [e, a, b, alpha, beta] = untied(theta);
        Some(Separable { e, a, b, alpha, beta, chain: CHAIN })
    }

    fn jet(&self, theta: &[f64], at: &At<f64>, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let by_a = (-theta[ALPHA] * at.ln_n).exp();
        let by_b = (-theta[ALPHA] * at.ln_d).exp();
        let (capacity, data) = (theta[A] * by_a, theta[B] * by_b);
        gradient.copy_from_slice(&[1.0, by_a, by_b, -at.ln_n * capacity - at.ln_d * data]);
        hessian.fill(0.0);
        let p = Self::COEFS.len();
        let mut set = |i: usize, j: usize, x: f64| {
            hessian[i * p + j] = x;
            hessian[j * p + i] = x;
        };
        set(A, ALPHA, -at.ln_n * by_a);
        set(B, ALPHA, -at.ln_d * by_b);
        set(ALPHA, ALPHA, at.ln_n * at.ln_n * capacity + at.ln_d * at.ln_d * data);
        theta[E] + capacity + data
    }
}
