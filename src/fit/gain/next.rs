//! The runs that would tell the multiplier farther out, for least compute.

use serde::{Deserialize, Serialize};

use super::pair::LawPair;
use crate::fit::next::{CandidateRun, Doubt, ErrorModel, choose};
use crate::law::Surface;
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

/// Runs that would tell the multiplier at a compute where it is not known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settling {
    /// Training FLOPs of B at which the multiplier would be known.
    pub flops: Flops,
    /// The runs, in the order of what they tell for what they cost.
    pub runs: Vec<SettlingRun>,
    /// What they cost together.
    pub cost: Flops,
    /// Variance of the ln multiplier that they leave, as a share of that of now.
    pub variance_left: f64,
}

/// How much farther the multiplier is to be known.
const FARTHER: f64 = 3.0;
/// Runs at most.
const MOST_RUNS: usize = 4;
/// Draws that are enough for variances.
const DRAWS: usize = 1000;
/// Budgets of candidates over the largest of their recipe.
const BUDGETS: [f64; 4] = [0.3, 1.0, 3.0, 10.0];
/// Sizes of candidates over the best one.
const SIZES: [f64; 3] = [0.5, 1.0, 2.0];
/// What laws err by at a factor e beyond their runs, where nothing else says it: the median of public
/// tables, as prediction intervals take it.
const DRIFT: f64 = 0.013;

/// The runs of either recipe that leave least doubt of the multiplier at three times the compute of B for
/// which it is known, by the draws of a pair of laws.
///
/// - `holds`: the compute of B for which it is known.
/// - `largest`: the largest compute of A and of B.
/// - `noise`: standard deviation of a run, as a share of its loss.
///
/// `None` without draws, or where no run tells anything.
pub(super) fn settling(
    names: [&str; 2],
    pair: &LawPair,
    holds: Flops,
    largest: [Flops; 2],
    noise: f64,
) -> Option<Settling> {
    let target = holds * FARTHER;
    let drawn: Vec<(f64, &[Surface; 2])> = pair
        .draws
        .iter()
        .take(DRAWS)
        .filter_map(|laws| Some((pair_multiplier(laws, target)?, laws)))
        .collect();
    let decision: Vec<f64> = drawn.iter().map(|d| d.0).collect();
    let (mut of, mut candidates, mut losses) = (Vec::new(), Vec::new(), Vec::new());
    for (k, largest) in largest.iter().enumerate() {
        let law = &pair.best[k];
        for c in BUDGETS.map(|factor| *largest * factor) {
            let Some(best) = law.ln_n_optimal(c) else { continue };
            for size in SIZES {
                let n = Params::new(size * best.exp());
                let d = law.tokens_for(c, n);
                of.push(k);
                candidates.push(CandidateRun { n, d, c });
                let ln = |laws: &[Surface; 2]| laws[k].loss_at(n.ln(), d.ln()).ln();
                losses.push(drawn.iter().map(|(_, laws)| ln(laws)).collect::<Vec<f64>>());
            }
        }
    }
    // Both recipes have to reach the loss of the target, which is what the dearer one costs.
    let dearest = candidates.iter().map(|run| run.c.get()).fold(0.0, f64::max);
    let errors = ErrorModel { noise: noise.max(1e-6), drift: DRIFT, target };
    let doubt = Doubt::new(&[decision], &candidates, &losses, &errors)?;
    let chosen = choose(&doubt, dearest, MOST_RUNS);
    let last = chosen.last()?;
    let runs = chosen
        .iter()
        .map(|run| {
            let at = &candidates[run.candidate];
            let recipe = names[of[run.candidate]].to_owned();
            SettlingRun { recipe, params: at.n, tokens: at.d, flops: at.c }
        })
        .collect();
    let cost = Flops::new(chosen.iter().map(|run| run.cost).sum());
    Some(Settling { flops: target, runs, cost, variance_left: last.variance_left })
}

fn pair_multiplier(laws: &[Surface; 2], c: Flops) -> Option<f64> {
    super::pair::ln_multiplier(laws, c).filter(|m| m.is_finite())
}
