//! Krajewski's law of fine-grained mixtures of experts.

use crate::law::at::{At, Factor};
use crate::law::coef::Coef;
use crate::law::form::Form;
use crate::law::powers::Powers;
use crate::law::start::{LinearPart, grid, ranked_starts};
use crate::law::terms::Terms;
use crate::num::Real;
use crate::units::Setting;

/// L(N, D, G) = c + (g / G^gamma + a) / N^alpha + b / D^beta, in nats per token.
///
/// G is the granularity: how many small experts replace one of full size. At a fixed G it is a
/// Chinchilla law.
///
/// Source: Krajewski et al. 2024, arXiv:2402.07871, table 1. Differs from it: nothing.
/// Domain: 129M to 3.7B active parameters, 16B to 130B tokens, expansion rate 64; N counts all
/// non-embedding parameters, active or not, about 43 times the active ones there.
#[derive(Clone, Copy, Debug)]
pub struct KrajewskiMoe;

const C: usize = 0;
const A: usize = 1;
const ALPHA: usize = 2;
const B: usize = 3;
const BETA: usize = 4;
const G: usize = 5;
const GAMMA: usize = 6;

/// The Chinchilla law at this granularity.
fn at_granularity(theta: &[f64], setting: &Setting) -> Powers {
    let a = theta[A] + theta[G] * (-theta[GAMMA] * setting.granularity.ln()).exp();
    Powers { e: theta[C], a, b: theta[B], alpha: theta[ALPHA], beta: theta[BETA] }
}

impl Form for KrajewskiMoe {
    const ID: &'static str = "krajewski";
    const TITLE: &'static str = "Krajewski fine-grained MoE";
    const EQUATION: &'static str = "L = c + (g/G^gamma + a)/N^alpha + b/D^beta";
    const SOURCE: &'static str = "Krajewski et al. 2024, arXiv:2402.07871, table 1";
    const COEFS: &'static [Coef] = &[
        Coef::positive("c", "nats per token"),
        Coef::positive("a", "nats · parameters^alpha"),
        Coef::exponent("alpha"),
        Coef::positive("b", "nats · tokens^beta"),
        Coef::exponent("beta"),
        Coef::positive("g", "nats · parameters^alpha"),
        Coef::linear("gamma", "", 0.0, 10.0),
    ];
    const EXAMPLE: &'static [f64] = &[0.5, 18.0, 0.12, 30.0, 0.15, 2.0, 0.6];
    const FACTORS: &'static [Factor] = &[Factor::Params, Factor::Tokens, Factor::Granularity];

    fn loss<T: Real>(&self, theta: &[T], at: &At<T>) -> T {
        let fine = theta[G] * (-theta[GAMMA] * T::from(at.setting.granularity.ln())).exp();
        let capacity = (fine + theta[A]) * (-theta[ALPHA] * at.ln_n).exp();
        theta[C] + capacity + theta[B] * (-theta[BETA] * at.ln_d).exp()
    }

    fn jet(&self, theta: &[f64], at: &At<f64>, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let (x, y, fine) = (at.ln_n, at.ln_d, at.setting.granularity.ln());
        let by_n = -theta[ALPHA] * x;
        let both = by_n - theta[GAMMA] * fine;
        Terms::new(gradient, hessian)
            .constant(C, theta[C])
            .scaled((A, theta[A]), by_n, &[(ALPHA, -x)], &[])
            .scaled((G, theta[G]), both, &[(ALPHA, -x), (GAMMA, -fine)], &[])
            .scaled((B, theta[B]), -theta[BETA] * y, &[(BETA, -y)], &[])
            .loss()
    }

    fn floor(&self, theta: &[f64], _setting: &Setting) -> f64 {
        theta[C]
    }

    fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64) {
        let by_n = (-theta[ALPHA] * ln_n0).exp();
        theta[A] *= by_n;
        theta[G] *= by_n;
        theta[B] *= (-theta[BETA] * ln_d0).exp();
    }

    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
        const EXPONENTS: &[f64] = &[0.1, 0.2, 0.4];
        let tuples = grid([EXPONENTS, EXPONENTS, &[0.3, 0.6, 1.2]]);
        let part = |[alpha, beta, gamma]: &[f64; 3]| {
            let fine = |x: &At<f64>| (-alpha * x.ln_n - gamma * x.setting.granularity.ln()).exp();
            LinearPart::of_loss(loss)
                .with(at.iter().map(|_| 1.0))
                .with(at.iter().map(|x| (-alpha * x.ln_n).exp()))
                .with(at.iter().map(|x| (-beta * x.ln_d).exp()))
                .with(at.iter().map(fine))
        };
        ranked_starts(&tuples, loss, part)
            .into_iter()
            .map(|([alpha, beta, gamma], x)| vec![x[0], x[1], alpha, x[2], beta, x[3], gamma])
            .collect()
    }

    fn powers(&self, theta: &[f64], setting: &Setting) -> Option<Powers> {
        Some(at_granularity(theta, setting))
    }
}
