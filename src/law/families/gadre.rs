//! Gadre's overtraining law: loss in compute and tokens per parameter.

use crate::law::at::At;
use crate::law::coef::Coef;
use crate::law::form::Form;
use crate::law::powers::Separable;
use crate::law::start::start_powers;
use crate::num::Real;
use crate::units::Setting;

/// L(C, M) = E + (a M^eta + b M^-eta) C^-eta with C = 6 N D and M = D / N, in nats per token.
///
/// At any fixed M the same factor of compute shrinks the reducible loss by the same factor, so families
/// of overtrained models are parallel lines. In N and D it reads E + a 6^-eta N^-2eta + b 6^-eta D^-2eta: a law
/// with tied exponents, M* = (b / a)^(1 / (2 eta)) at every budget.
///
/// Source: Gadre et al. 2024, arXiv:2403.08540, eq. 4. Differs from it: nothing.
/// Domain: 11M to 6.9B parameters, M from 5 to 640; N counts all parameters.
#[derive(Clone, Copy, Debug)]
pub struct GadreOvertraining;

const E: usize = 0;
const A: usize = 1;
const B: usize = 2;
const ETA: usize = 3;

/// ln 6, from C = 6 N D.
const LN_SIX: f64 = 1.791_759_469_228_055;

/// The coefficients of the same surface in the form of Chinchilla.
fn in_n_and_d(theta: &[f64]) -> [f64; 5] {
    let six = (-theta[ETA] * LN_SIX).exp();
    let exponent = 2.0 * theta[ETA];
    [theta[E], theta[A] * six, theta[B] * six, exponent, exponent]
}

impl Form for GadreOvertraining {
    const ID: &'static str = "gadre";
    const TITLE: &'static str = "Gadre overtraining";
    const EQUATION: &'static str = "L = E + (a·M^eta + b·M^-eta)·C^-eta, M = D/N, C = 6ND";
    const SOURCE: &'static str = "Gadre et al. 2024, arXiv:2403.08540, eq. 4";
    const COEFS: &'static [Coef] = &[
        Coef::floor("E"),
        Coef::positive("a", "nats · FLOPs^eta"),
        Coef::positive("b", "nats · FLOPs^eta"),
        Coef::linear("eta", "", 0.0, 2.5),
    ];
    const EXAMPLE: &'static [f64] = &[1.8, 200.0, 350.0, 0.135];

    fn loss<T: Real>(&self, theta: &[T], at: &At<T>) -> T {
        let ln_c = at.ln_n + at.ln_d + T::from(LN_SIX);
        let ln_m = at.ln_d - at.ln_n;
        let by_size = theta[A] * (theta[ETA] * (ln_m - ln_c)).exp();
        let by_data = theta[B] * (-theta[ETA] * (ln_m + ln_c)).exp();
        theta[E] + by_size + by_data
    }

    fn floor(&self, theta: &[f64], _setting: &Setting) -> f64 {
        theta[E]
    }

    fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64) {
        theta[A] *= (-2.0 * theta[ETA] * ln_n0).exp();
        theta[B] *= (-2.0 * theta[ETA] * ln_d0).exp();
    }

    /// For a fixed exponent the loss is linear in E, a, b; only the exponent is taken from a grid.
    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
        [0.05, 0.1, 0.17, 0.25, 0.4]
            .into_iter()
            .filter_map(|eta| {
                let [e, a, b] = start_powers(at, loss, 2.0 * eta, 2.0 * eta)?;
                let six = (eta * LN_SIX).exp();
                Some(vec![e, a * six, b * six, eta])
            })
            .collect()
    }

    fn separable(&self, theta: &[f64]) -> Option<Separable> {
        const CHAIN: &[[f64; 5]] = &[
            [1.0, 0.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0, 0.0],
            [0.0, -LN_SIX, -LN_SIX, 2.0, 2.0],
        ];
        let [e, a, b, alpha, beta] = in_n_and_d(theta);
        Some(Separable { e, a, b, alpha, beta, chain: CHAIN })
    }

    fn jet(&self, theta: &[f64], at: &At<f64>, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let (u, v) = (LN_SIX + 2.0 * at.ln_n, LN_SIX + 2.0 * at.ln_d);
        let (by_a, by_b) = ((-theta[ETA] * u).exp(), (-theta[ETA] * v).exp());
        let (size, data) = (theta[A] * by_a, theta[B] * by_b);
        gradient.copy_from_slice(&[1.0, by_a, by_b, -u * size - v * data]);
        hessian.fill(0.0);
        let p = Self::COEFS.len();
        let mut set = |i: usize, j: usize, x: f64| {
            hessian[i * p + j] = x;
            hessian[j * p + i] = x;
        };
        set(A, ETA, -u * by_a);
        set(B, ETA, -v * by_b);
        set(ETA, ETA, u * u * size + v * v * data);
        theta[E] + size + data
    }
}
