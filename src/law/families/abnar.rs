//! Abnar's law of optimal sparsity.

use crate::law::at::{At, Factor};
use crate::law::coef::Coef;
use crate::law::form::Form;
use crate::law::start::{LinearPart, grid, ranked_starts};
use crate::law::terms::Terms;
use crate::num::Real;
use crate::units::Setting;

/// L(N, D, S) = e + a / N^alpha + b / D^beta + c / (1 - S)^lambda + d / ((1 - S)^delta N^gamma), in
/// nats per token.
///
/// S is the share of experts a token does not visit. At the same N, all parameters counted, a
/// sparser model computes less per token and has a slightly higher loss (lambda < 0 lowers the c term,
/// delta > 0 raises the d term, which fades with size).
///
/// Source: Abnar et al. 2025, arXiv:2501.12370, table 3. Differs from it: nothing.
/// Limits: R² of held-out runs is only 68 % at S = 0.98. The optimum over N has no closed form; it is solved.
#[derive(Clone, Copy, Debug)]
pub struct AbnarSparsity;

const E: usize = 0;
const A: usize = 1;
const ALPHA: usize = 2;
const B: usize = 3;
const BETA: usize = 4;
const C: usize = 5;
const LAMBDA: usize = 6;
const D: usize = 7;
const DELTA: usize = 8;
const GAMMA: usize = 9;

impl Form for AbnarSparsity {
    const ID: &'static str = "abnar";
    const TITLE: &'static str = "Abnar sparsity";
    const EQUATION: &'static str =
        "L = e + a/N^alpha + b/D^beta + c/(1 - S)^lambda + d/((1 - S)^delta·N^gamma)";
    const SOURCE: &'static str = "Abnar et al. 2025, arXiv:2501.12370, table 3";
    const COEFS: &'static [Coef] = &[
        Coef::positive("e", "nats per token"),
        Coef::positive("a", "nats · parameters^alpha"),
        Coef::exponent("alpha"),
        Coef::positive("b", "nats · tokens^beta"),
        Coef::exponent("beta"),
        Coef::positive("c", "nats per token"),
        Coef::linear("lambda", "", -10.0, 10.0),
        Coef::positive("d", "nats · parameters^gamma"),
        Coef::linear("delta", "", -10.0, 10.0),
        Coef::linear("gamma", "", 0.0, 5.0),
    ];
    const EXAMPLE: &'static [f64] =
        &[0.9, 16000.0, 0.6, 5500.0, 0.4, 0.45, -0.17, 17.0, 0.16, 0.16];
    const FACTORS: &'static [Factor] = &[Factor::Params, Factor::Tokens, Factor::Sparsity];

    fn loss<T: Real>(&self, theta: &[T], at: &At<T>) -> T {
        let ln_active = T::from((-at.setting.sparsity).ln_1p());
        let capacity = theta[A] * (-theta[ALPHA] * at.ln_n).exp();
        let data = theta[B] * (-theta[BETA] * at.ln_d).exp();
        let sparse = theta[C] * (-theta[LAMBDA] * ln_active).exp();
        let mixed = theta[D] * (-theta[DELTA] * ln_active - theta[GAMMA] * at.ln_n).exp();
        theta[E] + capacity + data + sparse + mixed
    }

    fn jet(&self, theta: &[f64], at: &At<f64>, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let (x, y, s) = (at.ln_n, at.ln_d, (-at.setting.sparsity).ln_1p());
        let mixed = -theta[DELTA] * s - theta[GAMMA] * x;
        Terms::new(gradient, hessian)
            .constant(E, theta[E])
            .scaled((A, theta[A]), -theta[ALPHA] * x, &[(ALPHA, -x)], &[])
            .scaled((B, theta[B]), -theta[BETA] * y, &[(BETA, -y)], &[])
            .scaled((C, theta[C]), -theta[LAMBDA] * s, &[(LAMBDA, -s)], &[])
            .scaled((D, theta[D]), mixed, &[(DELTA, -s), (GAMMA, -x)], &[])
            .loss()
    }

    fn floor(&self, theta: &[f64], setting: &Setting) -> f64 {
        theta[E] + theta[C] * (-theta[LAMBDA] * (-setting.sparsity).ln_1p()).exp()
    }

    fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64) {
        theta[A] *= (-theta[ALPHA] * ln_n0).exp();
        theta[B] *= (-theta[BETA] * ln_d0).exp();
        theta[D] *= (-theta[GAMMA] * ln_n0).exp();
    }

    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
        let tuples = grid([&[0.3, 0.6], &[0.2, 0.4], &[-0.3, -0.1], &[0.1, 0.3], &[0.1, 0.2]]);
        let part = |[alpha, beta, lambda, delta, gamma]: &[f64; 5]| {
            let ln_active = |x: &At<f64>| (-x.setting.sparsity).ln_1p();
            let mixed = |x: &At<f64>| (-delta * ln_active(x) - gamma * x.ln_n).exp();
            LinearPart::of_loss(loss)
                .with(at.iter().map(|_| 1.0))
                .with(at.iter().map(|x| (-alpha * x.ln_n).exp()))
                .with(at.iter().map(|x| (-beta * x.ln_d).exp()))
                .with(at.iter().map(|x| (-lambda * ln_active(x)).exp()))
                .with(at.iter().map(mixed))
        };
        ranked_starts(&tuples, loss, part)
            .into_iter()
            .map(|([alpha, beta, lambda, delta, gamma], x)| {
                vec![x[0], x[1], alpha, x[2], beta, x[3], lambda, x[4], delta, gamma]
            })
            .collect()
    }
}
