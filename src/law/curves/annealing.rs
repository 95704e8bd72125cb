//! Tissue's annealing law: the area under the rate, and the area by which it was lowered.

use super::form::CurveForm;
use super::rates::LearningRates;
use super::sublinear::ConstantRate;
use crate::law::coef::Coef;
use crate::law::form::dual_jet;
use crate::law::start::{LinearPart, grid, ranked_starts};

/// L(s) = L0 + A S1^-alpha - C S2, in nats per token, with the forward area S1(s) = sum of the rates
/// up to s and the annealing area S2(s) = sum over i up to s of m_i, m_i = lambda m_(i-1) +
/// (eta_(i-1) - eta_i), lambda = 0.999.
///
/// Source: Tissue et al. 2024, arXiv:2408.11029, eq. 1. Differs from it: the rise of the rate in
/// warm-up counts for S1 and not as negative annealing.
/// Domain: one N and batch size; rates per step, not per token. S2 keeps growing for about 1 / (1 - lambda)
/// steps after a decay.
#[derive(Clone, Copy, Debug)]
pub struct Annealing;

/// Memory of the annealing momentum per step.
const LAMBDA: f64 = 0.999;

impl CurveForm for Annealing {
    fn id(&self) -> &'static str {
        "annealing"
    }

    fn equation(&self) -> &'static str {
        "L(s) = L0 + A·S1^-alpha - C·S2"
    }

    fn source(&self) -> &'static str {
        "Tissue et al. 2024, arXiv:2408.11029, eq. 1"
    }

    fn coefs(&self) -> &'static [Coef] {
        const {
            &[
                Coef::positive("L0", "nats per token"),
                Coef::positive("A", "nats · rate^alpha"),
                Coef::exponent("alpha"),
                Coef::positive("C", "nats per rate"),
            ]
        }
    }

    fn example(&self) -> &'static [f64] {
        &[2.6, 0.9, 0.5, 0.4]
    }

    fn without_decay(&self) -> &'static dyn CurveForm {
        &ConstantRate
    }

    fn features(&self, rates: &LearningRates, steps: &[usize]) -> Vec<Vec<f64>> {
        let (mut momentum, mut annealed) = (0.0, 0.0);
        let mut at = rates.warmup();
        steps
            .iter()
            .map(|&step| {
                while at < step {
                    at += 1;
                    momentum = LAMBDA * momentum + rates.rate(at - 1) - rates.rate(at);
                    annealed += momentum;
                }
                vec![rates.area(step).ln(), annealed]
            })
            .collect()
    }

    fn loss(&self, theta: &[f64], features: &[f64]) -> f64 {
        theta[0] + theta[1] * (-theta[2] * features[0]).exp() - theta[3] * features[1]
    }

    fn jet(
        &self,
        theta: &[f64],
        features: &[f64],
        gradient: &mut [f64],
        hessian: &mut [f64],
    ) -> f64 {
        use num_dual::DualNum;
        dual_jet(
            |t| t[0] + t[1] * (-t[2] * features[0]).exp() - t[3] * features[1],
            theta,
            gradient,
            hessian,
        )
    }

    fn starts(&self, features: &[Vec<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
        let part = |[alpha]: &[f64; 1]| {
            LinearPart::of_loss(loss)
                .with(features.iter().map(|_| 1.0))
                .with(features.iter().map(|f| (-alpha * f[0]).exp()))
                .with(features.iter().map(|f| -f[1]))
        };
        ranked_starts(&grid([&[0.2, 0.4, 0.6, 0.9]]), loss, part)
            .into_iter()
            .map(|([alpha], x)| vec![x[0], x[1], alpha, x[2]])
            .collect()
    }
}
