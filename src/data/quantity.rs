//! What a column of a table can hold, and what people call it.

use serde::{Deserialize, Serialize};

#[cfg(feature = "logs")]
use super::vocabulary;
#[cfg(feature = "logs")]
use crate::units::ParamRule;

/// What a column can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantity {
    /// Name of the run.
    Run,
    /// Parameters.
    Params,
    /// Training tokens.
    Tokens,
    /// Training FLOPs.
    Flops,
    /// Training tokens per parameter, D/N.
    TokensPerParam,
    /// Final loss, nats per token.
    Loss,
    /// Optimiser step of a row, in a log with a row per step.
    Step,
    /// isoFLOP budget of the run's cell.
    Budget,
    /// How the run ended.
    Status,
    /// How much the run counts in a fit.
    Weight,
    /// Error on tasks, one minus accuracy.
    BenchmarkError,
    /// Unique training tokens.
    UniqueTokens,
    /// Experts per layer.
    Experts,
    /// Granularity of the experts.
    Granularity,
    /// Share of the experts a token does not visit.
    Sparsity,
    /// Bits per weight in training.
    WeightBits,
    /// Bits per activation in training.
    ActivationBits,
    /// Bits per cached key and value in training.
    KvBits,
    /// Bits per weight after training.
    ServedBits,
}

impl Quantity {
    pub(super) const ALL: [Self; 19] = [
        Self::Run,
        Self::Params,
        Self::Tokens,
        Self::Flops,
        Self::TokensPerParam,
        Self::Loss,
        Self::Step,
        Self::Budget,
        Self::Status,
        Self::Weight,
        Self::BenchmarkError,
        Self::UniqueTokens,
        Self::Experts,
        Self::Granularity,
        Self::Sparsity,
        Self::WeightBits,
        Self::ActivationBits,
        Self::KvBits,
        Self::ServedBits,
    ];

    /// The key in a column map.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Params => "n",
            Self::Tokens => "d",
            Self::Flops => "c",
            Self::TokensPerParam => "ratio",
            Self::Loss => "loss",
            Self::Step => "step",
            Self::Budget => "budget",
            Self::Status => "status",
            Self::Weight => "weight",
            Self::BenchmarkError => "error",
            Self::UniqueTokens => "unique",
            Self::Experts => "experts",
            Self::Granularity => "granularity",
            Self::Sparsity => "sparsity",
            Self::WeightBits => "weight_bits",
            Self::ActivationBits => "activation_bits",
            Self::KvBits => "kv_bits",
            Self::ServedBits => "served_bits",
        }
    }

    /// The name for messages.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Run => "the run's name",
            Self::Params => "parameters N",
            Self::Tokens => "tokens D",
            Self::Flops => "training FLOPs C",
            Self::TokensPerParam => "tokens per parameter D/N",
            Self::Loss => "the final loss",
            Self::Step => "the step",
            Self::Budget => "the isoFLOP budget",
            Self::Status => "the run's state",
            Self::Weight => "the run's weight",
            Self::BenchmarkError => "the error on tasks",
            Self::UniqueTokens => "unique tokens",
            Self::Experts => "experts per layer",
            Self::Granularity => "the granularity of experts",
            Self::Sparsity => "the share of experts not visited",
            Self::WeightBits => "bits per weight in training",
            Self::ActivationBits => "bits per activation in training",
            Self::KvBits => "bits per cached key and value",
            Self::ServedBits => "bits per weight after training",
        }
    }

    /// Whether this is one of its names, whatever its parameters count.
    #[cfg(feature = "logs")]
    pub(super) fn is_named(self, name: &str) -> bool {
        [ParamRule::All, ParamRule::NonEmbedding, ParamRule::Active]
            .iter()
            .any(|rule| self.names(*rule).contains(&name))
    }

    /// Normalised names, the surest first. An evaluation loss is preferred to a plain `loss`, which
    /// in many logs is the training loss of the last batch.
    // Only readers look for columns by name.
    #[cfg(feature = "logs")]
    pub(super) fn names(self, rule: ParamRule) -> &'static [&'static str] {
        match (self, rule) {
            (Self::Params, ParamRule::All) => vocabulary::ALL_PARAMS,
            (Self::Params, ParamRule::NonEmbedding) => vocabulary::NON_EMBEDDING_PARAMS,
            (Self::Params, ParamRule::Active) => vocabulary::ACTIVE_PARAMS,
            // A column called weight may weigh anything, and many are called error; they have to
            // be mapped.
            (Self::Weight | Self::BenchmarkError, _) => &[],
            (Self::TokensPerParam, _) => &["tokens_per_param", "tokens_per_parameter", "d_over_n"],
            (Self::UniqueTokens, _) => &["unique_tokens", "n_unique_tokens", "tokens_unique"],
            (Self::Experts, _) => &["experts", "n_experts", "num_experts"],
            (Self::Granularity, _) => &["granularity", "expert_granularity"],
            (Self::Sparsity, _) => &["sparsity", "expert_sparsity"],
            (Self::WeightBits, _) => &["weight_bits"],
            (Self::ActivationBits, _) => &["activation_bits"],
            (Self::KvBits, _) => &["kv_bits"],
            (Self::ServedBits, _) => &["served_bits", "post_bits"],
            (Self::Run, _) => &["run", "run_id", "name", "run_name", "id"],
            (Self::Tokens, _) => &[
                "tokens",
                "train_tokens",
                "training_tokens",
                "n_tokens",
                "num_tokens",
                "tokens_seen",
                "total_tokens",
                "num_input_tokens_seen",
                "consumed_tokens",
                "tokens_trained",
                "trained_tokens",
                "n_train_tokens",
                "num_train_tokens",
                "total_training_tokens",
                "token_count",
                "tokens_total",
                "d",
            ],
            (Self::Flops, _) => &[
                "flops",
                "train_flops",
                "training_flops",
                "training_flop",
                "flop",
                "compute",
                "total_flops",
                "flops_total",
                "total_training_flops",
                "compute_flops",
                "c",
            ],
            (Self::Loss, _) => &[
                "eval_loss",
                "val_loss",
                "validation_loss",
                "final_eval_loss",
                "loss_validation",
                "loss_val",
                "loss_eval",
                "eval_ce",
                "val_ce",
                "final_loss",
                "loss",
                "lm_loss",
                "cross_entropy",
                "test_loss",
                "loss_nats",
                "l",
                "eval_bpb",
                "val_bpb",
                "bpb",
                "bits_per_byte",
                "loss_bits",
                "bits_per_token",
                "eval_perplexity",
                "val_perplexity",
                "eval_ppl",
                "val_ppl",
                "perplexity",
                "ppl",
            ],
            (Self::Budget, _) => &[
                "budget",
                "isoflop_budget",
                "flop_budget",
                "flops_budget",
                "compute_budget",
                "budget_flops",
            ],
            (Self::Status, _) => &["status", "state", "run_state"],
            (Self::Step, _) => vocabulary::STEP,
        }
    }
}
