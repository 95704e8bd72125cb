//! Two laws, one for each recipe, and the compute multiplier between their frontiers.

use crate::fit::fitted::Fit;
use crate::law::Surface;
use crate::num::{find_root, map_all};
use crate::units::Flops;

/// Draws beyond this many move no end of an interval.
const MOST_DRAWS: usize = 4000;

/// The laws of both recipes with equally likely draws of both together, A first.
#[derive(Clone, Debug)]
pub(super) struct LawPair {
    pub(super) best: [Surface; 2],
    pub(super) draws: Vec<[Surface; 2]>,
    /// Value of the objective, of both tables together.
    pub(super) objective: f64,
    /// Whether every minimum behind it is certified.
    pub(super) certified: bool,
}

impl LawPair {
    /// Two fits that share nothing: any draw of one is as likely beside any draw of the other.
    pub(super) fn of_fits(a: &Fit, b: &Fit) -> Self {
        let [a_draws, b_draws] = [a, b].map(|fit| fit.ensemble().draws);
        let count = a_draws.len().max(b_draws.len()).min(MOST_DRAWS);
        let some = !a_draws.is_empty() && !b_draws.is_empty();
        let draw =
            |k: usize| [a_draws[k % a_draws.len()].clone(), b_draws[k % b_draws.len()].clone()];
        Self {
            best: [a.surface.clone(), b.surface.clone()],
            draws: if some { (0..count).map(draw).collect() } else { Vec::new() },
            objective: a.objective_value + b.objective_value,
            certified: a.certificate.certified && b.certificate.certified,
        }
    }

    /// ln of the compute that A needs for B's lowest loss at `c`, over `c`; infinite where A never
    /// reaches it. `None` where B's law has no optimum there.
    pub(super) fn ln_multiplier(&self, c: Flops) -> Option<f64> {
        ln_multiplier(&self.best, c)
    }

    /// That of every draw which has one.
    pub(super) fn ln_multipliers(&self, c: Flops) -> Vec<f64> {
        map_all(&self.draws, &|pair| ln_multiplier(pair, c)).into_iter().flatten().collect()
    }
}

/// As [`LawPair::ln_multiplier`], of one pair.
pub(super) fn ln_multiplier([a, b]: &[Surface; 2], c: Flops) -> Option<f64> {
    Some(ln_flops_for_loss(a, lowest_loss(b, c)?) - c.ln())
}

/// The lowest loss of a budget, nats per token; of a law without an optimum, one of compute alone, its
/// loss there.
pub(super) fn lowest_loss(surface: &Surface, c: Flops) -> Option<f64> {
    let ln_nd = (c.get() / surface.flops_per_nd).ln();
    let ln_n = if surface.law().has_optimum() { surface.ln_n_optimal(c)? } else { 0.5 * ln_nd };
    Some(surface.loss_at(ln_n, ln_nd - ln_n))
}

/// ln of the least training FLOPs that reach a loss; infinite at or below the floor.
pub(super) fn ln_flops_for_loss(surface: &Surface, loss_nats: f64) -> f64 {
    if loss_nats.is_nan() || loss_nats <= surface.floor() {
        return f64::INFINITY;
    }
    let ln_per_nd = surface.flops_per_nd.ln();
    if let Some((ln_n, ln_d)) = surface.ln_optimum_for_loss(loss_nats) {
        return ln_n + ln_d + ln_per_nd;
    }
    // From one parameter on one token to far beyond anything that will be trained.
    let off = |ln_c: f64| {
        lowest_loss(surface, Flops::new(ln_c.exp())).map_or(f64::NAN, |loss| loss - loss_nats)
    };
    const FROM: f64 = 20.0;
    const TO: f64 = 120.0;
    find_root("frontier loss", off, FROM, TO).unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::{ComputeEnvelope, law_by_id};
    use crate::units::ParamRule;

    #[test]
    fn compute_for_a_loss_is_the_inverse_of_the_lowest_loss() {
        for law in ["chinchilla", "skaling", "envelope"] {
            let law = law_by_id(law).expect("known");
            let theta = law.example().to_vec();
            let surface =
                Surface::new(law, theta, "x", ParamRule::All, Default::default()).expect("fine");
            for c in [1e15, 1e20, 1e25].map(Flops::new) {
                let loss = lowest_loss(&surface, c).expect("an optimum");
                let back = ln_flops_for_loss(&surface, loss);
                assert!((back - c.ln()).abs() < 1e-6, "{}: {back} {}", law.id(), c.ln());
            }
            assert!(ln_flops_for_loss(&surface, 0.9 * surface.floor()).is_infinite());
        }
    }

    /// Both constants are a public thread's: L_inf 1.6, alpha .0941, A 88.32.
    #[test]
    fn an_envelope_gives_the_compute_in_closed_form() {
        let theta = vec![1.6, 88.32, 0.0941];
        let surface =
            Surface::new(&ComputeEnvelope, theta, "x", ParamRule::All, Default::default());
        let surface = surface.expect("fine");
        for loss in [3.522, 2.848, 2.599] {
            let closed = (88.32_f64 / (loss - 1.6)).ln() / 0.0941;
            assert!((ln_flops_for_loss(&surface, loss) - closed).abs() < 1e-9);
        }
    }
}
