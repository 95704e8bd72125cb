//! What a column or key of a step log holds, by its name.

use super::facts::{count_with_unit, is_fact};
use super::spelling::{collapsed, normalised, words};
use super::vocabulary::{self, Term, names, rank};

/// A quantity logged step by step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Metric {
    TrainLoss,
    EvalLoss,
    Tokens,
    Samples,
    Rate,
    Epoch,
    Flops,
}

/// What a logged loss is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LossScale {
    NatsPerToken,
    BitsPerToken,
    BitsPerByte,
    NatsPerByte,
    /// exp of nats per token.
    Perplexity,
}

impl LossScale {
    /// In nats, per token or per byte.
    pub(super) fn nats(self, value: f64) -> f64 {
        match self {
            Self::NatsPerToken | Self::NatsPerByte => value,
            Self::BitsPerToken | Self::BitsPerByte => value * std::f64::consts::LN_2,
            Self::Perplexity => value.ln(),
        }
    }

    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::NatsPerToken => "nats per token",
            Self::BitsPerToken => "bits per token",
            Self::BitsPerByte => "bits per byte",
            Self::NatsPerByte => "nats per byte",
            Self::Perplexity => "perplexity",
        }
    }

    pub(super) fn is_per_byte(self) -> bool {
        matches!(self, Self::BitsPerByte | Self::NatsPerByte)
    }

    /// What a name says; nats per token when it says nothing.
    pub(super) fn of_name(name: &str) -> Self {
        let name = normalised(name);
        let has = |wanted: &[String]| words(&name).any(|word| wanted.iter().any(|w| w == word));
        let known = vocabulary::words();
        let (bits, per_byte) = (has(&known.bits_per_token), has(&known.per_byte));
        match () {
            () if has(&known.bits_per_byte) || bits && per_byte => Self::BitsPerByte,
            () if bits => Self::BitsPerToken,
            () if has(&known.perplexity) => Self::Perplexity,
            () if per_byte => Self::NatsPerByte,
            () => Self::NatsPerToken,
        }
    }
}

/// What a column or key of a step log holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Role {
    Run,
    /// The lower the rank, the surer.
    Step {
        rank: usize,
    },
    Metric {
        metric: Metric,
        scale: LossScale,
        rank: usize,
    },
    /// A fact about the run, known by one of [`FACTS`].
    Fact,
    Ignored,
}

/// What a column or key of a step log holds, by its name.
pub(super) fn role_of(column: &str) -> Role {
    let name = collapsed(column);
    let name = name.strip_prefix("metrics_").map_or(name.clone(), str::to_owned);
    if let Some(rank) = rank(Term::Step, &name) {
        return Role::Step { rank };
    }
    if rank(Term::Run, &name).is_some() {
        return Role::Run;
    }
    let plain = |metric, rank| Role::Metric { metric, scale: LossScale::NatsPerToken, rank };
    for (metric, term) in [
        (Metric::Tokens, Term::Tokens),
        (Metric::Samples, Term::Samples),
        (Metric::Flops, Term::Flops),
        (Metric::Epoch, Term::Epoch),
    ] {
        if let Some(rank) = rank(term, &name) {
            return plain(metric, rank);
        }
    }
    if count_with_unit(column).is_some_and(|(base, _)| rank(Term::Tokens, &base).is_some()) {
        return plain(Metric::Tokens, names(Term::Tokens).len());
    }
    let words: Vec<&str> = words(&name).collect();
    let has = |wanted: &[String]| words.iter().any(|word| wanted.iter().any(|w| w == word));
    let says = |word: &str| words.contains(&word);
    let known = vocabulary::words();
    if (says("lr") || says("learning") && says("rate")) && !has(&known.not_the_rate) {
        // `lr-AdamW/pg1` is the second group of parameters: the plain name is surer.
        return plain(
            Metric::Rate,
            words.len() + words.iter().filter(|w| w.starts_with("pg")).count(),
        );
    }
    let scale = LossScale::of_name(&name);
    if let Some(rank) = rank(Term::EvalLoss, &name) {
        return Role::Metric { metric: Metric::EvalLoss, scale, rank };
    }
    // A loss that does not say of which text is, step by step, that of training.
    let of_training = rank(Term::TrainLoss, &name)
        .or_else(|| Some(names(Term::TrainLoss).len() + rank(Term::Loss, &name)?));
    if let Some(rank) = of_training {
        return Role::Metric { metric: Metric::TrainLoss, scale, rank };
    }
    let entropy = says("cross") && says("entropy");
    let is_loss = has(&known.loss) || entropy || scale.is_per_byte();
    if is_fact(column) {
        return Role::Fact;
    }
    if is_loss && !has(&known.not_the_loss) {
        let metric = if has(&known.held_out) { Metric::EvalLoss } else { Metric::TrainLoss };
        // Nats before other scales of the same loss.
        let rank = 100 + words.len() + 50 * usize::from(scale != LossScale::NatsPerToken);
        return Role::Metric { metric, scale, rank };
    }
    Role::Ignored
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(name: &str) -> Option<Metric> {
        match role_of(name) {
            Role::Metric { metric, .. } => Some(metric),
            _ => None,
        }
    }

    #[test]
    fn losses_are_told_apart_by_name() {
        for name in ["train/loss", "loss", "lm loss", "Train Loss", "loss/train/total", "train_nll"]
        {
            assert_eq!(metric(name), Some(Metric::TrainLoss), "{name}");
        }
        for name in [
            "eval/loss",
            "validation_loss",
            "val/ce",
            "metrics/eval/LanguageCrossEntropy",
            "eval/c4_en/bpb",
            "validation/perplexity",
            "lm loss validation",
        ] {
            assert_eq!(metric(name), Some(Metric::EvalLoss), "{name}");
        }
        for name in [
            "loss scale",
            "aux_loss",
            "moe/router_z_loss",
            "train/loss__MIN",
            "eval_runtime",
            "grad_norm",
        ] {
            assert_eq!(role_of(name), Role::Ignored, "{name}");
        }
    }

    #[test]
    fn scales_are_read_off_the_name() {
        assert_eq!(LossScale::of_name("eval/bpb"), LossScale::BitsPerByte);
        assert_eq!(LossScale::of_name("val loss (bits per byte)"), LossScale::BitsPerByte);
        assert_eq!(LossScale::of_name("loss_bits"), LossScale::BitsPerToken);
        assert_eq!(LossScale::of_name("ppl"), LossScale::Perplexity);
        assert_eq!(LossScale::of_name("val_loss"), LossScale::NatsPerToken);
    }

    #[test]
    fn steps_tokens_and_rates_have_many_names() {
        for name in ["_step", "trainer/global_step", "Step", "iteration"] {
            assert!(matches!(role_of(name), Role::Step { .. }), "{name}");
        }
        for name in ["train/tokens", "num_input_tokens_seen", "throughput/total_tokens"] {
            assert_eq!(metric(name), Some(Metric::Tokens), "{name}");
        }
        for name in ["lr-AdamW", "learning rate", "train/lr", "optim/learning_rate_group0"] {
            assert_eq!(metric(name), Some(Metric::Rate), "{name}");
        }
        assert_eq!(role_of("tokens_per_s"), Role::Ignored);
        assert_eq!(role_of("config.model.seq_len"), Role::Fact);
        assert_eq!(role_of("eval_batch_size"), Role::Ignored);
    }
}
