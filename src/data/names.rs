//! What people call things: logged quantities and facts about a run.

use super::columns::normalised;
use super::facts::{count_with_unit, is_fact};

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
        let words: Vec<&str> = words(&name).collect();
        let has = |wanted: &[&str]| words.iter().any(|w| wanted.contains(w));
        let per_byte = has(&["byte", "bytes"]);
        if has(&["bpb"]) || (has(&["bits", "bit"]) && per_byte) {
            Self::BitsPerByte
        } else if has(&["bpt", "bits", "bit"]) {
            Self::BitsPerToken
        } else if has(&["ppl", "perplexity"]) {
            Self::Perplexity
        } else if per_byte {
            Self::NatsPerByte
        } else {
            Self::NatsPerToken
        }
    }
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split('_').filter(|w| !w.is_empty())
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

/// Names of steps, the surest first. W&B's own counter comes last: it counts calls of `log`.
pub(super) const STEP: &[&str] = &[
    "step",
    "global_step",
    "train_step",
    "train_global_step",
    "trainer_global_step",
    "trainer_step",
    "iteration",
    "iter",
    "train_iter",
    "train_iteration",
    "iterations",
    "steps",
    "iters",
    "num_updates",
    "update",
    "update_step",
    "optimizer_step",
    "batch",
    "time_batch",
    "step_num",
    "_step",
];

const RUN: &[&str] =
    &["run", "run_name", "run_id", "name", "id", "run_uuid", "experiment", "exp_name", "model"];

pub(super) const TOKENS: &[&str] = &[
    "tokens",
    "train_tokens",
    "tokens_seen",
    "training_tokens",
    "train_tokens_seen",
    "num_input_tokens_seen",
    "consumed_tokens",
    "consumed_train_tokens",
    "train_consumed_tokens",
    "total_tokens",
    "total_tokens_seen",
    "train_total_tokens",
    "throughput_total_tokens",
    "tokens_processed",
    "tokens_total",
    "cumulative_tokens",
    "time_token",
    "time_tokens",
    "trainer_tokens",
    "n_tokens",
    "num_tokens",
    "n_tokens_seen",
    "ntokens_seen",
    "token_count",
];

const SAMPLES: &[&str] = &[
    "samples",
    "consumed_samples",
    "consumed_train_samples",
    "train_samples",
    "train_consumed_samples",
    "samples_seen",
    "num_samples_seen",
    "time_sample",
    "examples_seen",
    "sequences_seen",
];

const FLOPS: &[&str] = &[
    "flops",
    "train_flops",
    "training_flops",
    "total_flops",
    "total_flos",
    "train_total_flos",
    "cumulative_flops",
    "total_train_flops",
    "flop",
    "training_flop",
];

const EPOCH: &[&str] = &["epoch", "train_epoch", "trainer_epoch", "epochs", "time_epoch"];

/// Words that mark a loss as one of held-out text.
const HELD_OUT: &[&str] =
    &["eval", "evaluation", "val", "valid", "validation", "test", "heldout", "holdout", "dev"];

/// Losses by their whole name, the surest first.
const EVAL_LOSS: &[&str] = &[
    "eval_loss",
    "val_loss",
    "validation_loss",
    "valid_loss",
    "loss_val",
    "loss_eval",
    "final_eval_loss",
    "final_val_loss",
    "test_loss",
    "val_ce",
    "eval_ce",
    "lm_loss_validation",
    "eval_languagecrossentropy",
];

const TRAIN_LOSS: &[&str] = &[
    "train_loss",
    "training_loss",
    "loss_train",
    "loss",
    "lm_loss",
    "train_lm_loss",
    "loss_metrics_global_avg_loss",
    "global_avg_loss",
    "train_languagecrossentropy",
    "loss_train_total",
    "train_ce_loss",
    "train_crossentropyloss",
    "ce_loss",
    "train_loss_step",
    "nll",
    "l",
];

/// Words that make a name that of a loss.
const LOSS_WORDS: &[&str] = &[
    "loss",
    "ce",
    "nll",
    "xent",
    "crossentropy",
    "languagecrossentropy",
    "crossentropyloss",
    "bpb",
    "bpt",
    "ppl",
    "perplexity",
];

/// Words that make a loss another one than that of the next token, or no loss at all.
const NOT_THE_LOSS: &[&str] = &[
    "aux",
    "auxiliary",
    "z",
    "zloss",
    "router",
    "routing",
    "balance",
    "balancing",
    "load",
    "scale",
    "scaling",
    "grad",
    "norm",
    "std",
    "var",
    "min",
    "max",
    "best",
    "distill",
    "mtp",
    "ema",
    "smooth",
    "smoothed",
    "time",
    "runtime",
    "spike",
    "count",
    "weight",
];

/// What a column or key of a step log holds, by its name.
pub(super) fn role_of(column: &str) -> Role {
    let name = collapsed(column);
    let name = name.strip_prefix("metrics_").map_or(name.clone(), str::to_owned);
    let rank_in = |names: &[&str]| names.iter().position(|n| *n == name);
    if let Some(rank) = rank_in(STEP) {
        return Role::Step { rank };
    }
    if rank_in(RUN).is_some() {
        return Role::Run;
    }
    let plain = |metric, rank| Role::Metric { metric, scale: LossScale::NatsPerToken, rank };
    for (metric, names) in [
        (Metric::Tokens, TOKENS),
        (Metric::Samples, SAMPLES),
        (Metric::Flops, FLOPS),
        (Metric::Epoch, EPOCH),
    ] {
        if let Some(rank) = rank_in(names) {
            return plain(metric, rank);
        }
    }
    if count_with_unit(column).is_some_and(|(base, _)| TOKENS.contains(&base.as_str())) {
        return plain(Metric::Tokens, TOKENS.len());
    }
    let words: Vec<&str> = words(&name).collect();
    let has = |wanted: &[&str]| words.iter().any(|w| wanted.contains(w));
    let is_rate = has(&["lr"]) || (has(&["learning"]) && has(&["rate"]));
    if is_rate
        && !has(&["min", "max", "peak", "scale", "ratio", "decay", "final", "schedule", "warmup"])
    {
        // `lr-AdamW/pg1` is the second group of parameters: the plain name is surer.
        return plain(
            Metric::Rate,
            words.len() + words.iter().filter(|w| w.starts_with("pg")).count(),
        );
    }
    let scale = LossScale::of_name(&name);
    if let Some(rank) = rank_in(EVAL_LOSS) {
        return Role::Metric { metric: Metric::EvalLoss, scale, rank };
    }
    if let Some(rank) = rank_in(TRAIN_LOSS) {
        return Role::Metric { metric: Metric::TrainLoss, scale, rank };
    }
    if is_fact(column) {
        return Role::Fact;
    }
    let entropy = has(&["cross"]) && has(&["entropy"]);
    if (has(LOSS_WORDS) || entropy || scale.is_per_byte()) && !has(NOT_THE_LOSS) {
        let metric = if has(HELD_OUT) { Metric::EvalLoss } else { Metric::TrainLoss };
        // Nats before other scales of the same loss.
        let rank = 100 + words.len() + 50 * usize::from(scale != LossScale::NatsPerToken);
        return Role::Metric { metric, scale, rank };
    }
    Role::Ignored
}

/// The normalised name with runs of `_` as one and none at its end.
pub(super) fn collapsed(column: &str) -> String {
    let name = normalised(column);
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if c != '_' || !out.ends_with('_') {
            out.push(c);
        }
    }
    out.trim_end_matches('_').to_owned()
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
