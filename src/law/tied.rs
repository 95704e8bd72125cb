//! Chinchilla with one exponent for size and data.

use super::form::{At, Coef, Form, Scale};
use crate::num::{Real, nonnegative_least_squares};

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

impl Form for ChinchillaTied {
    const ID: &'static str = "chinchilla-tied";
    const TITLE: &'static str = "Chinchilla, tied exponents";
    const EQUATION: &'static str = "L = E + A/N^alpha + B/D^alpha";
    const SOURCE: &'static str = "Muennighoff et al. 2023, arXiv:2305.16264, App. B";
    const COEFS: &'static [Coef] = &[
        Coef { name: "E", unit: "nats per token", scale: Scale::Log, domain: (0.0, f64::INFINITY) },
        Coef {
            name: "A",
            unit: "nats · parameters^alpha",
            scale: Scale::Log,
            domain: (0.0, f64::INFINITY),
        },
        Coef {
            name: "B",
            unit: "nats · tokens^alpha",
            scale: Scale::Log,
            domain: (0.0, f64::INFINITY),
        },
        Coef { name: "alpha", unit: "", scale: Scale::Linear, domain: (0.0, 5.0) },
    ];

    fn loss<T: Real>(&self, theta: &[T], at: &At<T>) -> T {
        let capacity = theta[A] * (-theta[ALPHA] * at.ln_n).exp();
        let data = theta[B] * (-theta[ALPHA] * at.ln_d).exp();
        theta[E] + capacity + data
    }

    fn floor(&self, theta: &[f64]) -> f64 {
        theta[E]
    }

    fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64) {
        theta[A] *= (-theta[ALPHA] * ln_n0).exp();
        theta[B] *= (-theta[ALPHA] * ln_d0).exp();
    }

    /// For a fixed exponent the loss is linear in E, A, B; only the exponent is guessed.
    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
        let mean = loss.iter().sum::<f64>() / loss.len() as f64;
        [0.1, 0.2, 0.35, 0.5, 0.8]
            .into_iter()
            .filter_map(|alpha| {
                let columns = vec![
                    vec![1.0; at.len()],
                    at.iter().map(|x| (-alpha * x.ln_n).exp()).collect(),
                    at.iter().map(|x| (-alpha * x.ln_d).exp()).collect(),
                ];
                let b = nonnegative_least_squares(&columns, loss)?;
                // A logarithm cannot start at zero; a hundredth of a typical loss can grow back.
                let lift = |x: f64| x.max(0.01 * mean);
                Some(vec![lift(b[0]), lift(b[1]), lift(b[2]), alpha])
            })
            .collect()
    }

    fn ln_n_optimal(&self, theta: &[f64], ln_nd: f64) -> Option<f64> {
        Some(0.5 * (ln_nd + (theta[A] / theta[B]).ln() / theta[ALPHA]))
    }

    fn ln_d_for_loss(&self, theta: &[f64], ln_n: f64, loss: f64) -> Option<f64> {
        let left = loss - theta[E] - theta[A] * (-theta[ALPHA] * ln_n).exp();
        Some(if left > 0.0 { (theta[B].ln() - left.ln()) / theta[ALPHA] } else { f64::INFINITY })
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
