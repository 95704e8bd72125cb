//! Where a plan may lie, and which input is to blame: joint draws of law and circumstances.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::recommend::{Costs, Sampling, costs, solve};
use super::scenario::{Circumstances, Design, Input, Scenario, SizeCaps};
use crate::law::{Ensemble, Surface};
use crate::num::{map_all, standard_deviation, stream};

/// How much of one quantity's variance an input causes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The input.
    pub input: Input,
    /// Share of the variance that would go if this input alone were known (first-order Sobol' index).
    pub alone: f64,
    /// Share that would stay if everything else were known (total Sobol' index); larger than `alone`
    /// by what it causes together with others.
    pub in_all: f64,
}

/// The doubt about one quantity, by input.
///
/// Variances are those of ln N, ln D and ln cost, and of the loss in nats. Indices are estimated from
/// pairs of draws that share all inputs but one (Jansen 1999; Saltelli et al. 2010, doi:
/// 10.1016/j.cpc.2009.09.018, table 2, b and f); with a thousand of them they are good to a few
/// hundredths, and so do not add up exactly.
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
    pub(super) costs: Costs,
}

/// Plans over joint draws.
pub(super) struct Sample {
    pub(super) answers: Vec<Answer>,
    pub(super) failed: usize,
    pub(super) spread: Vec<Spread>,
}

/// The inputs of one ensemble and scenario, and what each draw of them means.
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

/// Laws and circumstances drawn together; the best law in typical ones when nothing is in doubt.
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
    /// Solves the design's plan in every draw, and again with one input exchanged at a time.
    pub(super) fn draw(
        ensemble: &Ensemble,
        scenario: &Scenario,
        design: &Design,
        caps: &SizeCaps,
        sampling: &Sampling,
    ) -> Self {
        let space = Space::new(ensemble, scenario);
        if space.inputs.is_empty() || sampling.draws == 0 {
            return Self { answers: Vec::new(), failed: 0, spread: Vec::new() };
        }
        let answer = |point: &Vec<f64>| -> Option<Answer> {
            let (surface, now) = space.at(point);
            let s = solve(scenario, design, surface, caps, &now).ok()?;
            let loss = s.surface.loss_at(s.ln_n, s.ln_d);
            let costs = costs(scenario, design, &s.surface, &now, s.ln_n, s.ln_d);
            Some(Answer { ln_n: s.ln_n, ln_d: s.ln_d, loss, cost: s.cost, costs })
        };
        let points = space.hypercube(sampling.draws, sampling.seed, 0);
        let answers = map_all(&points, &answer);
        let failed = answers.iter().filter(|a| a.is_none()).count();
        let spread = space.shares(&answers, &points, sampling, &answer);
        Self { answers: answers.into_iter().flatten().collect(), failed, spread }
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
            // Rounding is no doubt: a target loss is the same in every draw.
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
                        Share {
                            input: *input,
                            alone: alone.clamp(0.0, 1.0),
                            in_all: in_all.min(1.0),
                        }
                    })
                    .collect();
                shares.sort_by(|a, b| b.in_all.total_cmp(&a.in_all));
                Spread { quantity: quantity.to_owned(), sd: variance.sqrt(), shares }
            })
            .collect()
    }
}
