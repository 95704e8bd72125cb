//! The run at which two laws part most, beside what a run scatters.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use super::doubt::CandidateRun;
use crate::units::Flops;

/// A probability of telling two laws apart that is worth a run.
const WORTH: f64 = 0.9;
/// Most repeats of a run.
const MOST_SEEDS: u32 = 4;

/// A run, or some repeats of it, that separates two laws.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Separation {
    /// Its place among the candidates.
    pub candidate: usize,
    /// Seeds to run it with.
    pub seeds: u32,
    /// All of them together.
    #[serde(rename = "flops")]
    pub c: Flops,
    /// ln of the rival's loss over that of the law.
    pub difference: f64,
    /// Probability that the loss is nearer to the law that is right.
    pub probability: f64,
}

/// The cheapest run, with up to four seeds, that tells two laws apart nine times in ten; where none
/// does, the one that does it most often.
///
/// The loss of a run lies around that of the right law with the variance of the run, over its seeds, and of
/// both laws; it points to the wrong one where it crosses the middle between them.
///
/// - `differences`: ln of the rival's loss over that of the law, for each candidate.
/// - `variances`: of both laws there, of ln loss.
/// - `noise`: standard deviation of one run, of ln loss.
/// - `spend`: most FLOPs of all its seeds.
///
/// `None` where no candidate is affordable or the laws do not differ.
#[must_use]
pub fn separate(
    candidates: &[CandidateRun],
    differences: &[f64],
    variances: &[f64],
    noise: f64,
    spend: Flops,
) -> Option<Separation> {
    let normal = Normal::standard();
    let of = |candidate: usize, seeds: u32| {
        let c = candidates[candidate].c * f64::from(seeds);
        let difference = differences[candidate];
        let spread = (noise * noise / f64::from(seeds) + variances[candidate]).sqrt();
        let probability = normal.cdf(0.5 * difference.abs() / spread);
        Separation { candidate, seeds, c, difference, probability }
    };
    let places = 0..candidates.len().min(differences.len()).min(variances.len());
    let all = places.flat_map(|j| (1..=MOST_SEEDS).map(move |seeds| (j, seeds)));
    let usable: Vec<Separation> = all
        .map(|(j, seeds)| of(j, seeds))
        .filter(|s| s.c.get() <= spend.get() * (1.0 + 1e-9))
        .filter(|s| s.probability.is_finite() && s.difference != 0.0)
        .collect();
    let cheapest = usable
        .iter()
        .filter(|s| s.probability >= WORTH)
        .min_by(|a, b| a.c.get().total_cmp(&b.c.get()));
    cheapest
        .or_else(|| usable.iter().max_by(|a, b| a.probability.total_cmp(&b.probability)))
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Params, Tokens};

    fn candidates() -> Vec<CandidateRun> {
        let run =
            |c: f64| CandidateRun { n: Params::new(1e8), d: Tokens::new(1e9), c: Flops::new(c) };
        [1.0, 10.0, 100.0].map(run).to_vec()
    }

    #[test]
    fn the_cheapest_run_that_separates_is_taken_with_the_seeds_it_takes() {
        let flat = [0.0; 3];
        // Alone the second tells them apart with probability Φ(1) = .84, twice with Φ(1.41) = .92.
        let found = separate(&candidates(), &[1e-4, 0.02, 0.2], &flat, 0.01, Flops::new(1e3));
        let found = found.expect("a run");
        assert_eq!((found.candidate, found.seeds), (1, 2), "{found:?}");
        assert!((found.probability - 0.921_350).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn where_none_separates_the_likeliest_is_taken_and_alike_laws_have_none() {
        let found =
            separate(&candidates(), &[1e-3, 2e-3, 9e-3], &[1e-4; 3], 0.01, Flops::new(50.0));
        assert_eq!(found.map(|s| s.candidate), Some(1));
        assert!(separate(&candidates(), &[0.0; 3], &[0.0; 3], 0.01, Flops::new(50.0)).is_none());
        assert!(separate(&candidates(), &[0.1; 3], &[0.0; 3], 0.01, Flops::new(0.5)).is_none());
    }
}
