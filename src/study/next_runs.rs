//! The runs that would settle a decision, and the one that would settle which law is right.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::law::ask_laws;
use crate::error::{FitError, Result, StudyError, Warning};
use crate::fit::{CandidateRun, Doubt, ErrorModel, Fit, choose, no_intervals, separate};
use crate::law::{Ensemble, Point, Surface};
use crate::num::{Interval, standard_deviation};
use crate::units::{Flops, Params, Tokens};

/// Draws that are used: variances are then known to a twentieth.
const DRAWS: usize = 1000;
/// Budgets of the candidates lie this factor apart, and so do their tokens per parameter.
const STEP: f64 = std::f64::consts::SQRT_2;
/// Candidates are no smaller than this share of the largest that can be afforded.
const LEAST: f64 = 1e-4;

/// What has to be decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decide {
    /// The best size for a budget, N*.
    #[default]
    Size,
    /// The best loss for a budget.
    Loss,
}

impl fmt::Display for Decide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Size => "best size",
            Self::Loss => "best loss",
        })
    }
}

/// What is asked of a designer of runs.
///
/// | field | default | unit |
/// |---|---|---|
/// | `decide` | `size` | the best size or the best loss of a budget |
/// | `flops` | ten times the largest run of the fit | budget of the decision |
/// | `afford` | the largest run of the fit | most FLOPs of one run |
/// | `spend` | as `afford` | most FLOPs of all runs together |
/// | `runs` | 8 | most runs |
/// | `against` | the rival that predicts best | a law to tell from this one |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NextRunsRequest {
    /// What has to be decided.
    pub decide: Decide,
    /// Budget of the decision.
    pub flops: Option<Flops>,
    /// Most FLOPs of one run.
    pub afford: Option<Flops>,
    /// Most FLOPs of all runs together.
    pub spend: Option<Flops>,
    /// Most runs.
    pub runs: usize,
    /// A law to tell from this one: a family with a fit to the same runs, or what
    /// [`ask_laws`] takes.
    pub against: Option<String>,
}

impl Default for NextRunsRequest {
    fn default() -> Self {
        let decide = Decide::default();
        Self { decide, flops: None, afford: None, spend: None, runs: 8, against: None }
    }
}

/// A run to make, in the order they are worth making.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct NextRun {
    /// N.
    #[serde(rename = "params")]
    pub n: Params,
    /// D.
    #[serde(rename = "tokens")]
    pub d: Tokens,
    /// What it costs.
    #[serde(rename = "flops")]
    pub c: Flops,
    /// The loss that the law predicts, nats per token.
    #[serde(rename = "loss")]
    pub loss_nats: f64,
    /// Standard deviation of the decision once this and those before are done, over that of now.
    pub left: f64,
    /// The interval of the decision that is expected then, around today's value.
    pub interval: Interval,
}

/// A run, with its seeds, that tells the law from a rival.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunAgainst {
    /// Label of the rival.
    pub rival: String,
    /// N.
    #[serde(rename = "params")]
    pub n: Params,
    /// D.
    #[serde(rename = "tokens")]
    pub d: Tokens,
    /// Seeds to run it with.
    pub seeds: u32,
    /// All of them together.
    #[serde(rename = "flops")]
    pub c: Flops,
    /// What the law predicts, nats per token.
    #[serde(rename = "loss")]
    pub loss_nats: f64,
    /// What the rival predicts.
    #[serde(rename = "rival_loss")]
    pub rival_nats: f64,
    /// Probability that the outcome is nearer to the law that is right.
    pub probability: f64,
}

/// The runs that would settle a decision.
#[derive(Clone, Debug, Serialize)]
pub struct NextRunsAnswer {
    /// Label of the law.
    pub law: String,
    /// What has to be decided.
    pub decide: Decide,
    /// The budget of the decision.
    #[serde(rename = "at_flops")]
    pub target: Flops,
    /// The decision today: parameters, or nats per token.
    pub value: f64,
    /// Its interval over the draws of the law.
    pub interval: Interval,
    /// Level of the intervals.
    pub level: f64,
    /// What extrapolation adds to either side of the interval, as a fraction; runs within the compute
    /// there is do not lower it.
    pub beyond: f64,
    /// Standard deviation of one run around the law, as a fraction of its loss.
    pub noise: f64,
    /// Standard deviation of the error of the law itself, per square root of ln C.
    pub drift: f64,
    /// Most FLOPs of one run.
    pub afford: Flops,
    /// Most FLOPs of all runs.
    pub spend: Flops,
    /// Candidates that were weighed.
    pub candidates: usize,
    /// The runs, in order.
    pub runs: Vec<NextRun>,
    /// The run that tells the law from a rival; absent without a rival that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<RunAgainst>,
    /// Warnings of the fit.
    #[serde(serialize_with = "crate::error::with_messages")]
    pub warnings: Vec<Warning>,
}

impl NextRunsRequest {
    /// The runs to make next, from a fit with draws.
    ///
    /// The draws give the joint distribution of the decision and of the losses of some hundred candidate
    /// runs; each run that is taken narrows it as if its loss were known up to the scatter of a run and up
    /// to what the law is off so far below the budget of the decision (see [`choose`] and [`ErrorModel`]).
    ///
    /// # Errors
    /// [`StudyError::NoDraws`] for a fit without draws or without a certified minimum;
    /// [`FitError::NoDecision`] where its law has no best size at the budget; [`FitError::Config`] for
    /// amounts that are none; [`LawError`](crate::error::LawError) for an unknown rival.
    pub fn answer(&self, fit: &Fit) -> Result<NextRunsAnswer> {
        self.validate()?;
        if let Some(reason) = fit.unfit_to_plan() {
            return Err(StudyError::NoDraws { reason }.into());
        }
        if fit.draws.len() < 20 {
            return Err(StudyError::NoDraws { reason: no_intervals(fit) }.into());
        }
        let surface = &fit.surface;
        let largest = surface.support.c.map_or(1.0, |c| c.hi) * surface.flops_per_nd / 6.0;
        let target = self.flops.unwrap_or(Flops::new(10.0 * largest));
        let afford = self.afford.unwrap_or(Flops::new(largest));
        let spend = self.spend.unwrap_or(afford);
        let candidates = grid(surface, afford.get().min(spend.get()));
        if candidates.is_empty() {
            let reason = "no run of that cost is of a size near those fitted".to_owned();
            return Err(StudyError::NoDraws { reason }.into());
        }
        let here = self
            .decision(surface, target)
            .ok_or_else(|| FitError::NoDecision { law: fit.law.clone(), flops: target })?;
        let ensemble = fit.ensemble();
        let drawn = Drawn::of(&ensemble, &candidates, |law| self.decision(law, target));
        let errors = ErrorModel::of(fit, target);
        let lacking = || StudyError::NoDraws {
            reason: "too few of its draws have a best size at the budget".to_owned(),
        };
        let decisions = std::slice::from_ref(&drawn.decisions);
        let doubt =
            Doubt::new(decisions, &candidates, &drawn.ln_losses, &errors).ok_or_else(lacking)?;
        // A neighbour tells as much as a second seed, and more where the law is a little off.
        let doubt = doubt.each_once();
        let interval = Interval::percentile(&drawn.decisions, fit.level).ok_or_else(lacking)?;
        let runs = choose(&doubt, spend.get(), self.runs)
            .into_iter()
            .map(|chosen| {
                let run = candidates[chosen.candidate];
                let left = chosen.variance_left.max(0.0).sqrt();
                let end = |x: f64| (here + (x - here) * left).exp();
                NextRun {
                    n: run.n,
                    d: run.d,
                    c: run.c,
                    loss_nats: surface.loss(&point(surface, &run)),
                    left,
                    interval: Interval { lo: end(interval.lo), hi: end(interval.hi) },
                }
            })
            .collect();
        let against = self.against(fit, &candidates, &drawn, &errors, spend)?;
        let beyond = fit.extrapolation.as_ref().map_or(0.0, |e| match self.decide {
            Decide::Size => e.beyond.half_width_params(surface, target),
            Decide::Loss => {
                best_point(surface, target).map_or(0.0, |at| e.beyond.half_width(surface, &at))
            }
        });
        Ok(NextRunsAnswer {
            law: surface.label.clone(),
            decide: self.decide,
            target,
            value: here.exp(),
            interval: Interval { lo: interval.lo.exp(), hi: interval.hi.exp() },
            level: fit.level,
            beyond: beyond.exp_m1(),
            noise: errors.noise,
            drift: errors.drift,
            afford,
            spend,
            candidates: candidates.len(),
            runs,
            against,
            warnings: fit.warnings.clone(),
        })
    }

    fn validate(&self) -> Result<()> {
        let amounts = [("flops", self.flops), ("afford", self.afford), ("spend", self.spend)];
        for (field, given) in amounts {
            if let Some(bad) = given.filter(|c| !c.is_usable()) {
                let (found, wanted) = (bad.get().to_string(), "training FLOPs above zero");
                return Err(FitError::Config { field, found, wanted }.into());
            }
        }
        if !(1..=1000).contains(&self.runs) {
            let (found, wanted) = (self.runs.to_string(), "1 to 1000 runs");
            return Err(FitError::Config { field: "runs", found, wanted }.into());
        }
        Ok(())
    }

    /// ln of the decision under one law.
    fn decision(&self, law: &Surface, c: Flops) -> Option<f64> {
        let at = best_point(law, c)?;
        Some(match self.decide {
            Decide::Size => at.n.ln(),
            Decide::Loss => law.loss(&at).ln(),
        })
    }

    /// The run that tells the law from its rival.
    fn against(
        &self,
        fit: &Fit,
        candidates: &[CandidateRun],
        drawn: &Drawn,
        errors: &ErrorModel,
        spend: Flops,
    ) -> Result<Option<RunAgainst>> {
        let Some(rival) = self.rival(fit)? else { return Ok(None) };
        let own = &fit.surface;
        let loss = |law: &Surface, run: &CandidateRun| law.loss(&point(law, run));
        let differences: Vec<f64> =
            candidates.iter().map(|run| (loss(&rival.best, run) / loss(own, run)).ln()).collect();
        let square = |x: &[f64]| standard_deviation(x).powi(2);
        let theirs = Drawn::of(&rival, candidates, |_| Some(0.0));
        let variances: Vec<f64> = drawn
            .ln_losses
            .iter()
            .zip(&theirs.ln_losses)
            // A rival without draws is taken to be as uncertain as the law.
            .map(|(own, rival)| square(own) + square(if rival.len() > 2 { rival } else { own }))
            .collect();
        let found = separate(candidates, &differences, &variances, errors.noise, spend);
        Ok(found.map(|s| {
            let run = candidates[s.candidate];
            RunAgainst {
                rival: rival.best.label.clone(),
                n: run.n,
                d: run.d,
                seeds: s.seeds,
                c: s.c,
                loss_nats: loss(own, &run),
                rival_nats: loss(&rival.best, &run),
                probability: s.probability,
            }
        }))
    }

    /// The rival asked for, or the one that predicts runs farther out best; `None` where there is none.
    fn rival(&self, fit: &Fit) -> Result<Option<Ensemble>> {
        let rivals = fit.extrapolation.as_ref().map_or(&[][..], |e| &e.beyond.rivals);
        let fitted = match &self.against {
            Some(name) => rivals.iter().find(|r| r.surface.law().id() == name),
            None => rivals.iter().max_by(|a, b| a.weight.total_cmp(&b.weight)),
        };
        match (fitted, &self.against) {
            (Some(rival), _) => Ok(Some(Ensemble::single(rival.surface.clone()))),
            (None, Some(name)) => Ok(ask_laws(name)?.into_iter().next().map(|law| law.ensemble)),
            (None, None) => Ok(None),
        }
    }
}

/// Draws of a decision and of ln losses, in step.
struct Drawn {
    decisions: Vec<f64>,
    /// By candidate.
    ln_losses: Vec<Vec<f64>>,
}

impl Drawn {
    /// Draws with a decision; the others are left out.
    fn of(
        ensemble: &Ensemble,
        candidates: &[CandidateRun],
        decision: impl Fn(&Surface) -> Option<f64>,
    ) -> Self {
        let step = ensemble.draws.len().div_ceil(DRAWS).max(1);
        let mut drawn =
            Self { decisions: Vec::new(), ln_losses: vec![Vec::new(); candidates.len()] };
        for law in ensemble.draws.iter().step_by(step) {
            let Some(decided) = decision(law).filter(|x| x.is_finite()) else { continue };
            let losses: Vec<f64> =
                candidates.iter().map(|run| law.loss(&point(law, run)).ln()).collect();
            if losses.iter().all(|x| x.is_finite()) {
                drawn.decisions.push(decided);
                losses.into_iter().zip(&mut drawn.ln_losses).for_each(|(x, all)| all.push(x));
            }
        }
        drawn
    }
}

fn point(law: &Surface, run: &CandidateRun) -> Point {
    Point::new(run.n, run.d).within(law.setting)
}

fn best_point(law: &Surface, c: Flops) -> Option<Point> {
    let ln_n = law.ln_n_optimal(c)?;
    let ln_d = (c.get() / law.flops_per_nd).ln() - ln_n;
    Some(Point::new(Params::new(ln_n.exp()), Tokens::new(ln_d.exp())).within(law.setting))
}

/// Runs of `afford` FLOPs and less, at the tokens per parameter of the fitted ones.
fn grid(surface: &Surface, afford: f64) -> Vec<CandidateRun> {
    let support = &surface.support;
    let (Some(ratio), Some(fitted)) = (support.tokens_per_param, support.c) else {
        return Vec::new();
    };
    let least = (fitted.lo * surface.flops_per_nd / 6.0).max(LEAST * afford).min(afford);
    let steps = |from: f64, to: f64| ((to / from).ln() / STEP.ln() + 1e-9).floor() as i32;
    // Larger budgets take larger models, and what is known of smaller ones says little of them.
    let grown = (afford / (fitted.hi * surface.flops_per_nd / 6.0)).max(1.0).sqrt();
    let mut runs = Vec::new();
    for i in 0..=steps(least, afford) {
        let c = afford / STEP.powi(i);
        for k in 0..=steps(ratio.lo, ratio.hi) {
            // Both ends and even steps between them.
            let d_per_n = ratio.lo * STEP.powi(k);
            let n = Params::new((c / surface.flops_per_nd / d_per_n).sqrt());
            let d = Tokens::new(d_per_n * n.get());
            let near = support.n.is_none_or(|s| s.factor_outside(n.get()) <= 2.0 * grown);
            if near && n.get() >= 1.0 && d.get() >= 1.0 {
                runs.push(CandidateRun { n, d, c: Flops::new(c) });
            }
        }
    }
    runs
}
