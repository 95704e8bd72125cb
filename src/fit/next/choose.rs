//! The runs that leave least doubt for what they cost, one after another.

use serde::{Deserialize, Serialize};

use super::doubt::Doubt;

/// Powers of the cost by which a gain is divided: from none to all of it.
const POWERS: [f64; 5] = [1.0, 0.75, 0.5, 0.25, 0.0];
/// A run that lowers the variance by less than this share of it is not worth its trouble.
const LEAST: f64 = 5e-3;

/// A run that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChosenRun {
    /// Its place among the candidates.
    pub candidate: usize,
    /// What it costs, FLOPs.
    pub cost: f64,
    /// Variance of the decisions when it and those before it are done, over that of now.
    pub variance_left: f64,
}

/// Chooses up to `most` runs for at most `spend` FLOPs, such that the decisions are left least uncertain.
///
/// Runs are taken one at a time, each given those before it, by what they gain over a power of their cost.
/// By the full cost alone a sweep would be all small runs, by none of it all large ones; which is better
/// depends on the budget, so each power is tried and the choice with the least variance left is kept
/// (as Leskovec et al. 2007, sec. 4.2, do with the two ends, which cannot both be bad). A candidate may be
/// taken again: another seed.
///
/// Cheaper choices win where the variance left is the same to a hundredth. Empty where nothing affordable
/// tells anything.
#[must_use]
pub fn choose(doubt: &Doubt, spend: f64, most: usize) -> Vec<ChosenRun> {
    let cost = |chosen: &[ChosenRun]| chosen.iter().map(|run| run.cost).sum::<f64>();
    let left = |chosen: &[ChosenRun]| chosen.last().map_or(1.0, |run| run.variance_left);
    let mut best: Vec<ChosenRun> = Vec::new();
    for power in POWERS {
        let chosen = greedy(doubt, spend, most, power);
        let better = left(&chosen) < 0.99 * left(&best);
        let same = left(&chosen) <= 1.01 * left(&best) && !chosen.is_empty();
        if better || same && cost(&chosen) < 0.99 * cost(&best) {
            best = chosen;
        }
    }
    best
}

fn greedy(doubt: &Doubt, spend: f64, most: usize, power: f64) -> Vec<ChosenRun> {
    let mut doubt = doubt.clone();
    let before = doubt.variance();
    let (mut left, mut chosen): (f64, Vec<ChosenRun>) = (spend, Vec::new());
    while chosen.len() < most && before > 0.0 {
        let worth = |j: &usize| doubt.gain(*j) / doubt.costs[*j].powf(power);
        let taken = |j: usize| chosen.iter().any(|run: &ChosenRun| run.candidate == j);
        let affordable = (0..doubt.costs.len())
            .filter(|j| doubt.costs[*j] <= left * (1.0 + 1e-9) && !(doubt.once && taken(*j)));
        let Some(j) = affordable.max_by(|a, b| worth(a).total_cmp(&worth(b))) else { break };
        if doubt.gain(j) < LEAST * doubt.variance() {
            break;
        }
        let cost = doubt.costs[j];
        doubt.run(j);
        left -= cost;
        let variance_left = doubt.variance() / before;
        chosen.push(ChosenRun { candidate: j, cost, variance_left });
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::super::doubt::{CandidateRun, ErrorModel};
    use super::*;
    use crate::num::stream;
    use crate::units::{Flops, Params, Tokens};
    use rand_distr::{Distribution, StandardNormal};

    /// Candidates of which each shows one of four independent things, the decision their weighted sum.
    fn doubt(costs: &[f64]) -> Doubt {
        let mut rng = stream(5, 0);
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        let parts: Vec<Vec<f64>> =
            (0..4).map(|_| (0..4000).map(|_| 0.02 * normal()).collect()).collect();
        let weights = [4.0, 2.0, 1.0, 0.0];
        let sum = |k: usize| (0..4).map(|i| weights[i] * parts[i][k]).sum::<f64>();
        let decision: Vec<f64> = (0..4000).map(sum).collect();
        let run =
            |c: &f64| CandidateRun { n: Params::new(1e8), d: Tokens::new(1e9), c: Flops::new(*c) };
        let candidates: Vec<CandidateRun> = costs.iter().map(run).collect();
        let losses: Vec<Vec<f64>> = (0..costs.len()).map(|j| parts[j % 4].clone()).collect();
        let errors = ErrorModel { noise: 0.005, drift: 0.0, target: Flops::new(1e30) };
        Doubt::new(&[decision], &candidates, &losses, &errors).expect("draws")
    }

    #[test]
    fn runs_are_taken_by_what_they_tell_of_the_decision() {
        let chosen = choose(&doubt(&[1.0, 1.0, 1.0, 1.0]), 3.0, 9);
        let places: Vec<usize> = chosen.iter().map(|run| run.candidate).collect();
        assert_eq!(places, [0, 1, 2], "{chosen:?}");
        // 16 + 4 + 1 parts, of which a run leaves 0.005² / (0.02² + 0.005²).
        let left = |k: usize| {
            let rest: f64 = [16.0, 4.0, 1.0].iter().skip(k).sum();
            let known: f64 = [16.0, 4.0, 1.0].iter().take(k).sum();
            (rest + known / 17.0) / 21.0
        };
        for (k, run) in chosen.iter().enumerate() {
            assert!((run.variance_left / left(k + 1) - 1.0).abs() < 0.05, "{k}: {run:?}");
        }
    }

    #[test]
    fn a_dear_run_is_not_taken_where_others_tell_as_much_for_less() {
        // The same thing twice: at 100 and at 1.
        let chosen = choose(&doubt(&[100.0, 1.0, 1.0, 1.0, 1.0]), 120.0, 3);
        assert_eq!(chosen[0].candidate, 4, "{chosen:?}");
        assert!(chosen.iter().all(|run| run.cost == 1.0));
    }

    #[test]
    fn nothing_is_chosen_beyond_the_budget_or_without_news() {
        assert!(choose(&doubt(&[5.0, 5.0]), 4.0, 3).is_empty());
        let only_useless = Doubt::new(
            &[(0..100).map(|k| f64::from(k % 7)).collect()],
            &[CandidateRun { n: Params::new(1.0), d: Tokens::new(1.0), c: Flops::new(1.0) }],
            &[vec![0.0; 100]],
            &ErrorModel { noise: 0.1, drift: 0.0, target: Flops::new(2.0) },
        );
        assert!(choose(&only_useless.expect("draws"), 10.0, 3).is_empty());
        let chosen = choose(&doubt(&[3.0, 2.0, 2.0]), 5.0, 9);
        assert!(chosen.iter().map(|run| run.cost).sum::<f64>() <= 5.0, "{chosen:?}");
    }
}
