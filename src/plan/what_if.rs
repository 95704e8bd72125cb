//! What would change a plan: one input moved at a time, and what keeping the size would then lose.

use serde::{Deserialize, Serialize};

use super::allocation::Plan;
use super::candidate::Candidate;
use super::exchange::nat_cost;
use super::regret::{State, regret};
use super::scenario::{Currency, Demand, Design, Scenario, Training};
use super::search::BestPoint;
use crate::cost::Uncertain;
use crate::error::Result;
use crate::law::Surface;

/// How far an exponent is moved, and the shift of a deadline, s.
const EXPONENT: f64 = 0.02;
const WEEK_S: f64 = 7.0 * 86_400.0;
/// Factors by which demand and prices, and utilisation, are moved.
const DOUBLE: f64 = 2.0;
const UTILISATION: f64 = 0.85;

/// A plan with one input moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WhatIf {
    /// What is moved, `7 days less`.
    pub change: String,
    /// The best plan then; absent where there is none.
    pub plan: Option<Plan>,
    /// What costs are counted in.
    pub currency: Currency,
    /// Its cost in it.
    pub cost: Option<f64>,
    /// What the loss above that of the plan as asked is worth, in the currency: its difference times what
    /// a nat costs in training. Absent where a loss is the target.
    pub loss_cost: Option<f64>,
    /// What keeping the size of the plan as asked loses then: excess cost where a loss is the target,
    /// wasted compute under a budget; see [`Regret`](super::Regret).
    pub keeping_size: Option<f64>,
}

/// The plan of a design with one input moved at a time, in typical circumstances; the plan as asked comes
/// first.
///
/// Moved are the deadline (a week), demand (half and double), all prices (double), utilisation (15 % less)
/// and the exponents of the law (0.02 up and down, with the loss at the middle of its runs kept). What the
/// scenario does not have is left out.
///
/// # Errors
/// Those of the plan as asked.
pub fn what_if(law: &Surface, scenario: &Scenario, design: &Design) -> Result<Vec<WhatIf>> {
    // Dollars say more than FLOPs where training has a price.
    let priced = scenario.training.as_ref().is_some_and(Training::has_price);
    let currency = match scenario.currency {
        Currency::TrainFlops if priced => Currency::TrainUsd,
        other => other,
    };
    let scenario = &Scenario { currency, ..scenario.clone() };
    let now = scenario.typical();
    let asked = Candidate::exact(scenario, design);
    let base = asked.solve(law, &now)?;
    let loss = base.surface.loss_at(base.ln_n, base.ln_d);
    let nat = (!scenario.aim.is_loss()).then(|| {
        let at = BestPoint { ln_n: base.ln_n, ln_d: base.ln_d, at_cap: None };
        let train = base.plan().train_flops.get() * scenario.train_per_flop(&now);
        base.nat_value.unwrap_or_else(|| nat_cost(&base.surface, &at, train))
    });
    let row = |change: &str, law: &Surface, scenario: &Scenario| {
        let candidate = Candidate::exact(scenario, design);
        let now = scenario.typical();
        let solved = candidate.solve(law, &now).ok();
        let plan = solved.as_ref().map(|s| s.plan());
        let cost = solved.as_ref().map(|s| s.cost);
        let keeping_size = solved.map(|best| {
            regret(&candidate, &State::new(&candidate, now, best, String::new()), base.ln_n)
        });
        WhatIf {
            change: change.to_owned(),
            plan,
            currency,
            cost,
            loss_cost: plan.zip(nat).map(|(p, nat)| (p.loss_nats - loss) * nat),
            keeping_size: keeping_size.filter(|x| x.is_finite()),
        }
    };
    let mut rows = vec![row("as asked", law, scenario)];
    for (change, moved) in moved(scenario) {
        rows.push(row(&change, law, &moved));
    }
    for (change, moved) in other_exponents(law) {
        rows.push(row(&change, &moved, scenario));
    }
    Ok(rows)
}

/// The scenario with one input moved at a time.
fn moved(scenario: &Scenario) -> Vec<(String, Scenario)> {
    let mut all = Vec::new();
    let times = |x: Uncertain, factor: f64| x.map(|x| x * factor);
    if let Some(t) = &scenario.training {
        let mut with = |change: &str, t: Training| {
            all.push((change.to_owned(), Scenario { training: Some(t), ..scenario.clone() }));
        };
        if let Some(s) = t.duration_s {
            with("7 days more", Training { duration_s: Some(s + WEEK_S), ..t.clone() });
            if s > WEEK_S {
                with("7 days less", Training { duration_s: Some(s - WEEK_S), ..t.clone() });
            }
        }
        with(
            "MFU 15 % lower",
            Training { utilisation: times(t.utilisation, UTILISATION), ..t.clone() },
        );
        if let (Some(usd), true) = (t.usd_per_hour, scenario.currency.is_money()) {
            let dearer = Training { usd_per_hour: Some(times(usd, DOUBLE)), ..t.clone() };
            with("training price doubled", dearer);
        }
    }
    if let (Some(demand), true) = (scenario.demand, scenario.currency.counts_serving()) {
        for (change, factor) in [("demand doubled", DOUBLE), ("demand halved", 1.0 / DOUBLE)] {
            let demand = Demand { requests: times(demand.requests, factor), ..demand };
            all.push((change.to_owned(), Scenario { demand: Some(demand), ..scenario.clone() }));
        }
    }
    all
}

/// The law with one exponent moved and the loss at the geometric middle of its runs kept; none for a law
/// without a power of the form A / N^alpha, or without runs on record.
fn other_exponents(law: &Surface) -> Vec<(String, Surface)> {
    // A range without a lower end has no middle.
    let middle = |range: Option<crate::law::Range>| {
        range.filter(|r| r.lo > 0.0).map(|r| 0.5 * (r.lo.ln() + r.hi.ln()))
    };
    let coefs = law.law().coefs();
    let at = |name: &str| coefs.iter().position(|c| c.name == name);
    let mut all = Vec::new();
    for (exponent, factor, ln_middle) in
        [("alpha", "A", middle(law.support.n)), ("beta", "B", middle(law.support.d))]
    {
        let (Some(i), Some(j), Some(ln_middle)) = (at(exponent), at(factor), ln_middle) else {
            continue;
        };
        for step in [EXPONENT, -EXPONENT] {
            let mut theta = law.theta().to_vec();
            theta[i] += step;
            theta[j] *= (step * ln_middle).exp();
            let (lo, hi) = coefs[i].domain;
            if lo < theta[i] && theta[i] < hi {
                all.push((format!("{exponent} {step:+}"), law.with_theta(theta)));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Aim;
    use crate::units::Flops;

    #[test]
    fn another_exponent_keeps_the_loss_in_the_middle_of_the_runs() {
        let law = Surface::published("besiroglu").expect("shipped");
        let middle = |r: crate::law::Range| (0.5 * (r.lo.ln() + r.hi.ln())).exp();
        let n = middle(law.support.n.expect("on record")).ln();
        let d = middle(law.support.d.expect("on record")).ln();
        let moved = other_exponents(&law);
        assert_eq!(moved.len(), 4);
        for (change, other) in moved {
            assert!((other.loss_at(n, d) - law.loss_at(n, d)).abs() < 1e-9, "{change}");
            assert!((other.loss_at(n + 3.0, d + 3.0) - law.loss_at(n + 3.0, d + 3.0)).abs() > 1e-3);
        }
    }

    #[test]
    fn keeping_the_size_never_gains() {
        let law = Surface::published("besiroglu").expect("shipped");
        for aim in [Aim::TrainFlops(Flops::new(1e24)), Aim::Loss(2.0)] {
            let scenario = Scenario::new(aim);
            let rows = what_if(&law, &scenario, &scenario.designs[0]).expect("rows");
            assert_eq!(rows.len(), 5);
            assert!(rows[0].keeping_size.expect("a plan") < 1e-9);
            for row in &rows[1..] {
                assert!(row.keeping_size.expect("a plan") > 1e-4, "{row:?}");
                assert_ne!(row.plan.expect("a plan").n, rows[0].plan.expect("a plan").n);
            }
        }
    }
}
