//! What people call things: logged quantities and facts about a run.

use super::columns::{Quantity, normalised};

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

const TOKENS: &[&str] = &[
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

/// A fact about a run that tokens, the end of its schedule or N can be told from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FactKind {
    AllParams,
    NonEmbeddingParams,
    ActiveParams,
    /// Sequences per optimiser step, all devices together.
    Batch,
    MicroBatch,
    Accumulation,
    Devices,
    TokensPerStep,
    Length,
    PlannedSteps,
    PlannedTokens,
    UniqueTokens,
    Epochs,
    BytesPerToken,
    Status,
    Vocab,
    Width,
    Layers,
    Heads,
    KvHeads,
    HeadDim,
    Inner,
    InnerRatio,
    Activation,
    Tied,
    Experts,
    TopK,
    Positions,
    ModelType,
}

/// Names of facts, the surest first.
pub(super) const FACTS: &[(FactKind, &[&str])] = &[
    (
        FactKind::AllParams,
        &[
            "n_params",
            "num_params",
            "params",
            "parameters",
            "n",
            "model_size",
            "params_total",
            "n_parameters",
            "num_parameters",
            "nparams",
            "n_params_total",
            "num_params_total",
            "total_params",
            "total_parameters",
            "model_params",
            "model_parameters",
            "param_count",
            "parameter_count",
            "num_model_params",
            "trainable_params",
            "num_trainable_params",
        ],
    ),
    (
        FactKind::NonEmbeddingParams,
        &[
            "n_params_non_embedding",
            "params_non_embedding",
            "non_embedding_params",
            "params_no_embed",
            "n_non_embedding",
            "num_non_embedding_params",
            "non_embedding_parameters",
            "num_params_non_embedding",
            "n_params_no_embedding",
            "n_params_nonembedding",
            "non_embed_params",
        ],
    ),
    (
        FactKind::ActiveParams,
        &[
            "active_params",
            "n_active_params",
            "num_active_params",
            "params_active",
            "active_parameters",
            "n_active",
            "n_params_active",
        ],
    ),
    (
        FactKind::TokensPerStep,
        &[
            "tokens_per_step",
            "tokens_per_iteration",
            "tokens_per_iter",
            "tokens_per_batch",
            "batch_tokens",
            "batch_size_tokens",
            "batch_size_in_tokens",
            "global_batch_tokens",
            "global_batch_size_tokens",
            "total_batch_size_tokens",
        ],
    ),
    (
        FactKind::Batch,
        &[
            "global_batch_size",
            "global_train_batch_size",
            "total_batch_size",
            "total_train_batch_size",
            "effective_batch_size",
            "batch_size",
            "train_batch_size",
            "bs",
        ],
    ),
    (
        FactKind::MicroBatch,
        &[
            "per_device_train_batch_size",
            "per_device_batch_size",
            "micro_batch_size",
            "train_micro_batch_size_per_gpu",
            "device_train_microbatch_size",
            "device_batch_size",
            "local_batch_size",
        ],
    ),
    (
        FactKind::Accumulation,
        &[
            "gradient_accumulation_steps",
            "accumulate_grad_batches",
            "grad_accum_steps",
            "grad_accumulation_steps",
            "gradient_accumulation",
            "grad_accum",
        ],
    ),
    (
        FactKind::Devices,
        &[
            "data_parallel_size",
            "world_size",
            "ddp_world_size",
            "num_devices",
            "n_devices",
            "num_gpus",
            "n_gpus",
            "n_gpu",
            "gpus",
            "dp_size",
        ],
    ),
    (
        FactKind::Length,
        &[
            "seq_len",
            "seq_length",
            "sequence_length",
            "max_seq_len",
            "max_seq_length",
            "max_sequence_length",
            "train_seq_len",
            "block_size",
            "context_length",
            "context_len",
            "context_size",
            "context",
            "ctx_len",
            "n_ctx",
            "max_length",
            "model_max_length",
            "seqlen",
        ],
    ),
    (
        FactKind::PlannedSteps,
        &[
            "max_steps",
            "total_steps",
            "train_iters",
            "max_iters",
            "num_training_steps",
            "total_training_steps",
            "max_train_steps",
            "num_train_steps",
            "num_steps",
            "n_steps",
            "train_steps",
            "training_steps",
            "total_iters",
            "num_iterations",
            "max_iterations",
            "lr_decay_iters",
            "lr_decay_steps",
            "planned_steps",
        ],
    ),
    (
        FactKind::PlannedTokens,
        &[
            "max_tokens",
            "target_tokens",
            "token_budget",
            "max_train_tokens",
            "planned_tokens",
            "train_token_budget",
        ],
    ),
    (
        FactKind::UniqueTokens,
        &["unique_tokens", "n_unique_tokens", "tokens_unique", "dataset_tokens"],
    ),
    (FactKind::Epochs, &["num_epochs", "n_epochs", "max_epochs", "num_train_epochs", "epochs"]),
    (FactKind::BytesPerToken, &["bytes_per_token", "mean_bytes_per_token"]),
    (FactKind::Status, &["status", "state", "run_state"]),
    (FactKind::Vocab, &["vocab_size", "padded_vocab_size", "vocab", "n_vocab"]),
    (
        FactKind::Width,
        &["hidden_size", "d_model", "n_embd", "dim", "n_embed", "width", "hidden_dim"],
    ),
    (
        FactKind::Layers,
        &["num_hidden_layers", "num_layers", "n_layer", "n_layers", "layers", "depth"],
    ),
    (FactKind::Heads, &["num_attention_heads", "n_head", "n_heads", "num_heads", "heads"]),
    (
        FactKind::KvHeads,
        &["num_key_value_heads", "num_query_groups", "n_kv_heads", "kv_heads", "kv_n_heads"],
    ),
    (FactKind::HeadDim, &["head_dim", "kv_channels"]),
    (
        FactKind::Inner,
        &[
            "intermediate_size",
            "ffn_hidden_size",
            "n_inner",
            "d_ff",
            "ffn_dim",
            "ffn",
            "mlp_hidden_size",
        ],
    ),
    (FactKind::InnerRatio, &["expansion_ratio", "mlp_ratio", "ffn_multiplier"]),
    (FactKind::Activation, &["hidden_act", "activation_function", "activation", "act_fn"]),
    (FactKind::Tied, &["tie_word_embeddings", "tied_embeddings", "tie_embeddings", "weight_tying"]),
    (
        FactKind::Experts,
        &["num_local_experts", "num_experts", "n_routed_experts", "n_experts", "moe_num_experts"],
    ),
    (
        FactKind::TopK,
        &["num_experts_per_tok", "moe_router_topk", "experts_per_token", "top_k", "moe_top_k"],
    ),
    (FactKind::Positions, &["n_positions", "max_position_embeddings"]),
    (FactKind::ModelType, &["model_type"]),
];

/// Groups of keys that say nothing about what the key holds.
const GROUPS: &[&str] = &[
    "model_config_",
    "model_args_",
    "training_args_",
    "model_",
    "trainer_",
    "training_",
    "train_",
    "data_",
    "args_",
    "hparams_",
    "hyperparameters_",
    "config_",
    "cfg_",
    "value_",
    "optimizer_",
    "optim_",
    "scheduler_",
];

/// The key without the groups it is in, one at a time, the whole key first.
pub(super) fn without_groups(key: &str) -> Vec<&str> {
    let mut forms = vec![key];
    let mut rest = key;
    while let Some(shorter) = GROUPS.iter().find_map(|g| rest.strip_prefix(g)) {
        forms.push(shorter);
        rest = shorter;
    }
    forms
}

/// Units in which counts of parameters and tokens are written.
const UNITS: [(&str, f64); 12] = [
    ("_millions", 1e6),
    ("_million", 1e6),
    ("_billions", 1e9),
    ("_billion", 1e9),
    ("_trillions", 1e12),
    ("_trillion", 1e12),
    ("_mn", 1e6),
    ("_bn", 1e9),
    ("_k", 1e3),
    ("_m", 1e6),
    ("_b", 1e9),
    ("_t", 1e12),
];

/// The plain name and the factor of a count that is named with its unit, `params_m`,
/// `Tokens (B)`; `None` for any other name.
pub(super) fn count_with_unit(column: &str) -> Option<(String, f64)> {
    let name = collapsed(column);
    let (base, factor) = UNITS.iter().find_map(|(u, f)| Some((name.strip_suffix(u)?, *f)))?;
    let base = base.strip_suffix("_in").unwrap_or(base);
    let is_count = TOKENS.contains(&base)
        || FACTS[..3].iter().any(|(_, names)| names.contains(&base))
        || Quantity::Tokens.is_named(base);
    // A single letter with another is an abbreviation of anything.
    (is_count && base.len() > 1).then(|| (base.to_owned(), factor))
}

/// Whether a key is a fact that is worth keeping.
pub(super) fn is_fact(key: &str) -> bool {
    let name = collapsed(key);
    if count_with_unit(key).is_some() {
        return true;
    }
    // A bare `n` or `width` in a group of something else is not that of the model.
    without_groups(&name)
        .into_iter()
        .any(|form| FACTS.iter().any(|(_, names)| names.contains(&form)))
        || Quantity::ALL.into_iter().filter(|q| *q != Quantity::Step).any(|q| q.is_named(&name))
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
