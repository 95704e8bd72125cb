//! Kaplan's joint law: one power of a sum, no entropy floor.

use crate::law::at::At;
use crate::law::coef::Coef;
use crate::law::form::Form;
use crate::num::{Real, nonnegative_least_squares};
use crate::units::Setting;

/// L(N, D) = ((Nc / N)^(aN / aD) + Dc / D)^aD, in nats per token.
///
/// N counts non-embedding parameters, D tokens of an early-stopped run. The loss falls to zero for
/// infinite N and D, so the law must not be used far beyond its runs.
///
/// Source: Kaplan et al. 2020, arXiv:2001.08361, eq. 1.5. Differs from it: nothing.
#[derive(Clone, Copy, Debug)]
pub struct KaplanJoint;

const NC: usize = 0;
const DC: usize = 1;
const AN: usize = 2;
const AD: usize = 3;

impl Form for KaplanJoint {
    const ID: &'static str = "kaplan-joint";
    const TITLE: &'static str = "Kaplan joint";
    const EQUATION: &'static str = "L = ((Nc/N)^(aN/aD) + Dc/D)^aD";
    const SOURCE: &'static str = "Kaplan et al. 2020, arXiv:2001.08361, eq. 1.5";
    const COEFS: &'static [Coef] = &[
        Coef::positive("Nc", "parameters"),
        Coef::positive("Dc", "tokens"),
        Coef::positive("aN", "").within(0.0, 5.0).flat_above(4.0),
        Coef::positive("aD", "").within(0.0, 5.0).flat_above(4.0),
    ];
    const EXAMPLE: &'static [f64] = &[6e13, 2e13, 0.08, 0.1];

    fn loss<T: Real>(&self, theta: &[T], at: &At<T>) -> T {
        let capacity = ((theta[NC].ln() - at.ln_n) * theta[AN] / theta[AD]).exp();
        let data = (theta[DC].ln() - at.ln_d).exp();
        ((capacity + data).ln() * theta[AD]).exp()
    }

    fn floor(&self, _theta: &[f64], _setting: &Setting) -> f64 {
        0.0
    }

    fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64) {
        theta[NC] *= (-ln_n0).exp();
        theta[DC] *= (-ln_d0).exp();
    }

    /// For fixed exponents L^(1/aD) is linear in Nc^(aN/aD) and Dc.
    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
        let mut starts = Vec::new();
        for an in [0.05, 0.1, 0.2] {
            for ad in [0.07, 0.15, 0.3] {
                let ratio = an / ad;
                let columns = vec![
                    at.iter().map(|x| (-ratio * x.ln_n).exp()).collect(),
                    at.iter().map(|x| (-x.ln_d).exp()).collect(),
                ];
                let raised: Vec<f64> = loss.iter().map(|l| l.powf(1.0 / ad)).collect();
                let Some(b) = nonnegative_least_squares(&columns, &raised) else { continue };
                let least = 1e-3 * raised.iter().sum::<f64>() / raised.len() as f64;
                let nc = b[0].max(least).powf(1.0 / ratio);
                let dc = b[1].max(least);
                if nc.is_finite() && dc.is_finite() && nc > 0.0 && dc > 0.0 {
                    starts.push(vec![nc, dc, an, ad]);
                }
            }
        }
        starts
    }

    fn ln_d_for_loss(
        &self,
        theta: &[f64],
        ln_n: f64,
        loss: f64,
        _setting: &Setting,
    ) -> Option<f64> {
        let capacity = ((theta[NC].ln() - ln_n) * theta[AN] / theta[AD]).exp();
        let left = loss.powf(1.0 / theta[AD]) - capacity;
        Some(if left > 0.0 { theta[DC].ln() - left.ln() } else { f64::INFINITY })
    }
}
