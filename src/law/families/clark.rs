//! Clark's law of routed models at a fixed number of tokens.

use super::experts::{ln_saturated, saturated};
use crate::law::at::{At, Factor};
use crate::law::coef::Coef;
use crate::law::form::Form;
use crate::law::terms::Terms;
use crate::num::Real;
use crate::units::Setting;

/// log10 L(N, E) = a log10 N + b log10 Ê + c log10 N log10 Ê + d, L in nats per token, with the
/// saturated number of experts 1 / Ê = 1 / (E - 1 + 1 / (1 / Es - 1 / Em)) + 1 / Em.
///
/// D is the same in all runs, so the law has no compute-optimal size. It says how much more experts
/// help: above the size where b + c log10 N changes sign they stop helping.
///
/// Source: Clark et al. 2022, arXiv:2202.01169, table 3. Differs from it: nothing.
/// Domain: 15M to 1.3B parameters, E up to 512, 130B tokens; N counts the dense model that a token
/// sees.
#[derive(Clone, Copy, Debug)]
pub struct ClarkRouted;

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;
const D: usize = 3;
const FIRST: usize = 4;
const MOST: usize = 5;

impl Form for ClarkRouted {
    const ID: &'static str = "clark";
    const TITLE: &'static str = "Clark routed";
    const EQUATION: &'static str = "log10 L = a·log10 N + b·log10 Ê + c·log10 N·log10 Ê + d, 1/Ê = 1/(E - 1 + 1/(1/Es - 1/Em)) + 1/Em";
    const SOURCE: &'static str = "Clark et al. 2022, arXiv:2202.01169, table 3";
    const COEFS: &'static [Coef] = &[
        Coef::linear("a", "", -5.0, 5.0),
        Coef::linear("b", "", -10.0, 10.0),
        Coef::linear("c", "", -1.0, 1.0),
        Coef::linear("d", "log10 nats", -100.0, 100.0),
        Coef::positive("Es", "experts"),
        Coef::positive("Em", "experts"),
    ];
    const EXAMPLE: &'static [f64] = &[-0.08, -0.11, 0.01, 1.1, 2.0, 300.0];
    const FACTORS: &'static [Factor] = &[Factor::Params, Factor::Experts];

    fn loss<T: Real>(&self, theta: &[T], at: &At<T>) -> T {
        let ten = T::from(std::f64::consts::LN_10);
        let ln_e = saturated(at.setting.experts, theta[FIRST], theta[MOST]).ln();
        let cross = theta[C] * at.ln_n * ln_e / ten;
        (theta[A] * at.ln_n + theta[B] * ln_e + cross + theta[D] * ten).exp()
    }

    fn jet(&self, theta: &[f64], at: &At<f64>, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let ten = std::f64::consts::LN_10;
        let (l, [l_f, l_m], [l_ff, l_fm, l_mm]) =
            ln_saturated(at.setting.experts, theta[FIRST], theta[MOST]);
        let (x, per_l) = (at.ln_n, theta[B] + theta[C] * at.ln_n / ten);
        let slopes =
            [(A, x), (B, l), (C, x * l / ten), (D, ten), (FIRST, per_l * l_f), (MOST, per_l * l_m)];
        let bends = [
            (B, FIRST, l_f),
            (B, MOST, l_m),
            (C, FIRST, x * l_f / ten),
            (C, MOST, x * l_m / ten),
            (FIRST, FIRST, per_l * l_ff),
            (FIRST, MOST, per_l * l_fm),
            (MOST, MOST, per_l * l_mm),
        ];
        let u = theta[A] * x + per_l * l + theta[D] * ten;
        Terms::new(gradient, hessian).exponential(u, &slopes, &bends).loss()
    }

    fn floor(&self, _theta: &[f64], _setting: &Setting) -> f64 {
        0.0
    }

    fn recentre(&self, theta: &mut [f64], ln_n0: f64, _ln_d0: f64) {
        let log10_n0 = ln_n0 / std::f64::consts::LN_10;
        theta[D] += theta[A] * log10_n0;
        theta[B] += theta[C] * log10_n0;
    }

    /// A power of N through the mean loss; experts help a little and saturate as in published fits.
    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
        let ln_loss = loss.iter().map(|l| l.ln()).sum::<f64>() / loss.len() as f64;
        let ln_n = at.iter().map(|x| x.ln_n).sum::<f64>() / at.len() as f64;
        let mut starts = Vec::new();
        for a in [-0.05, -0.1, -0.2] {
            let d = (ln_loss - a * ln_n) / std::f64::consts::LN_10;
            for (first, most) in [(1.5, 300.0), (4.0, 500.0), (2.0, 60.0)] {
                starts.push(vec![a, -0.03, 0.0, d, first, most]);
            }
        }
        starts
    }
}
