//! What a fit says to do at a budget, with intervals for the decision itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::points::{new_run_interval, outside};
use crate::error::PlanError;
use crate::fit::fitted::Fit;
use crate::law::{Point, Surface};
use crate::num::{Interval, find_root};
use crate::units::{Flops, Params, Tokens};

/// The compute-optimal run of a budget under a fitted law.
///
/// Coefficients are entangled, so an interval for N* does not follow from theirs: each draw of the
/// law makes its own decision, and the intervals are percentiles of those. Beyond the runs they carry
/// what extrapolation has cost among them, see [`Extrapolation`](crate::fit::Extrapolation).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Training FLOPs.
    #[serde(rename = "flops")]
    pub c: Flops,
    /// N*.
    #[serde(rename = "params")]
    pub n: Params,
    /// D*.
    #[serde(rename = "tokens")]
    pub d: Tokens,
    /// D*/N*.
    pub tokens_per_param: f64,
    /// Loss there, nats per token.
    #[serde(rename = "loss")]
    pub loss_nats: f64,
    /// By name: `params`, `tokens`, `tokens_per_param`, `loss` (of the law), `new_run` (of one run
    /// made there, scatter included), `flops_for_loss` (the budget that `loss` takes when each draw
    /// spends it its own best way) and `loss_at_params` (of the law at this N and D).
    pub intervals: BTreeMap<String, Interval>,
    /// By which factor the run lies outside the fitted ones, by quantity; empty inside.
    pub outside: BTreeMap<String, f64>,
    /// Draws without an optimum there.
    pub draws_failed: usize,
}

/// N*, D* and the loss of one surface.
fn optimum(surface: &Surface, c: Flops) -> Option<(f64, f64, f64)> {
    let ln_n = surface.ln_n_optimal(c)?;
    let ln_d = (c.get() / surface.flops_per_nd).ln() - ln_n;
    Some((ln_n, ln_d, surface.loss_at(ln_n, ln_d)))
}

/// ln C at which the best loss of `surface` is `loss`; `None` when no budget reaches it.
fn ln_budget_for(surface: &Surface, loss: f64, near: f64) -> Option<f64> {
    let excess =
        |ln_c: f64| optimum(surface, Flops::new(ln_c.exp())).map_or(f64::NAN, |(_, _, l)| l - loss);
    if loss <= surface.floor() {
        return None;
    }
    // The loss falls in C; widen until it is passed on both sides.
    let reach = |sign: f64| {
        let mut width = 0.5;
        while width < 60.0 {
            let at = near + sign * width;
            if excess(at) * sign < 0.0 {
                return Some(at);
            }
            width *= 2.0;
        }
        None
    };
    let (lo, hi) = (reach(-1.0)?, reach(1.0)?);
    find_root("budget for a loss", excess, lo, hi).ok()
}

/// Widens the intervals of a decision beyond the runs by what extrapolation has cost among them.
fn carry_extrapolation(
    fit: &Fit,
    c: Flops,
    best: &Point,
    intervals: &mut BTreeMap<String, Interval>,
) {
    let Some(cost) = fit.extrapolation.as_ref().map(|e| &e.beyond) else { return };
    let surface = &fit.surface;
    let (loss, params) = (cost.half_width(surface, best), cost.half_width_params(surface, c));
    // By how much ln C has to grow for the best ln loss to fall by one.
    let per_loss = |step: f64| {
        let (_, _, more) = optimum(surface, c * step.exp())?;
        let (_, _, less) = optimum(surface, c * (-step).exp())?;
        Some(2.0 * step / (less / more).ln())
    };
    let flops = per_loss(0.1).filter(|x| *x > 0.0).map_or(0.0, |x| x * loss);
    let wider = [
        ("params", params),
        ("tokens", params),
        ("tokens_per_param", 2.0 * params),
        ("loss", loss),
        ("loss_at_params", loss),
        ("flops_for_loss", flops),
    ];
    for (name, half) in wider {
        if let Some(interval) = intervals.get_mut(name) {
            *interval = interval.widened(half);
        }
    }
}

/// The decision of `fit` at `c`; `None` when its law has no optimum there.
///
/// # Example
/// ```
/// use isoloss::fit::{FitConfig, decide, fit};
/// use isoloss::units::Flops;
///
/// # use isoloss::data::{RunRecord, RunTable};
/// # use isoloss::law::{Chinchilla, Point, Surface};
/// # use isoloss::units::{ParamRule, Params, Tokens};
/// # let truth = Surface::published("besiroglu")?;
/// # let mut runs = Vec::new();
/// # for (i, n) in [1e8, 3e8, 1e9, 3e9].map(Params::new).into_iter().enumerate() {
/// #     for (j, ratio) in [5.0, 20.0, 80.0].into_iter().enumerate() {
/// #         let d = Tokens::new(ratio * n.get());
/// #         let noise = 1.0 + 0.002 * ((3 * i + 5 * j) as f64).sin();
/// #         let loss = noise * truth.loss(&Point::new(n, d));
/// #         runs.push(RunRecord::new(format!("{n} {d}"), n, d, loss));
/// #     }
/// # }
/// # let table = RunTable::from_runs(runs, ParamRule::All);
/// let config = FitConfig { bootstrap: 20, ..FitConfig::default() };
/// let fitted = fit(&Chinchilla, &table, &config)?;
/// let decision = decide(&fitted, Flops::new(1e22)).expect("an optimum");
/// assert!((6.0 * decision.n.get() * decision.d.get() / 1e22 - 1.0).abs() < 1e-9);
/// assert!(decision.intervals["params"].contains(decision.n.get()));
/// # Ok::<(), isoloss::error::Error>(())
/// ```
#[must_use]
pub fn decide(fit: &Fit, c: Flops) -> Option<Decision> {
    let (ln_n, ln_d, loss_nats) = optimum(&fit.surface, c)?;
    let (n, d) = (Params::new(ln_n.exp()), Tokens::new(ln_d.exp()));
    let point = Point::new(n, d).within(fit.surface.setting);
    let answers = fit.ensemble().map(|surface| {
        let (n, d, loss) = optimum(surface, c).ok_or_else(|| PlanError::NoOptimum {
            law: surface.label.clone(),
            budget: Some(c),
            smallest: Params::new(1.0),
            largest: Params::new(c.get() / surface.flops_per_nd),
        })?;
        let budget = ln_budget_for(surface, loss_nats, c.get().ln());
        let budget = budget.map_or(f64::INFINITY, f64::exp);
        Ok([n.exp(), d.exp(), (d - n).exp(), loss, budget, surface.loss_at(ln_n, ln_d)])
    });
    let names =
        ["params", "tokens", "tokens_per_param", "loss", "flops_for_loss", "loss_at_params"];
    let mut intervals: BTreeMap<String, Interval> = names
        .iter()
        .enumerate()
        .filter_map(|(k, name)| Some(((*name).to_owned(), answers.interval(|a| a[k])?)))
        .collect();
    carry_extrapolation(fit, c, &point, &mut intervals);
    if let Some(interval) = new_run_interval(fit, &point) {
        intervals.insert("new_run".to_owned(), interval);
    }
    Some(Decision {
        c,
        n,
        d,
        tokens_per_param: d / n,
        loss_nats,
        intervals,
        outside: outside(&fit.surface, &point),
        draws_failed: answers.failed,
    })
}
