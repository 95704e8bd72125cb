//! Training on a budget of its own, serving paid beside it: how much loss to give up for cheaper serving.

use super::search::{BestPoint, Cap, Caps, Reach, Terms, lowest_loss};
use crate::error::{PlanError, Result};
use crate::law::Surface;
use crate::num::find_root;
use crate::units::{Flops, Params, Tokens};

/// Sizes tried before the best of them is refined, and how far below the largest they reach, in ln N.
const SIZES: u32 = 64;
const DEPTH: f64 = 14.0;

/// A plan that weighs loss against serving.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchanged {
    /// Where both are worth the same.
    pub(super) best: BestPoint,
    /// What a nat per token less is worth, in the currency of the terms.
    pub(super) nat_value: f64,
}

/// What a nat costs in training at a plan: the cost of training over the loss that e times more of it
/// saves.
///
/// Along the compute-optimal frontier dL / d ln C is the slope of the loss in ln D (envelope theorem: at
/// the optimum it equals the slope in ln N). Where tokens or sizes are limited, more training goes into
/// the other one, so the steeper slope counts.
pub(super) fn nat_cost(surface: &Surface, at: &BestPoint, train_cost: f64) -> f64 {
    let (by_n, by_d) = surface.slopes_at(at.ln_n, at.ln_d);
    train_cost / (-by_n).max(-by_d).max(f64::MIN_POSITIVE)
}

/// Minimises λ L + S(N) over sizes on a training budget of `flops`: S the cost of serving, λ what a nat is
/// worth (`nat_value`, or [`nat_cost`] at the lowest loss without a limit on size).
///
/// At the optimum a step in size costs as much in serving as the loss it saves is worth:
/// λ dL / d ln N = -S'(ln N) along the budget.
///
/// - `terms.train_per_flop` and `terms.serve` in one currency.
///
/// # Errors
/// As [`lowest_loss`].
pub(super) fn best_exchange(
    surface: &Surface,
    flops: f64,
    terms: &Terms,
    nat_value: Option<f64>,
) -> Result<Exchanged> {
    let free = |_: f64| (0.0, 0.0);
    // The guess is one of the exchange, below the lowest loss; a sum of powers knows where that is.
    let ln_nd = (flops / surface.flops_per_nd).ln();
    let near = terms.near.map(|near| surface.powers().map_or(near, |p| p.ln_n_optimal(ln_nd)));
    let on_training = |caps: Caps| Terms { train_per_flop: 1.0, serve: &free, caps, near };
    let caps = terms.caps;
    let training = on_training(caps);
    let (nat_value, lowest) = match nat_value {
        Some(value) => (value, None),
        None => {
            let any_size = Caps { ln_n: f64::INFINITY, ..caps };
            let optimum = lowest_loss(surface, flops, &on_training(any_size))?;
            let value = nat_cost(surface, &optimum, flops * terms.train_per_flop);
            // Within the largest size it is the lowest loss there, too.
            (value, Some(optimum).filter(|_| caps.ln_n == f64::INFINITY))
        }
    };
    // Beyond the lowest loss a larger model loses on both sides.
    let most = match lowest {
        Some(lowest) => lowest,
        None => lowest_loss(surface, flops, &training)?,
    };
    let reach = Reach { surface, budget: flops, terms: &training };
    let value =
        |ln_n: f64| nat_value * surface.loss_at(ln_n, reach.tokens(ln_n).0) + (terms.serve)(ln_n).0;
    let slope = |ln_n: f64| nat_value * reach.loss_slope(ln_n) + (terms.serve)(ln_n).1;
    let lowest = (most.ln_n - DEPTH).max(0.0);
    let step = (most.ln_n - lowest) / f64::from(SIZES);
    let size = |i: u32| if i == SIZES { most.ln_n } else { lowest + step * f64::from(i) };
    let best = (0..=SIZES)
        .map(|i| (i, value(size(i))))
        .filter(|(_, value)| value.is_finite())
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(SIZES, |(i, _)| i);
    let (below, above) = (size(best.saturating_sub(1)), size((best + 1).min(SIZES)));
    let ln_n = if best == SIZES && slope(most.ln_n) <= 0.0 {
        most.ln_n
    } else {
        // A kink, where a limit on serving sets in, has no root: the best size tried stands.
        find_root("exchange of loss for serving", slope, below, above).unwrap_or(size(best))
    };
    let (ln_d, limited, _) = reach.tokens(ln_n);
    let at_cap = if ln_n >= caps.ln_n - 1e-9 { Some(Cap::Size) } else { limited };
    Ok(Exchanged { best: BestPoint { ln_n, ln_d, at_cap }, nat_value })
}

/// The tokens for a model of exactly ln N: no other size reaches their loss at less cost.
///
/// Solves dL/d ln N = dL/d ln D (1 + S'(ln N) / (6 N D p)) in ln D, the first-order condition of
/// [`least_cost`](super::search::least_cost): with nothing served, the budget of which this size is the
/// optimum.
///
/// # Errors
/// [`PlanError::NoOptimum`] where no number of tokens makes this size the best.
pub(super) fn tokens_of_size(surface: &Surface, ln_n: f64, terms: &Terms) -> Result<BestPoint> {
    let serve = (terms.serve)(ln_n).1;
    let none = || PlanError::NoOptimum {
        law: surface.label.clone(),
        budget: None,
        smallest: Params::new(ln_n.exp()),
        largest: Params::new(ln_n.exp()),
    };
    let excess = |ln_d: f64| {
        let (by_n, by_d) = surface.slopes_at(ln_n, ln_d);
        let train = surface.flops_per_nd * terms.train_per_flop * (ln_n + ln_d).exp();
        // The sign of by_n - by_d (1 + S'/T), scaled so that neither end overflows.
        (by_n - by_d * (1.0 + serve / train)).clamp(-1e3, 1e3)
    };
    let most = surface.ln_d_most_useful(ln_n).min(80.0);
    let found = find_root("tokens for a size", excess, 0.0, most).map_err(|_| none())?;
    let allowed = terms.caps.ln_c - surface.flops_per_nd.ln() - ln_n;
    let ln_d = found.min(terms.caps.ln_d).min(allowed);
    let at_cap = if ln_d == found {
        None
    } else if ln_d == allowed {
        Some(Cap::Compute)
    } else {
        Some(Cap::Tokens)
    };
    if Tokens::new(ln_d.exp()).is_usable() && Flops::new((ln_n + ln_d).exp()).is_usable() {
        Ok(BestPoint { ln_n, ln_d, at_cap })
    } else {
        Err(none().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{compute_optimal, implied_serve_tokens, optimum_of_size};

    fn surface() -> Surface {
        Surface::published("besiroglu").expect("shipped")
    }

    /// Serving of fixed cost, then in proportion to N, then steeply dearer near 60B.
    fn serve(ln_n: f64) -> (f64, f64) {
        let n = ln_n.exp();
        let steep = (n / 60e9).powi(6) * 1e24;
        (2e12 * n + steep, 2e12 * n + 6.0 * steep)
    }

    #[test]
    fn no_size_on_the_budget_is_worth_more() {
        let surface = surface();
        let terms = Terms { train_per_flop: 1.0, serve: &serve, caps: Caps::NONE, near: None };
        for flops in [1e21, 1e23, 1e25] {
            let found = best_exchange(&surface, flops, &terms, None).expect("a plan");
            let worth = |ln_n: f64| {
                let ln_d = (flops / 6.0).ln() - ln_n;
                found.nat_value * surface.loss_at(ln_n, ln_d) + serve(ln_n).0
            };
            let best = worth(found.best.ln_n);
            for i in 0..4000 {
                let ln_n = 16.0 + f64::from(i) * 3e-3;
                assert!(worth(ln_n) >= best * (1.0 - 1e-12), "{flops:e} {ln_n}");
            }
            let optimum = compute_optimal(&surface, Flops::new(flops)).expect("optimum");
            assert!(found.best.ln_n < optimum.n.ln());
        }
    }

    /// The value of a nat is the finite difference of budget over loss along the frontier.
    #[test]
    fn a_nat_costs_what_the_frontier_says() {
        let surface = surface();
        let at = |c: f64| compute_optimal(&surface, Flops::new(c)).expect("optimum");
        let (low, mid, high) = (at(1e24 * 0.9999), at(1e24), at(1e24 * 1.0001));
        let slope = (high.loss_nats - low.loss_nats) / 2e20;
        let point = BestPoint { ln_n: mid.n.ln(), ln_d: mid.d.ln(), at_cap: None };
        let cost = nat_cost(&surface, &point, 1e24);
        assert!((cost * -slope - 1.0).abs() < 1e-4, "{cost:e} {slope:e}");
    }

    #[test]
    fn tokens_of_a_size_are_those_its_demand_implies() {
        let surface = surface();
        let free = |_: f64| (0.0, 0.0);
        let terms = Terms { train_per_flop: 1.0, serve: &free, caps: Caps::NONE, near: None };
        let n = Params::new(7e9);
        let alone = tokens_of_size(&surface, n.ln(), &terms).expect("tokens");
        let optimum = optimum_of_size(&surface, n).expect("optimum");
        assert!((alone.ln_d - optimum.d.ln()).abs() < 1e-9);
        let served = 3e12;
        let linear = |ln_n: f64| (2.0 * served * ln_n.exp(), 2.0 * served * ln_n.exp());
        let terms = Terms { train_per_flop: 1.0, serve: &linear, caps: Caps::NONE, near: None };
        let point = tokens_of_size(&surface, n.ln(), &terms).expect("tokens");
        let implied = implied_serve_tokens(&surface, n, Tokens::new(point.ln_d.exp()));
        assert!((implied.get() / served - 1.0).abs() < 1e-6, "{implied}");
    }
}
