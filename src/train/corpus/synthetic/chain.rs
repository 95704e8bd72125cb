//! A Markov chain of order two.

use rand::RngExt;

use super::zipf::{entropy, zipf};
use crate::sweep::{Stream, SyntheticSpec, stream};

/// Tokens drawn before the first that is kept, so that the start no longer matters.
const BURN_IN: usize = 10_000;

/// A Markov chain of order two: each pair of tokens has `branching` possible successors, always with
/// the same probabilities in another order.
///
/// Every pair then has the same entropy, so the entropy rate is exactly that of the probabilities,
/// however often each pair occurs. Successors are drawn by popularity, so some pairs are much rarer
/// than others and a model of any size has something left to learn.
pub(super) struct Chain {
    seed: u64,
    vocab: usize,
    branching: usize,
    /// [vocab, vocab, branching].
    successors: Vec<u16>,
    /// [branching], falling.
    probabilities: Vec<f64>,
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

impl Chain {
    pub(super) fn new(spec: &SyntheticSpec) -> Self {
        let (vocab, branching) = (spec.size() as usize, spec.branching() as usize);
        let mut rng = stream(spec.seed, 0);
        // Successors of a pair are a draw by popularity without replacement: the smallest of
        // exponential times, each faster the more popular the token (Efraimidis and Spirakis 2006).
        let popular = zipf(vocab, spec.popularity());
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
        let probabilities = zipf(branching, spec.skew());
        Self { seed: spec.seed, vocab, branching, successors, probabilities }
    }

    fn successors(&self, before: usize, last: usize) -> &[u16] {
        &self.successors[(before * self.vocab + last) * self.branching..][..self.branching]
    }

    /// `count` tokens of stream `index`.
    pub(super) fn fill(&self, count: usize, index: u64, push: &mut dyn FnMut(u16)) {
        let mut rng = stream(self.seed, index);
        let (mut before, mut last) = (0, 1 % self.vocab);
        for at in 0..BURN_IN + count {
            let next = self.successors(before, last)[draw(&self.probabilities, &mut rng)];
            (before, last) = (last, usize::from(next));
            if at >= BURN_IN {
                push(next);
            }
        }
    }

    /// Entropy rate, nats per token: -Σ p ln p of the successors' probabilities.
    pub(super) fn entropy_nats(&self) -> f64 {
        entropy(self.probabilities.iter().copied())
    }

    /// Entropy of a token given the one before alone, nats: the lowest loss of the first prediction of
    /// a window, which sees one token.
    pub(super) fn first_order_nats(&self) -> f64 {
        let vocab = self.vocab;
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
    use crate::sweep::SyntheticKind;

    fn spec(vocab: u32, branching: u32) -> SyntheticSpec {
        let (vocab, branching) = (Some(vocab), Some(branching));
        SyntheticSpec { kind: SyntheticKind::Chain, vocab, branching, ..SyntheticSpec::default() }
    }

    fn tokens(source: &Chain, count: usize, index: u64) -> Vec<u32> {
        let mut tokens = Vec::new();
        source.fill(count, index, &mut |t| tokens.push(u32::from(t)));
        tokens
    }

    #[test]
    fn the_entropy_rate_is_what_the_tokens_show() {
        let source = Chain::new(&spec(12, 4));
        let tokens = tokens(&source, 200_000, 1);
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
        let source = Chain::new(&spec(32, 8));
        assert_eq!(tokens(&source, 500, 1), tokens(&source, 500, 1));
        assert_ne!(tokens(&source, 500, 1), tokens(&source, 500, 2));
        let successors = source.successors(3, 4);
        let distinct: std::collections::HashSet<_> = successors.iter().collect();
        assert_eq!(distinct.len(), 8);
    }
}
