//! Ludziejewski's joint law of dense and mixture-of-experts models.

use super::experts::{ln_saturated, saturated};
use crate::law::at::{At, Factor};
use crate::law::coef::Coef;
use crate::law::form::Form;
use crate::law::powers::Powers;
use crate::law::start::start_powers;
use crate::law::terms::Terms;
use crate::num::Real;
use crate::units::Setting;

/// L(N, D, E) = c + a Ê^delta N^(alpha + gamma ln Ê) + b Ê^omega D^(beta + zeta ln Ê), in nats per
/// token, with the saturated number of experts 1 / Ê = 1 / (E - 1 + 1 / (1 / Es - 1 / Em)) + 1 / Em.
///
/// At a fixed number of experts it is a Chinchilla law, and so are its optimum and its iso-loss
/// curves. More experts lower the capacity term and raise the data term: sparse models need more
/// tokens.
///
/// Source: Ludziejewski et al. 2025, arXiv:2502.05172, tables 3 and 4. Differs from it:
/// nothing. Exponents carry the printed signs, negative for N and D.
/// Domain: up to 5B parameters, E from 1 to 32, top-1 routing; N counts active parameters.
#[derive(Clone, Copy, Debug)]
pub struct JointMoe;

const C: usize = 0;
const A: usize = 1;
const ALPHA: usize = 2;
const DELTA: usize = 3;
const GAMMA: usize = 4;
const B: usize = 5;
const BETA: usize = 6;
const OMEGA: usize = 7;
const ZETA: usize = 8;
const FIRST: usize = 9;
const MOST: usize = 10;

/// The Chinchilla law of this many experts.
fn with_experts(theta: &[f64], setting: &Setting) -> Powers {
    let ln_e = saturated(setting.experts, theta[FIRST], theta[MOST]).ln();
    Powers {
        e: theta[C],
        a: theta[A] * (theta[DELTA] * ln_e).exp(),
        b: theta[B] * (theta[OMEGA] * ln_e).exp(),
        alpha: -(theta[ALPHA] + theta[GAMMA] * ln_e),
        beta: -(theta[BETA] + theta[ZETA] * ln_e),
    }
}

impl Form for JointMoe {
    const ID: &'static str = "joint-moe";
    const TITLE: &'static str = "Joint dense and MoE";
    const EQUATION: &'static str = "L = c + a·Ê^delta·N^(alpha + gamma·ln Ê) + b·Ê^omega·D^(beta + zeta·ln Ê), 1/Ê = 1/(E - 1 + 1/(1/Es - 1/Em)) + 1/Em";
    const SOURCE: &'static str = "Ludziejewski et al. 2025, arXiv:2502.05172, tables 3 and 4";
    const COEFS: &'static [Coef] = &[
        Coef::positive("c", "nats per token"),
        Coef::positive("a", "nats · parameters^-alpha"),
        Coef::linear("alpha", "", -5.0, 0.0),
        Coef::linear("delta", "", -10.0, 10.0),
        Coef::linear("gamma", "", -1.0, 1.0),
        Coef::positive("b", "nats · tokens^-beta"),
        Coef::linear("beta", "", -5.0, 0.0),
        Coef::linear("omega", "", -10.0, 10.0),
        Coef::linear("zeta", "", -1.0, 1.0),
        Coef::positive("Es", "experts"),
        Coef::positive("Em", "experts"),
    ];
    const EXAMPLE: &'static [f64] =
        &[1.4, 36.0, -0.19, -0.23, 0.01, 36.0, -0.18, 0.55, -0.026, 2.0, 300.0];
    const FACTORS: &'static [Factor] = &[Factor::Params, Factor::Tokens, Factor::Experts];

    fn loss<T: Real>(&self, theta: &[T], at: &At<T>) -> T {
        let ln_e = saturated(at.setting.experts, theta[FIRST], theta[MOST]).ln();
        let by_n = theta[DELTA] * ln_e + (theta[ALPHA] + theta[GAMMA] * ln_e) * at.ln_n;
        let by_d = theta[OMEGA] * ln_e + (theta[BETA] + theta[ZETA] * ln_e) * at.ln_d;
        theta[C] + theta[A] * by_n.exp() + theta[B] * by_d.exp()
    }

    fn jet(&self, theta: &[f64], at: &At<f64>, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let (l, [l_f, l_m], [l_ff, l_fm, l_mm]) =
            ln_saturated(at.setting.experts, theta[FIRST], theta[MOST]);
        // a Ê^delta N^(alpha + gamma ln Ê) and its like in D, with the indices of their coefficients.
        let terms = [(A, ALPHA, DELTA, GAMMA, at.ln_n), (B, BETA, OMEGA, ZETA, at.ln_d)];
        let mut sum = Terms::new(gradient, hessian).constant(C, theta[C]);
        for (scale, exponent, by_l, cross, x) in terms {
            let per_l = theta[by_l] + theta[cross] * x;
            let slopes = [
                (exponent, x),
                (by_l, l),
                (cross, l * x),
                (FIRST, per_l * l_f),
                (MOST, per_l * l_m),
            ];
            let bends = [
                (by_l, FIRST, l_f),
                (by_l, MOST, l_m),
                (cross, FIRST, x * l_f),
                (cross, MOST, x * l_m),
                (FIRST, FIRST, per_l * l_ff),
                (FIRST, MOST, per_l * l_fm),
                (MOST, MOST, per_l * l_mm),
            ];
            let v = theta[exponent] * x + per_l * l;
            sum = sum.scaled((scale, theta[scale]), v, &slopes, &bends);
        }
        sum.loss()
    }

    fn floor(&self, theta: &[f64], _setting: &Setting) -> f64 {
        theta[C]
    }

    fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64) {
        theta[A] *= (theta[ALPHA] * ln_n0).exp();
        theta[DELTA] += theta[GAMMA] * ln_n0;
        theta[B] *= (theta[BETA] * ln_d0).exp();
        theta[OMEGA] += theta[ZETA] * ln_d0;
    }

    /// A Chinchilla law, with experts that help a little and saturate as in published fits.
    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
        let mut starts = Vec::new();
        for exponent in [0.1, 0.2, 0.35] {
            let Some([e, a, b]) = start_powers(at, loss, exponent, exponent) else { continue };
            for (delta, omega) in [(-0.1, 0.05), (-0.02, 0.02)] {
                for (first, most) in [(1.5, 300.0), (2.5, 100.0)] {
                    starts.push(vec![
                        e, a, -exponent, delta, 0.0, b, -exponent, omega, 0.0, first, most,
                    ]);
                }
            }
        }
        starts
    }

    fn powers(&self, theta: &[f64], setting: &Setting) -> Option<Powers> {
        Some(with_experts(theta, setting))
    }
}
