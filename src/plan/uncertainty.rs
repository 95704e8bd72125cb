//! Where a plan may lie, and which input causes it: joint draws of law and circumstances.

use std::collections::BTreeMap;

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::candidate::Candidate;
use super::scenario::{Circumstances, Input, Scenario};
use super::solve::Costs;
use crate::law::{Ensemble, Surface};
use crate::num::{Interval, map_all, standard_deviation, stream};

/// How many draws to make, and from which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sampling {
    /// Joint draws of law and circumstances; 0 for no intervals.
    pub draws: usize,
    /// Draws behind the shares of each input.
    pub share_draws: usize,
    /// Seed.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { draws: 4000, share_draws: 1000, seed: 0 }
    }
}

/// How much of one quantity's variance an input causes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The input.
    pub input: Input,
    /// Share of the variance that would vanish if this input alone were known (first-order Sobol' index).
    pub alone: f64,
    /// Share that would remain if everything else were known (total Sobol' index); larger than `alone`
    /// by what the input causes together with others.
    pub in_all: f64,
}

/// The uncertainty of one quantity, by input.
///
/// Variances are those of ln N, ln D and ln cost, and of the loss in nats. Indices are estimated from
/// pairs of draws that share all inputs but one (Jansen 1999; Saltelli et al. 2010, doi:
/// 10.1016/j.cpc.2009.09.018, table 2, b and f); with a thousand of them the error is a few
/// hundredths, so shares do not add up exactly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// `params`, `tokens`, `loss` or `cost`.
    pub quantity: String,
    /// Standard deviation: relative for params, tokens and cost, in nats for the loss.
    pub sd: f64,
    /// One per input, largest first.
    pub shares: Vec<Share>,
}

/// One draw's plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) ln_n: f64,
    pub(super) ln_d: f64,
    pub(super) loss: f64,
    pub(super) cost: f64,
    pub(super) flops: f64,
    pub(super) costs: Costs,
}

impl Answer {
    /// The answer at one size and number of tokens, in one outcome.
    pub(super) fn of(
        candidate: &Candidate,
        surface: &Surface,
        now: &Circumstances,
        ln_n: f64,
        ln_d: f64,
    ) -> Self {
        Self {
            ln_n,
            ln_d,
            loss: surface.loss_at(ln_n, ln_d),
            cost: candidate.cost(surface, now, ln_n, ln_d),
            flops: surface.flops_per_nd * (ln_n + ln_d).exp(),
            costs: candidate.costs(surface, now, ln_n, ln_d),
        }
    }
}

/// Plans over joint draws.
pub(super) struct Sample {
    pub(super) answers: Vec<Answer>,
    pub(super) failed: usize,
    pub(super) spread: Vec<Spread>,
}

/// The uncertain inputs of one ensemble and scenario.
struct Space<'a> {
    inputs: Vec<Input>,
    ensemble: &'a Ensemble,
    scenario: &'a Scenario,
}

impl<'a> Space<'a> {
    fn new(ensemble: &'a Ensemble, scenario: &'a Scenario) -> Self {
        let law = (!ensemble.draws.is_empty()).then_some(Input::Law);
        let inputs = law.into_iter().chain(scenario.inputs()).collect();
        Self { inputs, ensemble, scenario }
    }

    /// `n` points of the unit cube, one coordinate per input: a Latin hypercube, so that every draw
    /// of a law is used equally often.
    fn hypercube(&self, n: usize, seed: u64, index: u64) -> Vec<Vec<f64>> {
        let mut rng = stream(seed, index);
        let mut points = vec![vec![0.0; self.inputs.len()]; n];
        for i in 0..self.inputs.len() {
            let mut strata: Vec<usize> = (0..n).collect();
            for j in (1..n).rev() {
                strata.swap(j, rng.random_range(0..=j));
            }
            for (point, stratum) in points.iter_mut().zip(strata) {
                point[i] = (stratum as f64 + rng.random::<f64>()) / n as f64;
            }
        }
        points
    }

    /// The points of a sample: where only the law is in doubt, every draw of it once.
    fn points(&self, sampling: &Sampling) -> Vec<Vec<f64>> {
        let draws = self.ensemble.draws.len();
        // A few rival laws are no sample of quantiles.
        if self.inputs == [Input::Law] && (100..=sampling.draws).contains(&draws) {
            return (0..draws).map(|i| vec![(i as f64 + 0.5) / draws as f64]).collect();
        }
        self.hypercube(sampling.draws, sampling.seed, 0)
    }

    fn at(&self, point: &[f64]) -> (&'a Surface, Circumstances) {
        let quantile =
            |input: Input| self.inputs.iter().position(|i| *i == input).map_or(0.5, |i| point[i]);
        let draws = &self.ensemble.draws;
        let surface = if draws.is_empty() {
            &self.ensemble.best
        } else {
            let at = (quantile(Input::Law) * draws.len() as f64) as usize;
            &draws[at.min(draws.len() - 1)]
        };
        (surface, self.scenario.circumstances(quantile))
    }
}

/// Laws and circumstances drawn together; the best law in typical ones when nothing is uncertain.
pub(super) fn states<'a>(
    ensemble: &'a Ensemble,
    scenario: &'a Scenario,
    n: usize,
    seed: u64,
) -> Vec<(&'a Surface, Circumstances)> {
    let space = Space::new(ensemble, scenario);
    if space.inputs.is_empty() || n == 0 {
        return vec![(&ensemble.best, scenario.typical())];
    }
    space.hypercube(n, seed, 2).iter().map(|point| space.at(point)).collect()
}

impl Sample {
    /// Solves the plan of the design in every draw, and again with one input exchanged at a time.
    pub(super) fn draw(ensemble: &Ensemble, candidate: &Candidate, sampling: &Sampling) -> Self {
        let space = Space::new(ensemble, candidate.scenario);
        if space.inputs.is_empty() || sampling.draws == 0 {
            return Self { answers: Vec::new(), failed: 0, spread: Vec::new() };
        }
        let answer = |point: &Vec<f64>| -> Option<Answer> {
            let (surface, now) = space.at(point);
            let s = candidate.solve(surface, &now).ok()?;
            Some(Answer::of(candidate, &s.surface, &now, s.ln_n, s.ln_d))
        };
        let points = space.points(sampling);
        let answers = map_all(&points, &answer);
        let failed = answers.iter().filter(|a| a.is_none()).count();
        let spread = space.shares(&answers, &points, sampling, &answer);
        Self { answers: answers.into_iter().flatten().collect(), failed, spread }
    }

    /// Answers in every draw, without the shares of the inputs.
    pub(super) fn plain(
        ensemble: &Ensemble,
        scenario: &Scenario,
        sampling: &Sampling,
        answer: &(impl Fn(&Surface, &Circumstances) -> Option<Answer> + Sync),
    ) -> Self {
        let space = Space::new(ensemble, scenario);
        if space.inputs.is_empty() || sampling.draws == 0 {
            return Self { answers: Vec::new(), failed: 0, spread: Vec::new() };
        }
        let points = space.points(sampling);
        let answers = map_all(&points, &|point: &Vec<f64>| {
            let (surface, now) = space.at(point);
            answer(surface, &now)
        });
        let failed = answers.iter().filter(|a| a.is_none()).count();
        Self { answers: answers.into_iter().flatten().collect(), failed, spread: Vec::new() }
    }

    /// Percentile intervals by field name.
    pub(super) fn intervals(&self, level: f64) -> BTreeMap<String, Interval> {
        let costs =
            |of: fn(&Costs) -> Option<f64>| move |a: &Answer| of(&a.costs).unwrap_or(f64::NAN);
        type Of<'a> = Box<dyn Fn(&Answer) -> f64 + 'a>;
        let fields: Vec<(&str, Of)> = vec![
            ("params", Box::new(|a| a.ln_n.exp())),
            ("tokens", Box::new(|a| a.ln_d.exp())),
            ("tokens_per_param", Box::new(|a| (a.ln_d - a.ln_n).exp())),
            ("loss", Box::new(|a| a.loss)),
            ("train_flops", Box::new(|a| a.flops)),
            ("cost", Box::new(|a| a.cost)),
            ("train_usd", Box::new(costs(|c| c.train_usd))),
            ("serve_usd", Box::new(costs(|c| c.serve_usd))),
            ("total_usd", Box::new(costs(|c| c.total_usd))),
            ("train_device_hours", Box::new(costs(|c| c.train_device_hours))),
            ("train_days", Box::new(costs(|c| c.train_days))),
            ("train_kwh", Box::new(costs(|c| c.train_kwh))),
        ];
        fields
            .into_iter()
            .filter_map(|(name, of)| {
                let values: Vec<f64> = self.answers.iter().map(of).collect();
                Some((name.to_owned(), Interval::percentile(&values, level)?))
            })
            .collect()
    }
}

/// The name of a quantity and its scale.
type Quantity = (&'static str, fn(&Answer) -> f64);

const QUANTITIES: [Quantity; 4] = [
    ("params", |a| a.ln_n),
    ("tokens", |a| a.ln_d),
    ("loss", |a| a.loss),
    ("cost", |a| a.cost.ln()),
];

impl Space<'_> {
    fn shares(
        &self,
        answers: &[Option<Answer>],
        points: &[Vec<f64>],
        sampling: &Sampling,
        answer: &(impl Fn(&Vec<f64>) -> Option<Answer> + Sync),
    ) -> Vec<Spread> {
        let all: Vec<&Answer> = answers.iter().flatten().collect();
        let quantities = QUANTITIES.iter().filter_map(|(quantity, of)| {
            let values: Vec<f64> = all.iter().map(|a| of(a)).collect();
            let variance = standard_deviation(&values).powi(2);
            // Rounding is not uncertainty: a target loss is the same in every draw.
            (variance.sqrt() > 1e-7).then_some((*quantity, *of, variance))
        });
        let quantities: Vec<_> = quantities.collect();
        if let [only] = self.inputs[..] {
            let share = Share { input: only, alone: 1.0, in_all: 1.0 };
            let spread = |(quantity, _, variance): &(&str, _, f64)| Spread {
                quantity: (*quantity).to_owned(),
                sd: variance.sqrt(),
                shares: vec![share],
            };
            return quantities.iter().map(spread).collect();
        }
        let n = sampling.share_draws.min(points.len());
        let others = self.hypercube(n, sampling.seed, 1);
        let at_others = map_all(&others, answer);
        let mut exchanged = Vec::new();
        for i in 0..self.inputs.len() {
            let mixed: Vec<Vec<f64>> = points[..n]
                .iter()
                .zip(&others)
                .map(|(a, b)| {
                    let mut point = a.clone();
                    point[i] = b[i];
                    point
                })
                .collect();
            exchanged.push(map_all(&mixed, answer));
        }
        quantities
            .into_iter()
            .map(|(quantity, of, variance)| {
                let mut shares: Vec<Share> = self
                    .inputs
                    .iter()
                    .zip(&exchanged)
                    .map(|(input, mixed)| {
                        let half_square = |ones: &[Option<Answer>]| {
                            let squares: Vec<f64> = ones
                                .iter()
                                .zip(mixed)
                                .filter_map(|(a, b)| {
                                    Some((of(a.as_ref()?) - of(b.as_ref()?)).powi(2))
                                })
                                .collect();
                            0.5 * squares.iter().sum::<f64>() / squares.len() as f64
                        };
                        // Pairs that share only this input, and pairs that share all but it.
                        let alone = 1.0 - half_square(&at_others) / variance;
                        let in_all = half_square(&answers[..n]) / variance;
                        // Both are estimates; what an input causes alone is part of what it causes.
                        let in_all = in_all.min(1.0);
                        Share { input: *input, alone: alone.clamp(0.0, in_all), in_all }
                    })
                    .collect();
                shares.sort_by(|a, b| b.in_all.total_cmp(&a.in_all));
                Spread { quantity: quantity.to_owned(), sd: variance.sqrt(), shares }
            })
            .collect()
    }
}
