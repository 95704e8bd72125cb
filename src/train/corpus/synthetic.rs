//! Tokens from a source of known entropy.

use rand::RngExt;

use crate::sweep::{Stream, SyntheticSpec, stream};

/// Tokens drawn before the first that is kept, so that the start no longer matters.
const BURN_IN: usize = 10_000;

/// A Markov chain of order two: each pair of tokens has `branching` possible successors, always with
/// the same probabilities in another order.
///
/// Every pair then has the same entropy, so the entropy rate is exactly that of the probabilities,
/// however often each pair occurs. Successors are drawn by popularity, so some pairs are much rarer
/// than others and a model of any size has something left to learn.
pub(super) struct Synthetic {
    spec: SyntheticSpec,
    /// [vocab, vocab, branching].
    successors: Vec<u16>,
    /// [branching], falling.
    probabilities: Vec<f64>,
}

fn zipf(count: u32, exponent: f64) -> Vec<f64> {
    let weights: Vec<f64> = (1..=count).map(|rank| f64::from(rank).powf(-exponent)).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / total).collect()
}

/// An index drawn from probabilities that fall.
fn draw(probabilities: &[f64], rng: &mut Stream) -> usize {
    let mut left: f64 = rng.random();
    for (i, p) in probabilities.iter().enumerate() {
        left -= p;
        if left < 0.0 {
            return i;
        }
    }
    probabilities.len() - 1
}

impl Synthetic {
    pub(super) fn new(spec: SyntheticSpec) -> Self {
        let (vocab, branching) = (spec.vocab as usize, spec.branching as usize);
        let mut rng = stream(spec.seed, 0);
        // Successors of a pair are a draw by popularity without replacement: the smallest of
        // exponential times, each faster the more popular the token (Efraimidis and Spirakis 2006).
        let popular = zipf(spec.vocab, spec.popularity);
        let mut successors = Vec::with_capacity(vocab * vocab * branching);
        let mut times: Vec<(f64, u16)> = Vec::with_capacity(vocab);
        for _ in 0..vocab * vocab {
            times.clear();
            times.extend(popular.iter().zip(0_u16..).map(|(p, token)| {
                let u: f64 = rng.random();
                (-(1.0 - u).ln() / p, token)
            }));
            let (nearest, ..) =
                times.select_nth_unstable_by(branching - 1, |a, b| a.0.total_cmp(&b.0));
            let mut chosen: Vec<u16> = nearest.iter().map(|t| t.1).collect();
            chosen.push(times[branching - 1].1);
            // Their order is drawn apart: a popular token must not be the likely successor as well.
            chosen.sort_unstable();
            for i in (1..chosen.len()).rev() {
                chosen.swap(i, rng.random_range(0..=i));
            }
            successors.extend(chosen);
        }
        Self { spec, successors, probabilities: zipf(spec.branching, spec.skew) }
    }

    fn successors(&self, before: usize, last: usize) -> &[u16] {
        let (vocab, branching) = (self.spec.vocab as usize, self.spec.branching as usize);
        &self.successors[(before * vocab + last) * branching..][..branching]
    }

    /// `count` tokens of stream `index`.
    pub(super) fn tokens(&self, count: usize, index: u64) -> Vec<u32> {
        let mut rng = stream(self.spec.seed, index);
        let (mut before, mut last) = (0, 1 % self.spec.vocab as usize);
        let mut tokens = Vec::with_capacity(count);
        for at in 0..BURN_IN + count {
            let next = self.successors(before, last)[draw(&self.probabilities, &mut rng)];
            (before, last) = (last, usize::from(next));
            if at >= BURN_IN {
                tokens.push(u32::from(next));
            }
        }
        tokens
    }

    /// Entropy rate, nats per token: -Σ p ln p of the successors' probabilities.
    pub(super) fn entropy_nats(&self) -> f64 {
        -self.probabilities.iter().map(|p| p * p.ln()).sum::<f64>()
    }

    /// Entropy of a token given the one before alone, nats: the lowest loss of the first prediction of
    /// a window, which sees one token.
    pub(super) fn first_order_nats(&self) -> f64 {
        let vocab = self.spec.vocab as usize;
        let mut pairs = vec![1.0 / (vocab * vocab) as f64; vocab * vocab];
        for _ in 0..200 {
            let mut next = vec![0.0; vocab * vocab];
            for (pair, weight) in pairs.iter().enumerate() {
                let (before, last) = (pair / vocab, pair % vocab);
                for (token, p) in self.successors(before, last).iter().zip(&self.probabilities) {
                    next[last * vocab + usize::from(*token)] += weight * p;
                }
            }
            pairs = next;
        }
        // The weight of (last, token) among all pairs is p(last) p(token | last).
        let rows = pairs.chunks_exact(vocab);
        rows.map(|row| {
            let total: f64 = row.iter().sum();
            row.iter().filter(|w| **w > 0.0).map(|w| -w * (w / total).ln()).sum::<f64>()
        })
        .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entropy_rate_is_what_the_tokens_show() {
        let spec = SyntheticSpec { vocab: 12, branching: 4, ..SyntheticSpec::default() };
        let source = Synthetic::new(spec);
        let tokens = source.tokens(200_000, 1);
        // Surprises given the pair before are independent, so their mean is known to its scatter.
        let surprises: Vec<f64> = tokens
            .windows(3)
            .map(|w| {
                let following = source.successors(w[0] as usize, w[1] as usize);
                let rank = following.iter().position(|t| u32::from(*t) == w[2]).expect("possible");
                -source.probabilities[rank].ln()
            })
            .collect();
        let mean = crate::num::mean(&surprises);
        let variance =
            surprises.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / surprises.len() as f64;
        let bound = 4.0 * (variance / surprises.len() as f64).sqrt();
        assert!((mean - source.entropy_nats()).abs() < bound, "{mean} {bound}");
        // Counting pairs alone shows the entropy of one token given the last.
        let mut counts = vec![0.0; 144];
        tokens.windows(2).for_each(|w| counts[(w[0] * 12 + w[1]) as usize] += 1.0);
        let total: f64 = counts.iter().sum();
        let shown: f64 = counts
            .chunks(12)
            .map(|row| {
                let sum: f64 = row.iter().sum();
                row.iter().filter(|c| **c > 0.0).map(|c| -c / total * (c / sum).ln()).sum::<f64>()
            })
            .sum();
        // 144 counts estimate an entropy with a bias of about 144 / 2 n = 4e-4.
        assert!((shown - source.first_order_nats()).abs() < 0.01, "{shown}");
        assert!(source.first_order_nats() > source.entropy_nats());
    }

    #[test]
    fn streams_differ_and_repeat() {
        let source = Synthetic::new(SyntheticSpec { vocab: 32, ..SyntheticSpec::default() });
        assert_eq!(source.tokens(500, 1), source.tokens(500, 1));
        assert_ne!(source.tokens(500, 1), source.tokens(500, 2));
        let successors = source.successors(3, 4);
        let distinct: std::collections::HashSet<_> = successors.iter().collect();
        assert_eq!(distinct.len(), 8);
    }
}
