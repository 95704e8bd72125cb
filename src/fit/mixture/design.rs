//! Mixtures to run: spread over the simplex around a prior.

use rand::RngExt;
use rand_distr::{Distribution, Gamma};

use crate::num::stream;

/// How many mixtures are drawn for each that is kept.
const CANDIDATES: usize = 40;
/// Concentrations of the draws: from a domain or two at a time to near the prior.
const CONCENTRATIONS: (f64, f64) = (1.0, 20.0);

/// The share of tokens in which two mixtures differ.
pub(super) fn distance(a: &[f64], b: &[f64]) -> f64 {
    0.5 * a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>()
}

/// `count` mixtures around `prior`, far apart from each other: the prior itself, then of Dirichlet draws
/// with means at the prior and concentrations from 1 to 20 the one that is farthest from all before it.
///
/// - `prior`: shares that add to one; a domain without any gets none.
///
/// Empty for a prior without a positive share.
#[must_use]
pub fn mixture_design(prior: &[f64], count: usize, seed: u64) -> Vec<Vec<f64>> {
    if !prior.iter().any(|p| *p > 0.0) || prior.iter().any(|p| !p.is_finite() || *p < 0.0) {
        return Vec::new();
    }
    let mut rng = stream(seed, 0);
    let candidates: Vec<Vec<f64>> = (0..CANDIDATES * count)
        .filter_map(|_| {
            let (lo, hi) = CONCENTRATIONS;
            let all = lo * (hi / lo).powf(rng.random_range(0.0..1.0));
            let mut shares: Vec<f64> = prior
                .iter()
                .map(|p| Gamma::new(all * p, 1.0).map_or(0.0, |gamma| gamma.sample(&mut rng)))
                .collect();
            let sum: f64 = shares.iter().sum();
            shares.iter_mut().for_each(|share| *share /= sum);
            shares.iter().all(|share| share.is_finite()).then_some(shares)
        })
        .collect();
    spread(vec![prior.to_vec()], candidates, count)
}

/// The first ones, then of the candidates always the one farthest from those there are.
pub(super) fn spread(
    mut chosen: Vec<Vec<f64>>,
    candidates: Vec<Vec<f64>>,
    count: usize,
) -> Vec<Vec<f64>> {
    let nearest = |to: &[f64], among: &[Vec<f64>]| {
        among.iter().map(|other| distance(to, other)).fold(f64::INFINITY, f64::min)
    };
    let mut left: Vec<(f64, Vec<f64>)> =
        candidates.into_iter().map(|c| (nearest(&c, &chosen), c)).collect();
    while chosen.len() < count {
        let far = (0..left.len()).max_by(|a, b| left[*a].0.total_cmp(&left[*b].0));
        let Some(next) = far.filter(|k| left[*k].0 > 1e-3) else { break };
        let (_, shares) = left.swap_remove(next);
        left.iter_mut().for_each(|(d, c)| *d = d.min(distance(c, &shares)));
        chosen.push(shares);
    }
    chosen.truncate(count);
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_design_is_on_the_simplex_and_spread_wider_than_chance() {
        let prior = [0.5, 0.3, 0.15, 0.05];
        let made = mixture_design(&prior, 24, 3);
        assert_eq!((made.len(), &made[0][..]), (24, &prior[..]));
        let nearest = |of: &[Vec<f64>]| {
            let least = |i: usize| {
                let others = (0..of.len()).filter(|j| *j != i);
                others.map(|j| distance(&of[i], &of[j])).fold(f64::INFINITY, f64::min)
            };
            (0..of.len()).map(least).fold(f64::INFINITY, f64::min)
        };
        for shares in &made {
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(shares.iter().all(|s| (0.0..=1.0).contains(s)));
        }
        assert!(nearest(&made) > 0.1, "{}", nearest(&made));
        assert_eq!(made, mixture_design(&prior, 24, 3));
        assert!(mixture_design(&[0.0, 0.0], 3, 0).is_empty());
    }
}
