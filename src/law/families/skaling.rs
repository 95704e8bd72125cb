//! Skaling: capacity and data terms under a common power.

use crate::law::at::At;
use crate::law::coef::Coef;
use crate::law::form::Form;
use crate::law::powers::Powers;
use crate::law::start::{LinearPart, grid, ranked_starts};
use crate::num::Real;
use crate::units::Setting;

/// L(N, D) = E + (A / N^alpha + B / D^beta)^k, in nats per token.
///
/// With k = 1 it is [`Chinchilla`](super::Chinchilla). Below one, the scarcer of size and data weighs
/// more than in a sum, until at k = 0 only the larger term counts; above one they weigh more evenly,
/// and for large k the law becomes E + G N^-p D^-q. What is measured far from the other limit is
/// alpha k and beta k, so alpha and beta themselves are known no better than k is.
///
/// N* and D* of a budget are those of the sum inside: N* = G (C/6)^a with a = beta / (alpha + beta) and
/// G = (alpha A / (beta B))^(1 / (alpha + beta)), whatever k and E are.
///
/// Source: arXiv:2608.07222. Differs from it: nothing.
/// Domain: as [`Chinchilla`](super::Chinchilla); six coefficients want token counts spread widely at
/// each size.
#[derive(Clone, Copy, Debug)]
pub struct Skaling;

const E: usize = 0;
const A: usize = 1;
const B: usize = 2;
const ALPHA: usize = 3;
const BETA: usize = 4;
const K: usize = 5;

/// The sum inside the power, as a law without a floor.
fn inside(theta: &[f64]) -> Powers {
    Powers { e: 0.0, a: theta[A], b: theta[B], alpha: theta[ALPHA], beta: theta[BETA] }
}

/// What the sum inside is where the law is at `loss`; NaN below the floor.
fn inside_at(theta: &[f64], loss: f64) -> f64 {
    (loss - theta[E]).powf(1.0 / theta[K])
}

impl Form for Skaling {
    const ID: &'static str = "skaling";
    const TITLE: &'static str = "Skaling";
    const EQUATION: &'static str = "L = E + (A/N^alpha + B/D^beta)^k";
    const SOURCE: &'static str = "arXiv:2608.07222";
    const COEFS: &'static [Coef] = &[
        Coef::floor("E"),
        Coef::positive("A", "nats^(1/k) · parameters^alpha"),
        Coef::positive("B", "nats^(1/k) · tokens^beta"),
        Coef::exponent("alpha"),
        Coef::exponent("beta"),
        Coef::positive("k", "").flat_above(4.0),
    ];
    const EXAMPLE: &'static [f64] = &[1.7, 2e5, 1e6, 0.7, 0.72, 0.45];

    fn loss<T: Real>(&self, theta: &[T], at: &At<T>) -> T {
        let capacity = theta[A] * (-theta[ALPHA] * at.ln_n).exp();
        let data = theta[B] * (-theta[BETA] * at.ln_d).exp();
        theta[E] + ((capacity + data).ln() * theta[K]).exp()
    }

    fn floor(&self, theta: &[f64], _setting: &Setting) -> f64 {
        theta[E]
    }

    fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64) {
        theta[A] *= (-theta[ALPHA] * ln_n0).exp();
        theta[B] *= (-theta[BETA] * ln_d0).exp();
    }

    /// For fixed E, k and exponents (L - E)^(1/k) is linear in A and B. The exponents that a table
    /// shows are alpha k and beta k, so the grid is in those; the best of it for each k, since k is what
    /// minima differ in.
    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
        const POWERS: [f64; 5] = [0.3, 0.5, 0.75, 1.1, 2.0];
        const SHOWN: [f64; 4] = [0.15, 0.28, 0.42, 0.7];
        const PER_POWER: usize = 3;
        let lowest = loss.iter().copied().fold(f64::INFINITY, f64::min);
        let floors = [0.2, 0.5, 0.7, 0.85, 0.95].map(|share| share * lowest);
        let for_power = |k: f64| {
            let part = |[shown_n, shown_d, e]: &[f64; 3]| {
                let (alpha, beta, e) = (shown_n / k, shown_d / k, *e);
                let forward = move |l: f64| (l - e).powf(1.0 / k);
                let back = move |inside: f64| e + inside.powf(k);
                LinearPart::of(loss, forward, back)
                    .with(at.iter().map(|x| (-alpha * x.ln_n).exp()))
                    .with(at.iter().map(|x| (-beta * x.ln_d).exp()))
            };
            ranked_starts(&grid([&SHOWN, &SHOWN, &floors]), loss, part)
                .into_iter()
                .take(PER_POWER)
                .map(move |([n, d, e], x)| vec![e, x[0], x[1], n / k, d / k, k])
        };
        POWERS.into_iter().flat_map(for_power).collect()
    }

    fn jet(&self, theta: &[f64], at: &At<f64>, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let (x, y, k) = (at.ln_n, at.ln_d, theta[K]);
        let (by_a, by_b) = ((-theta[ALPHA] * x).exp(), (-theta[BETA] * y).exp());
        let (capacity, data) = (theta[A] * by_a, theta[B] * by_b);
        let sum = capacity + data;
        let ln_sum = sum.ln();
        let power = (k * ln_sum).exp();
        // The outer power in the sum: once, twice, and once each in the sum and in k.
        let slope = k * power / sum;
        let bend = (k - 1.0) * slope / sum;
        let mixed = (1.0 + k * ln_sum) * power / sum;
        const INSIDE: [usize; 4] = [A, B, ALPHA, BETA];
        let of_sum = [by_a, by_b, -x * capacity, -y * data];
        gradient[E] = 1.0;
        gradient[K] = power * ln_sum;
        hessian.fill(0.0);
        let p = Self::COEFS.len();
        let mut set = |i: usize, j: usize, x: f64| {
            hessian[i * p + j] = x;
            hessian[j * p + i] = x;
        };
        for (i, g) in INSIDE.into_iter().zip(of_sum) {
            gradient[i] = slope * g;
            for (j, h) in INSIDE.into_iter().zip(of_sum) {
                set(i, j, bend * g * h);
            }
            set(i, K, mixed * g);
        }
        set(K, K, power * ln_sum * ln_sum);
        let own = [
            (A, ALPHA, -x * by_a),
            (B, BETA, -y * by_b),
            (ALPHA, ALPHA, x * x * capacity),
            (BETA, BETA, y * y * data),
        ];
        for (i, j, second) in own {
            let outer = bend * of_sum[i - A] * of_sum[j - A];
            set(i, j, outer + slope * second);
        }
        theta[E] + power
    }

    fn slopes(&self, theta: &[f64], at: &At<f64>) -> (f64, f64) {
        let inside = inside(theta);
        let sum = inside.loss(at.ln_n, at.ln_d);
        let outer = theta[K] * (theta[K] * sum.ln()).exp() / sum;
        let (by_n, by_d) = inside.slopes(at.ln_n, at.ln_d);
        (outer * by_n, outer * by_d)
    }

    fn ln_n_optimal(&self, theta: &[f64], ln_nd: f64, _setting: &Setting) -> Option<f64> {
        Some(inside(theta).ln_n_optimal(ln_nd))
    }

    fn ln_optimum_for_loss(
        &self,
        theta: &[f64],
        loss: f64,
        _setting: &Setting,
    ) -> Option<(f64, f64)> {
        Some(inside(theta).ln_optimum_for_loss(inside_at(theta, loss)))
    }

    fn ln_n_wall(&self, theta: &[f64], loss: f64, _setting: &Setting) -> Option<f64> {
        Some(inside(theta).ln_n_wall(inside_at(theta, loss)))
    }

    fn ln_d_for_loss(&self, theta: &[f64], ln_n: f64, loss: f64, _: &Setting) -> Option<f64> {
        Some(inside(theta).ln_d_for_loss(ln_n, inside_at(theta, loss)))
    }
}
