//! Batch and warm-up of a run by rule, where a recipe leaves them open.

use super::train_config::TrainConfig;
use crate::units::Tokens;

/// Tokens of a step: factor and exponent of the training tokens.
const BATCH: (f64, f64) = (0.145, 0.571);

/// Exponent of the best rate in the tokens of a step.
const RATE_OF_BATCH: f64 = 0.3;

/// Share of the steps in the warm-up.
const WARMUP_SHARE: f64 = 0.05;

/// Steps of a warm-up at least: AdamW's second moment, at the usual decay of 0.95, looks back twenty.
const LEAST_WARMUP: u64 = 20;

/// Share of the steps that a warm-up takes at most.
const MOST_WARMUP: f64 = 0.25;

/// Sequences of `context` tokens in a step of a run of `tokens` tokens.
///
/// Tokens of a step: 0.145 D^0.571, rounded to whole sequences, at least one. From 3e3 tokens on a run has
/// 200 steps and more, unless one sequence a step is too much for that.
///
/// Source: Li et al. 2025 (Step Law), arXiv:2503.04715, eq. 1, for the exponent. Differs from it: a quarter
/// of its factor of 0.58. Its runs have 2e9 tokens and more; from 1e5 to 1e7 tokens, the quarter ends 2 to
/// 6 % lower (measured: benches/README.md).
///
/// ```
/// use isoloss::{sweep::batch_for, units::Tokens};
///
/// assert_eq!([1e4, 5e5, 1e7].map(|d| batch_for(Tokens::new(d), 128)), [1, 2, 11]);
/// ```
#[must_use]
pub fn batch_for(tokens: Tokens, context: u32) -> u32 {
    let (factor, exponent) = BATCH;
    let sequences = factor * tokens.get().powf(exponent) / f64::from(context);
    // `as` saturates.
    (sequences.round() as u32).max(1)
}

/// Steps of linear warm-up of a run of `steps` steps: a twentieth, at least 20, at most a quarter.
///
/// ```
/// use isoloss::sweep::warmup_for;
///
/// assert_eq!([40, 200, 1000].map(warmup_for), [10, 20, 50]);
/// ```
#[must_use]
pub fn warmup_for(steps: u64) -> u64 {
    let share = (WARMUP_SHARE * steps as f64).ceil() as u64;
    let most = (MOST_WARMUP * steps as f64).floor() as u64;
    share.max(LEAST_WARMUP).min(most).max(1)
}

impl TrainConfig {
    /// The recipe of a run of `tokens` training tokens: [the batch](batch_for), and how the rate follows
    /// it, fixed where they are left open.
    #[must_use]
    pub fn for_run(&self, tokens: Tokens) -> Self {
        let by_rule = self.batch_sequences.is_none();
        let sequences = self.batch_sequences.unwrap_or_else(|| batch_for(tokens, self.context));
        let follows = self.lr_batch_exponent.or(by_rule.then_some(RATE_OF_BATCH));
        Self { batch_sequences: Some(sequences), lr_batch_exponent: follows, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_grow_with_the_tokens_and_leave_two_hundred_steps() {
        let mut before = 0;
        for k in 0..60 {
            let d = 3e4 * 1.3_f64.powi(k);
            let batch = batch_for(Tokens::new(d), 128);
            assert!(batch >= before, "{d:e}");
            let steps = d / (128.0 * f64::from(batch));
            assert!(steps >= 200.0, "{d:e}: {batch} {steps}");
            before = batch;
        }
        // A quarter of Step Law at 2e9 tokens, its own range: 0.58 · 2e9^0.571 = 118,663 tokens.
        let tokens = f64::from(batch_for(Tokens::new(2e9), 128)) * 128.0;
        assert!((tokens / (118_663.0 / 4.0) - 1.0).abs() < 0.01, "{tokens}");
        assert_eq!(batch_for(Tokens::new(1.0), 1 << 20), 1);
    }

    #[test]
    fn what_a_recipe_gives_wins() {
        let given = TrainConfig { batch_sequences: Some(3), ..TrainConfig::default() };
        assert_eq!(given.for_run(Tokens::new(1e9)), given);
        let open = TrainConfig::default().for_run(Tokens::new(1e6));
        assert_eq!((open.batch_sequences, open.lr_batch_exponent), (Some(3), Some(0.3)));
    }
}
