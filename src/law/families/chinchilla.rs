//! Chinchilla: an entropy floor, a capacity term and a data term.

use crate::law::at::At;
use crate::law::coef::Coef;
use crate::law::form::Form;
use crate::law::powers::Separable;
use crate::law::start::lifted;
use crate::num::{Real, dot, nonnegative_least_squares_of};
use crate::units::Setting;

/// L(N, D) = E + A / N^alpha + B / D^beta, in nats per token.
///
/// `E` is the entropy of the data, `A / N^alpha` what a finite model misses, `B / D^beta` what
/// finite data leave unlearned. N counts all parameters, D tokens seen once.
///
/// On N D = C / 6 the optimum is closed: N* = G (C/6)^a with a = beta / (alpha + beta) and
/// G = (alpha A / (beta B))^(1 / (alpha + beta)).
///
/// Source: Hoffmann et al. 2022, arXiv:2203.15556, eq. 2 and 4. Differs from it: nothing.
/// Domain: data seen about once, one learning-rate recipe tuned per run, D/N within the runs.
#[derive(Clone, Copy, Debug)]
pub struct Chinchilla;

const E: usize = 0;
const A: usize = 1;
const B: usize = 2;
const ALPHA: usize = 3;
const BETA: usize = 4;

impl Form for Chinchilla {
    const ID: &'static str = "chinchilla";
    const TITLE: &'static str = "Chinchilla";
    const EQUATION: &'static str = "L = E + A/N^alpha + B/D^beta";
    const SOURCE: &'static str = "Hoffmann et al. 2022, arXiv:2203.15556, eq. 2";
    const COEFS: &'static [Coef] = &[
        Coef::floor("E"),
        Coef::positive("A", "nats · parameters^alpha"),
        Coef::positive("B", "nats · tokens^beta"),
        Coef::exponent("alpha"),
        Coef::exponent("beta"),
    ];
    const EXAMPLE: &'static [f64] = &[1.7, 400.0, 1500.0, 0.34, 0.36];

    fn loss<T: Real>(&self, theta: &[T], at: &At<T>) -> T {
        let capacity = theta[A] * (-theta[ALPHA] * at.ln_n).exp();
        let data = theta[B] * (-theta[BETA] * at.ln_d).exp();
        theta[E] + capacity + data
    }

    fn floor(&self, theta: &[f64], _setting: &Setting) -> f64 {
        theta[E]
    }

    fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64) {
        theta[A] *= (-theta[ALPHA] * ln_n0).exp();
        theta[B] *= (-theta[BETA] * ln_d0).exp();
    }

    /// For fixed exponents the loss is linear in E, A, B, so only the exponents come from a grid:
    /// the best pair in each quarter of it, far from each other by construction.
    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
        const LOW: [f64; 3] = [0.12, 0.2, 0.3];
        const HIGH: [f64; 3] = [0.4, 0.55, 0.8];
        let powers = |of: fn(&At<f64>) -> f64| {
            [LOW, HIGH].map(|exponents| {
                exponents.map(|k| {
                    let column: Vec<f64> = at.iter().map(|x| (-k * of(x)).exp()).collect();
                    (k, column)
                })
            })
        };
        let (sizes, tokens) = (powers(|x| x.ln_n), powers(|x| x.ln_d));
        let n = at.len() as f64;
        let sum = |column: &[f64]| column.iter().sum::<f64>();
        let total = sum(loss);
        let mut starts = Vec::new();
        for alphas in &sizes {
            for betas in &tokens {
                let pairs = alphas.iter().flat_map(|a| betas.iter().map(move |b| (a, b)));
                let best = pairs
                    .filter_map(|((alpha, p), (beta, q))| {
                        let (sp, sq, pq) = (sum(p), sum(q), dot(p, q));
                        let gram = [n, sp, sq, sp, dot(p, p), pq, sq, pq, dot(q, q)];
                        let moment = [total, dot(p, loss), dot(q, loss)];
                        let (b, miss) = nonnegative_least_squares_of(&gram, &moment)?;
                        Some((miss, lifted(&b, loss), *alpha, *beta))
                    })
                    .min_by(|x, y| x.0.total_cmp(&y.0));
                starts.extend(best.map(|(_, [e, a, b], alpha, beta)| vec![e, a, b, alpha, beta]));
            }
        }
        starts
    }

    fn jet(&self, theta: &[f64], at: &At<f64>, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let by_a = (-theta[ALPHA] * at.ln_n).exp();
        let by_b = (-theta[BETA] * at.ln_d).exp();
        let (capacity, data) = (theta[A] * by_a, theta[B] * by_b);
        gradient.copy_from_slice(&[1.0, by_a, by_b, -at.ln_n * capacity, -at.ln_d * data]);
        hessian.fill(0.0);
        let p = Self::COEFS.len();
        let mut set = |i: usize, j: usize, x: f64| {
            hessian[i * p + j] = x;
            hessian[j * p + i] = x;
        };
        set(A, ALPHA, -at.ln_n * by_a);
        set(B, BETA, -at.ln_d * by_b);
        set(ALPHA, ALPHA, at.ln_n * at.ln_n * capacity);
        set(BETA, BETA, at.ln_d * at.ln_d * data);
        theta[E] + capacity + data
    }

    fn separable(&self, theta: &[f64]) -> Option<Separable> {
        const CHAIN: &[[f64; 5]] = &[
            [1.0, 0.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 1.0, 0.0],
            [0.0, 0.0, 0.0, 0.0, 1.0],
        ];
        let (alpha, beta) = (theta[ALPHA], theta[BETA]);
        Some(Separable { e: theta[E], a: theta[A], b: theta[B], alpha, beta, chain: CHAIN })
    }
}
