//! The runs that would carry the verdict farther, and those that would tell a gain from none.

use serde::{Deserialize, Serialize};

use super::measured::FrontierKind;
use super::multiplier::Multiplier;
use super::pair::LawPair;
use crate::units::{Flops, Params, Tokens};

/// A run that would help.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettlingRun {
    /// The recipe.
    pub recipe: String,
    /// N.
    pub params: Params,
    /// D.
    pub tokens: Tokens,
    /// What it costs.
    pub flops: Flops,
}

/// Runs with which the multiplier can be read off at a compute where it is not known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settling {
    /// Training FLOPs of B at which the multiplier would be known.
    pub flops: Flops,
    /// The runs: the fewest from which the lowest loss of a budget can be read.
    pub runs: Vec<SettlingRun>,
    /// What they cost together.
    pub cost: Flops,
    /// How many times as many runs of each budget would tell the gain from none, where its interval
    /// holds one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times_the_runs: Option<f64>,
}

/// How much farther the multiplier is to be known.
const FARTHER: f64 = 3.0;
/// Sizes over the best one: a profile takes three with the lowest loss between the others.
const SIZES: [f64; 3] = [0.5, 1.0, 2.0];

/// The runs of either recipe that the next factor of three takes.
///
/// - `names`, `largest`: of A and of B.
/// - `pair`: laws that say which sizes are near the best.
/// - `most`: the multiplier at the largest compute for which it is known.
pub(super) fn settling(
    names: [&str; 2],
    pair: &LawPair,
    kind: FrontierKind,
    most: &Multiplier,
    largest: [f64; 2],
) -> Option<Settling> {
    let target = most.flops * FARTHER;
    let needed = [most.a_flops * FARTHER, target];
    let sizes: &[f64] = match kind {
        FrontierKind::Valleys => &SIZES,
        FrontierKind::Ladder => &SIZES[1..2],
    };
    let mut runs = Vec::new();
    for k in 0..2 {
        let (law, c) = (&pair.best[k], needed[k]);
        if c.get() <= 1.05 * largest[k] {
            continue;
        }
        let best = law.ln_n_optimal(c)?.exp();
        runs.extend(sizes.iter().map(|size| {
            let n = Params::new(size * best);
            let recipe = names[k].to_owned();
            SettlingRun { recipe, params: n, tokens: law.tokens_for(c, n), flops: c }
        }));
    }
    let cost = Flops::new(runs.iter().map(|run| run.flops.get()).sum());
    Some(Settling { flops: target, runs, cost, times_the_runs: times_the_runs(most) })
}

/// An interval narrows with the root of the number of runs.
fn times_the_runs(most: &Multiplier) -> Option<f64> {
    let interval = most.interval.filter(|i| i.contains(1.0))?;
    let half = 0.5 * (interval.hi / interval.lo).ln();
    let times = (half / most.multiplier.ln()).powi(2);
    times.is_finite().then_some(times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::Interval;

    #[test]
    fn a_gain_half_as_large_as_its_doubt_takes_four_times_the_runs() {
        let m = |lo: f64, hi: f64| Multiplier {
            flops: Flops::new(1e18),
            a_flops: Flops::new(1e18),
            loss_nats: None,
            multiplier: 0.05_f64.exp(),
            interval: Some(Interval { lo: lo.exp(), hi: hi.exp() }),
        };
        let times = times_the_runs(&m(-0.05, 0.15)).expect("it holds one");
        assert!((times - 4.0).abs() < 1e-9, "{times}");
        assert_eq!(times_the_runs(&m(0.01, 0.09)), None);
    }
}
