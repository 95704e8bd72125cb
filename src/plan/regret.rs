//! One size under many laws: what each size costs when another law turns out to be true.

use serde::{Deserialize, Serialize};

use super::candidate::Candidate;
use super::optimum::optimum_for_loss;
use super::scenario::{Circumstances, Scenario};
use super::solve::Solved;
use super::uncertainty::{Sampling, states};
use crate::error::{Result, Warning};
use crate::law::{Ensemble, Surface};
use crate::num::{mean, quantile};
use crate::units::{Params, Setting};

/// A size, and what choosing it may cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SizeRegret {
    /// The law whose plan has this size, or `least regret`.
    pub label: String,
    /// N.
    pub params: Params,
    /// Mean regret over the states; infinite when some state has no plan of this size.
    pub mean: f64,
    /// 95th percentile of the regret.
    pub high: f64,
    /// Largest regret.
    pub worst: f64,
    /// The law under which it is largest.
    pub worst_under: String,
}

/// Regret of choosing a size before knowing which state is true.
///
/// The size is chosen first. The tokens follow from what is then true: those that reach the loss, or
/// those the budget leaves. With a loss as target, the regret is the cost above that of the best plan of
/// the state, as a share of it. With a budget, it is the share of compute that is lost: one minus the
/// compute of the optimum with this loss over the compute of the optimum with the best plan's loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Regret {
    /// Number of states of law and circumstances.
    pub states: usize,
    /// The size whose largest regret (rival laws) or mean regret (draws of one fit) is least.
    pub least: SizeRegret,
    /// The plans of the laws themselves, or the best fit's.
    pub choices: Vec<SizeRegret>,
}

/// Sizes tried between the smallest and the largest plan of any state.
const SIZES: usize = 81;
/// Regret from which a decision counts as disputed: following one law costs more under another.
const DISPUTE: f64 = 0.05;

pub(super) struct State<'a> {
    pub(super) now: Circumstances,
    pub(super) best: Solved<'a>,
    pub(super) label: String,
    /// What sizes are held against; absent where the aim is a loss.
    judge: Option<Judge>,
}

/// What every size of one state is held against under a budget.
struct Judge {
    /// The law on data without end: what its losses would cost.
    plain: Surface,
    /// What every size pays alike, as loss: it does not count.
    same: f64,
    /// Compute at which the optimum has the worth of the best plan.
    best: Option<f64>,
}

impl<'a> State<'a> {
    pub(super) fn new(
        candidate: &Candidate,
        now: Circumstances,
        best: Solved<'a>,
        label: String,
    ) -> Self {
        let mut state = Self { now, best, label, judge: None };
        if !candidate.scenario.aim.is_loss() {
            let best = &state.best;
            let surface = &best.surface;
            let plain = surface.within(Setting { unique: None, ..surface.setting });
            let cost = || candidate.cost(surface, &state.now, best.ln_n, best.ln_d);
            let same = best.nat_value.map_or(0.0, |value| cost() / value);
            let mut judge = Judge { plain, same, best: None };
            judge.best = state.compute(candidate, &judge, best.ln_n, best.ln_d);
            state.judge = Some(judge);
        }
        state
    }

    /// The compute at which the optimum is worth as much as a plan: dearer serving is loss at what a nat
    /// is worth.
    fn compute(&self, candidate: &Candidate, judge: &Judge, ln_n: f64, ln_d: f64) -> Option<f64> {
        let surface = &self.best.surface;
        let loss = surface.loss_at(ln_n, ln_d);
        let cost = || candidate.cost(surface, &self.now, ln_n, ln_d);
        let worth = self.best.nat_value.map_or(loss, |value| loss + cost() / value);
        let optimum = optimum_for_loss(&judge.plain, worth - judge.same).ok()?;
        Some(optimum.train_flops.get())
    }
}

/// The least-regret size over rival laws, in typical circumstances.
///
/// # Errors
/// Those of the scenario, and of a law that has no plan at all.
///
/// ```
/// use isoloss::law::Surface;
/// use isoloss::plan::{Aim, Scenario, regret_over_laws};
/// use isoloss::units::Flops;
///
/// let laws = [Surface::published("besiroglu")?, Surface::published("hoffmann-a3-devries")?];
/// let regret = regret_over_laws(&[&laws[0], &laws[1]], &Scenario::new(Aim::TrainFlops(Flops::new(5.76e23))))?;
/// assert!(regret.choices.iter().all(|own| regret.least.worst <= own.worst));
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn regret_over_laws(laws: &[&Surface], scenario: &Scenario) -> Result<Regret> {
    scenario.validate()?;
    let now = scenario.typical();
    let mut states = Vec::new();
    let candidate = Candidate::exact(scenario, &scenario.designs[0]);
    for surface in laws {
        let best = candidate.solve(surface, &now)?;
        states.push(State::new(&candidate, now, best, surface.label.clone()));
    }
    let own: Vec<(String, f64)> = states.iter().map(|s| (s.label.clone(), s.best.ln_n)).collect();
    Ok(weigh(&candidate, &states, &own, |c| c.worst))
}

/// The least-regret size over joint draws of one fit and the circumstances.
///
/// # Errors
/// Those of the scenario, and when the best fit has no plan.
pub fn regret_over_draws(
    ensemble: &Ensemble,
    scenario: &Scenario,
    sampling: &Sampling,
) -> Result<Regret> {
    scenario.validate()?;
    let candidate = Candidate::tabulated(scenario, &scenario.designs[0]);
    let typical = candidate.solve(&ensemble.best, &scenario.typical())?;
    let candidate = candidate.near(Some(typical.ln_n));
    let drawn = states(ensemble, scenario, sampling.draws.min(300), sampling.seed);
    let states: Vec<State> = drawn
        .into_iter()
        .filter_map(|(surface, now)| {
            let best = candidate.solve(surface, &now).ok()?;
            Some(State::new(&candidate, now, best, "a draw".to_owned()))
        })
        .collect();
    let own = [(ensemble.best.label.clone(), typical.ln_n)];
    Ok(weigh(&candidate, &states, &own, |c| c.mean))
}

fn weigh(
    candidate: &Candidate,
    states: &[State],
    own: &[(String, f64)],
    badness: impl Fn(&SizeRegret) -> f64,
) -> Regret {
    let sizes = || states.iter().map(|s| s.best.ln_n).chain(own.iter().map(|(_, x)| *x));
    let lo = sizes().fold(f64::INFINITY, f64::min);
    let hi = sizes().fold(f64::NEG_INFINITY, f64::max);
    let choice = |label: &str, ln_n: f64| {
        let mut regrets: Vec<(f64, &str)> =
            states.iter().map(|s| (regret(candidate, s, ln_n), s.label.as_str())).collect();
        regrets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let values: Vec<f64> = regrets.iter().map(|r| r.0).collect();
        let (worst, under) = regrets.last().copied().unwrap_or((f64::NAN, ""));
        let all_finite = worst.is_finite();
        SizeRegret {
            label: label.to_owned(),
            params: Params::new(ln_n.exp()),
            mean: if all_finite { mean(&values) } else { f64::INFINITY },
            high: if all_finite { quantile(&values, 0.95) } else { f64::INFINITY },
            worst,
            worst_under: under.to_owned(),
        }
    };
    let grid = (0..SIZES).map(|i| lo + (hi - lo) * i as f64 / (SIZES - 1) as f64);
    let candidates = grid.chain(own.iter().map(|(_, x)| *x));
    let least = candidates
        .map(|ln_n| choice("least regret", ln_n))
        .min_by(|a, b| badness(a).total_cmp(&badness(b)))
        .unwrap_or_else(|| choice("least regret", lo));
    let choices = own.iter().map(|(label, ln_n)| choice(label, *ln_n)).collect();
    Regret { states: states.len(), least, choices }
}

/// What the size costs in one state beyond its best plan; infinite when it has no plan there.
pub(super) fn regret(candidate: &Candidate, state: &State, ln_n: f64) -> f64 {
    let surface = &state.best.surface;
    let Some(ln_d) = candidate.ln_d_at_size(state.best.law, surface, &state.now, ln_n) else {
        return f64::INFINITY;
    };
    if candidate.scenario.aim.is_loss() {
        let cost = candidate.cost(surface, &state.now, ln_n, ln_d);
        return (cost / state.best.cost - 1.0).max(0.0);
    }
    let Some(judge) = &state.judge else { return f64::INFINITY };
    match (state.compute(candidate, judge, ln_n, ln_d), judge.best) {
        (Some(c), Some(best)) => (1.0 - c / best).max(0.0),
        _ => f64::INFINITY,
    }
}

impl Regret {
    /// A warning where following one law costs too much under another.
    #[must_use]
    pub fn dispute(&self) -> Option<Warning> {
        let worst = self.choices.iter().max_by(|a, b| a.worst.total_cmp(&b.worst))?;
        (worst.worst > DISPUTE).then(|| Warning::DecisionDisputed {
            follow: worst.label.clone(),
            under: worst.worst_under.clone(),
            regret: worst.worst,
            instead: self.least.params.to_string(),
            least: self.least.worst,
        })
    }
}
