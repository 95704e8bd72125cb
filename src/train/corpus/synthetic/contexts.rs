//! Blocks of a context and the token that ends it: a source that models learn gradually.

use rand::RngExt;
use rand::seq::SliceRandom;

use super::zipf::{entropy, zipf};
use crate::sweep::{Stream, SyntheticSpec, stream};

/// Blocks whose draws are spread evenly over the probabilities in validation data: a window of 96 tokens.
const STRATA: usize = 32;

/// Blocks of three independent of each other: two tokens name a context, drawn by Zipf's law; the third is
/// one of the tokens of that context.
///
/// The entropy of a block is that of the contexts plus that of the last token given them, which is the
/// same for all; the entropy rate is a third of it, exactly. How much of it a model has learned depends on
/// how many contexts it has seen and can hold, and there are always rarer ones: its losses fall by power
/// laws in N and D.
pub(super) struct Contexts {
    seed: u64,
    vocab: usize,
    /// The pair a · vocab + b of each rank: [vocab²].
    pairs: Vec<u32>,
    /// Falling, by rank.
    frequencies: Drawn,
    /// The tokens of each pair: [vocab², probabilities].
    ends: Vec<u16>,
    probabilities: Drawn,
}

/// Probabilities, and a way to draw from them.
struct Drawn {
    probabilities: Vec<f64>,
    /// Sums of the probabilities up to and with each.
    sums: Vec<f64>,
    /// For each of as many equal parts of [0, 1), the first index that a draw in it may have.
    guide: Vec<usize>,
}

impl Drawn {
    fn new(probabilities: Vec<f64>) -> Self {
        let mut sum = 0.0;
        let sums: Vec<f64> = probabilities
            .iter()
            .map(|p| {
                sum += p;
                sum
            })
            .collect();
        let parts = sums.len();
        let guide =
            (0..parts).map(|k| sums.partition_point(|s| *s <= k as f64 / parts as f64)).collect();
        Self { probabilities, sums, guide }
    }

    /// The index whose share of [0, 1) holds `u`.
    fn at(&self, u: f64) -> usize {
        let last = self.sums.len() - 1;
        let mut index = self.guide[((u * self.guide.len() as f64) as usize).min(last)].min(last);
        while index < last && self.sums[index] <= u {
            index += 1;
        }
        index
    }
}

impl Contexts {
    pub(super) fn new(spec: &SyntheticSpec) -> Self {
        let vocab = spec.size() as usize;
        let mut rng = stream(spec.seed, 0);
        let mut pairs: Vec<u32> = (0..(vocab * vocab) as u32).collect();
        pairs.shuffle(&mut rng);
        let probabilities = spec.probabilities();
        let mut ends = Vec::with_capacity(pairs.len() * probabilities.len());
        let mut tokens: Vec<u16> = (0..vocab as u16).collect();
        for _ in 0..pairs.len() {
            let (chosen, _) = tokens.partial_shuffle(&mut rng, probabilities.len());
            ends.extend_from_slice(chosen);
        }
        Self {
            seed: spec.seed,
            vocab,
            frequencies: Drawn::new(zipf(pairs.len(), spec.exponent())),
            pairs,
            ends,
            probabilities: Drawn::new(probabilities),
        }
    }

    /// `count` tokens of stream `index`, from the start of a block.
    pub(super) fn fill(&self, count: usize, index: u64, push: &mut dyn FnMut(u16)) {
        let mut rng = stream(self.seed, index);
        let draws = |rng: &mut Stream| (rng.random(), rng.random());
        self.blocks(count, std::iter::repeat_with(|| draws(&mut rng)), push);
    }

    /// The same with the draws of each [`STRATA`] blocks spread evenly: each block has the same law, and
    /// the mean loss that a model can reach on a window of them is much nearer to the entropy rate.
    pub(super) fn fill_evenly(&self, count: usize, index: u64, push: &mut dyn FnMut(u16)) {
        let mut rng = stream(self.seed, index);
        let mut strata = || {
            let mut spread: [usize; STRATA] = std::array::from_fn(|i| i);
            spread.shuffle(&mut rng);
            spread.map(|i| (i as f64 + rng.random::<f64>()) / STRATA as f64)
        };
        let draws = std::iter::repeat_with(|| {
            let (contexts, ends) = (strata(), strata());
            contexts.into_iter().zip(ends)
        });
        self.blocks(count, draws.flatten(), push);
    }

    fn blocks(
        &self,
        count: usize,
        draws: impl Iterator<Item = (f64, f64)>,
        push: &mut dyn FnMut(u16),
    ) {
        let each = self.probabilities.sums.len();
        let mut left = count;
        for (context, end) in draws.take(count.div_ceil(3)) {
            let pair = self.pairs[self.frequencies.at(context)] as usize;
            let end = self.ends[pair * each + self.probabilities.at(end)];
            let block = [(pair / self.vocab) as u16, (pair % self.vocab) as u16, end];
            block.into_iter().take(left).for_each(&mut *push);
            left = left.saturating_sub(3);
        }
    }

    /// Entropy rate, nats per token: a third of that of a block.
    pub(super) fn entropy_nats(&self) -> f64 {
        let of = |drawn: &Drawn| entropy(drawn.probabilities.iter().copied());
        (of(&self.frequencies) + of(&self.probabilities)) / 3.0
    }

    /// Probabilities of a pair of tokens at places 1 and 2 of a block, and at places 2 and 3:
    /// [vocab, vocab] each.
    fn pairs_of_tokens(&self) -> [Vec<f64>; 2] {
        let each = self.probabilities.sums.len();
        let mut heads = vec![0.0; self.pairs.len()];
        let mut tails = vec![0.0; self.pairs.len()];
        for (pair, p) in self.pairs.iter().zip(&self.frequencies.probabilities) {
            let pair = *pair as usize;
            heads[pair] = *p;
            let ends = &self.ends[pair * each..][..each];
            for (end, q) in ends.iter().zip(&self.probabilities.probabilities) {
                tails[pair % self.vocab * self.vocab + usize::from(*end)] += p * q;
            }
        }
        [heads, tails]
    }

    /// Nats by which the summed lowest loss of a window exceeds the entropy rate times its length, for
    /// windows of a context that leaves a remainder of 0, 1 or 2 by three.
    ///
    /// Windows of 3 m tokens all begin with a block, so a model knows where blocks begin: nothing is added.
    /// Other windows begin anywhere in a block. The loss of their T predictions is H(x_1 … x_{T+1}) − H(x_1),
    /// and H(x_1 … x_n) is its mean over the three places where it may begin, plus what the tokens say of
    /// that place: ln 3 once they have given it away, which a few blocks do.
    pub(super) fn window_excess_nats(&self) -> [f64; 3] {
        let v = self.vocab;
        let [heads, tails] = self.pairs_of_tokens();
        let rows = |table: &[f64]| -> Vec<f64> {
            table.chunks_exact(v).map(|row| row.iter().sum()).collect()
        };
        let columns = |table: &[f64]| -> Vec<f64> {
            (0..v).map(|c| table.iter().skip(c).step_by(v).sum()).collect()
        };
        let (first, second, third) = (rows(&heads), columns(&heads), columns(&tails));
        let of = |table: &[f64]| entropy(table.iter().copied());
        let rate = self.entropy_nats();
        let anywhere = (0..v).map(|i| (first[i] + second[i] + third[i]) / 3.0);
        let start = entropy(anywhere);
        // H of n tokens from the start of a block, less the entropy of its whole blocks.
        let rest = |n: usize| [0.0, of(&first), of(&heads)][n % 3];
        let blocks = |n: usize| (n / 3 * 3) as f64 * rate + rest(n);
        let excess = |context: usize| {
            let n = context + 1;
            let begun = [blocks(n), of(&tails) + blocks(n - 2), of(&third) + blocks(n - 1)];
            begun.iter().sum::<f64>() / 3.0 + 3.0_f64.ln() - start - context as f64 * rate
        };
        [0.0, excess(4), excess(5)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(source: &Contexts, count: usize, index: u64) -> Vec<usize> {
        let mut tokens = Vec::new();
        source.fill(count, index, &mut |t| tokens.push(usize::from(t)));
        tokens
    }

    /// -ln of the probability of a block under the source, found from its tables.
    fn surprise(source: &Contexts, block: &[usize]) -> f64 {
        let pair = block[0] * source.vocab + block[1];
        let rank = source.pairs.iter().position(|p| *p as usize == pair).expect("a pair");
        let each = source.probabilities.sums.len();
        let ends = &source.ends[pair * each..][..each];
        let end = ends.iter().position(|e| usize::from(*e) == block[2]).expect("possible");
        let p = source.frequencies.probabilities[rank] * source.probabilities.probabilities[end];
        -p.ln()
    }

    fn mean_and_bound(values: &[f64]) -> (f64, f64) {
        let mean = crate::num::mean(values);
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
        (mean, 4.0 * (variance / values.len() as f64).sqrt())
    }

    #[test]
    fn golden_the_default_source_has_1_3783_nats_per_token() {
        // H(Zipf(4096, 1.5)) = 3.04605 and H(.6, .2, .1, .1) = 1.08890, summed by hand in Python.
        let rate = Contexts::new(&SyntheticSpec::default()).entropy_nats();
        assert!((rate - 1.378_315_107_159_435).abs() < 1e-12, "{rate}");
    }

    #[test]
    fn the_entropy_rate_is_what_the_tokens_show() {
        for spec in [
            SyntheticSpec::default(),
            SyntheticSpec { vocab: Some(12), exponent: Some(0.7), ..SyntheticSpec::default() },
        ] {
            let source = Contexts::new(&spec);
            let drawn = tokens(&source, 90_000, 1);
            let surprises: Vec<f64> = drawn.chunks(3).map(|b| surprise(&source, b) / 3.0).collect();
            let (mean, bound) = mean_and_bound(&surprises);
            assert!((mean - source.entropy_nats()).abs() < bound, "{mean} {bound}");
            assert!(bound < 0.05);
            // Counted without the tables: the plug-in entropy of blocks has a bias of kinds / 2 n.
            if spec.vocab.is_some() {
                let mut counts = std::collections::BTreeMap::new();
                drawn.chunks(3).for_each(|b| *counts.entry(b.to_vec()).or_insert(0.0) += 1.0);
                let shown = entropy(counts.values().map(|c| c / 30_000.0)) / 3.0;
                let bias = counts.len() as f64 / 60_000.0 / 3.0;
                assert!((shown + bias - source.entropy_nats()).abs() < 0.01, "{shown} {bias}");
            }
        }
    }

    #[test]
    fn validation_data_is_nearer_to_the_entropy_rate_than_chance() {
        let source = Contexts::new(&SyntheticSpec::default());
        let mut drawn = Vec::new();
        source.fill_evenly(96_000, 2, &mut |t| drawn.push(usize::from(t)));
        let surprises: Vec<f64> = drawn.chunks(3).map(|b| surprise(&source, b) / 3.0).collect();
        let (mean, by_chance) = mean_and_bound(&surprises);
        let off = (mean - source.entropy_nats()).abs();
        // The scatter of windows of 32 blocks, which are what is independent here.
        let windows: Vec<f64> = surprises.chunks(STRATA).map(crate::num::mean).collect();
        let (_, bound) = mean_and_bound(&windows);
        assert!(off < bound && bound < 0.4 * by_chance, "{off} {bound} {by_chance}");
    }

    /// The loss of the best predictor of a window that does not know where blocks begin: Bayes' rule over
    /// the three places, independent of the formula under test.
    #[test]
    fn the_lowest_loss_of_a_window_is_that_of_the_ideal_observer() {
        let spec =
            SyntheticSpec { vocab: Some(16), exponent: Some(1.2), ..SyntheticSpec::default() };
        let source = Contexts::new(&spec);
        let v = source.vocab;
        let [heads, tails] = source.pairs_of_tokens();
        let row = |t: &[f64], r: usize| t[r * v..][..v].iter().sum::<f64>();
        let column = |t: &[f64], c: usize| t.iter().skip(c).step_by(v).sum::<f64>();
        let each = source.probabilities.sums.len();
        let block = |b: &[usize]| -> f64 {
            let pair = b[0] * v + b[1];
            let Some(end) = b.get(2) else { return heads[pair] };
            let ends = &source.ends[pair * each..][..each];
            let at = ends.iter().position(|e| usize::from(*e) == *end);
            at.map_or(0.0, |at| heads[pair] * source.probabilities.probabilities[at])
        };
        let from_start = |w: &[usize]| -> f64 {
            w.chunks(3).map(|b| if b.len() == 1 { row(&heads, b[0]) } else { block(b) }).product()
        };
        let likelihood = |w: &[usize]| -> f64 {
            let inside = match w {
                [b] => column(&heads, *b),
                [b, c, rest @ ..] => tails[b * v + c] * from_start(rest),
                [] => 1.0,
            };
            (from_start(w) + inside + column(&tails, w[0]) * from_start(&w[1..])) / 3.0
        };
        let rate = source.entropy_nats();
        let drawn = tokens(&source, 1_200_000, 1);
        for context in [31_usize, 32] {
            let losses: Vec<f64> = drawn
                .chunks_exact(context)
                .zip(drawn[context..].iter().step_by(context))
                .map(|(w, next)| {
                    let window: Vec<usize> = w.iter().copied().chain([*next]).collect();
                    (likelihood(&window[..1]).ln() - likelihood(&window).ln()) / context as f64
                })
                .collect();
            let (mean, bound) = mean_and_bound(&losses);
            let expected = rate + source.window_excess_nats()[context % 3] / context as f64;
            assert!((mean - expected).abs() < bound && bound < 0.012, "{mean} {expected} {bound}");
            assert!(expected > rate + bound, "the formula adds something");
        }
    }

    #[test]
    fn the_seed_decides_the_contexts_and_the_tokens() {
        let source = |seed| Contexts::new(&SyntheticSpec { seed, ..SyntheticSpec::default() });
        let (a, again, b) = (source(1), source(1), source(2));
        assert_eq!(a.pairs, again.pairs);
        assert_eq!(tokens(&a, 500, 1), tokens(&again, 500, 1));
        assert_ne!(tokens(&a, 500, 1), tokens(&a, 500, 2));
        assert_ne!(a.pairs[..8], b.pairs[..8]);
        let mut sorted = a.pairs.clone();
        sorted.sort_unstable();
        assert!(sorted.iter().zip(0..).all(|(pair, i)| *pair == i), "a permutation");
        let distinct = a.ends.chunks(4).all(|e| (1..4).all(|i| !e[..i].contains(&e[i])));
        assert!(distinct, "a context has four tokens");
        // A number of tokens that is no multiple of three is kept to.
        assert_eq!(tokens(&a, 500, 1).len(), 500);
    }
}
