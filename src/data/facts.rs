//! Facts about a run, and what people call them: sizes, batches, token counts, plans, shapes.

use super::quantity::Quantity;
use super::spelling::{collapsed, without_groups};
use super::vocabulary::{ACTIVE_PARAMS, ALL_PARAMS, NON_EMBEDDING_PARAMS, TOKENS};
use crate::flops::is_config_key;

/// A fact about a run from which its tokens, the end of its schedule or N follow.
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
    StepsPerEpoch,
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
    (FactKind::AllParams, ALL_PARAMS),
    (FactKind::NonEmbeddingParams, NON_EMBEDDING_PARAMS),
    (FactKind::ActiveParams, ACTIVE_PARAMS),
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
    (
        FactKind::StepsPerEpoch,
        &[
            "steps_per_epoch",
            "num_steps_per_epoch",
            "updates_per_epoch",
            "num_update_steps_per_epoch",
            "batches_per_epoch",
        ],
    ),
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
        || [ALL_PARAMS, NON_EMBEDDING_PARAMS, ACTIVE_PARAMS]
            .iter()
            .any(|names| names.contains(&base))
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
        .any(|form| FACTS.iter().any(|(_, names)| names.contains(&form)) || is_config_key(form))
        || Quantity::ALL.into_iter().filter(|q| *q != Quantity::Step).any(|q| q.is_named(&name))
}
