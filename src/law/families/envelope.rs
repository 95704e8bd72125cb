//! The compute envelope: the loss of well-allocated runs as a power of compute.

use crate::law::at::{At, Factor};
use crate::law::coef::Coef;
use crate::law::form::Form;
use crate::law::start::{LinearPart, grid, ranked_starts};
use crate::law::terms::Terms;
use crate::num::Real;
use crate::units::Setting;

/// L(C) = Linf + A C^-alpha with C = 6 N D, in nats per token.
///
/// For runs that are each near the optimum of their budget, such as the minimum of every isoFLOP
/// profile. It says which loss a budget reaches, not how to spend it: it has no optimal N.
///
/// Source: Kaplan et al. 2020, arXiv:2001.08361, eq. 1.3 without a floor; Henighan et al. 2020,
/// arXiv:2010.14701, with it. Differs from them: nothing.
#[derive(Clone, Copy, Debug)]
pub struct ComputeEnvelope;

const FLOOR: usize = 0;
const A: usize = 1;
const ALPHA: usize = 2;

/// ln 6, from C = 6 N D.
const LN_SIX: f64 = 1.791_759_469_228_055;

impl Form for ComputeEnvelope {
    const ID: &'static str = "envelope";
    const TITLE: &'static str = "Compute envelope";
    const EQUATION: &'static str = "L = Linf + A·C^-alpha, C = 6ND";
    const SOURCE: &'static str = "Henighan et al. 2020, arXiv:2010.14701";
    const COEFS: &'static [Coef] = &[
        Coef::positive("Linf", "nats per token"),
        Coef::positive("A", "nats · FLOPs^alpha"),
        Coef::exponent("alpha"),
    ];
    const EXAMPLE: &'static [f64] = &[1.7, 60.0, 0.09];
    const FACTORS: &'static [Factor] = &[Factor::Compute];

    fn loss<T: Real>(&self, theta: &[T], at: &At<T>) -> T {
        let ln_c = at.ln_n + at.ln_d + T::from(LN_SIX);
        theta[FLOOR] + theta[A] * (-theta[ALPHA] * ln_c).exp()
    }

    fn jet(&self, theta: &[f64], at: &At<f64>, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let ln_c = at.ln_n + at.ln_d + LN_SIX;
        Terms::new(gradient, hessian)
            .constant(FLOOR, theta[FLOOR])
            .scaled((A, theta[A]), -theta[ALPHA] * ln_c, &[(ALPHA, -ln_c)], &[])
            .loss()
    }

    fn floor(&self, theta: &[f64], _setting: &Setting) -> f64 {
        theta[FLOOR]
    }

    fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64) {
        theta[A] *= (-theta[ALPHA] * (ln_n0 + ln_d0)).exp();
    }

    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
        let part = |[alpha]: &[f64; 1]| {
            let power = |x: &At<f64>| (-alpha * (x.ln_n + x.ln_d + LN_SIX)).exp();
            LinearPart::of_loss(loss).with(at.iter().map(|_| 1.0)).with(at.iter().map(power))
        };
        ranked_starts(&grid([&[0.03, 0.06, 0.12, 0.25]]), loss, part)
            .into_iter()
            .map(|([alpha], x)| vec![x[0], x[1], alpha])
            .collect()
    }

    fn ln_d_for_loss(
        &self,
        theta: &[f64],
        ln_n: f64,
        loss: f64,
        _setting: &Setting,
    ) -> Option<f64> {
        let left = loss - theta[FLOOR];
        let ln_c = (theta[A].ln() - left.ln()) / theta[ALPHA];
        Some(if left > 0.0 { ln_c - LN_SIX - ln_n } else { f64::INFINITY })
    }
}
