//! What a column of a table can hold, and what people call it.

use serde::{Deserialize, Serialize};

#[cfg(feature = "logs")]
use super::vocabulary::{Term, is_name, names};
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
    /// Entropy of the source that a run was trained on, nats per token.
    Floor,
}

impl Quantity {
    pub(super) const ALL: [Self; 20] = [
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
        Self::Floor,
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
            Self::Floor => "floor",
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
            Self::Floor => "the entropy of the source",
        }
    }

    /// What its names are listed under, the surest first; nothing where a column has to be mapped.
    ///
    /// An evaluation loss is preferred to a plain `loss`, which in many logs is the training loss of
    /// the last batch. A column called weight may weigh anything, and many are called error.
    // Only readers look for columns by name.
    #[cfg(feature = "logs")]
    pub(super) fn terms(self, rule: ParamRule) -> &'static [Term] {
        match (self, rule) {
            (Self::Params, ParamRule::All) => &[Term::AllParams],
            (Self::Params, ParamRule::NonEmbedding) => &[Term::NonEmbeddingParams],
            (Self::Params, ParamRule::Active) => &[Term::ActiveParams],
            (Self::Weight | Self::BenchmarkError, _) => &[],
            (Self::TokensPerParam, _) => &[Term::TokensPerParam],
            (Self::UniqueTokens, _) => &[Term::UniqueTokens],
            (Self::Experts, _) => &[Term::Experts],
            (Self::Granularity, _) => &[Term::Granularity],
            (Self::Sparsity, _) => &[Term::Sparsity],
            (Self::WeightBits, _) => &[Term::WeightBits],
            (Self::ActivationBits, _) => &[Term::ActivationBits],
            (Self::KvBits, _) => &[Term::KvBits],
            (Self::ServedBits, _) => &[Term::ServedBits],
            (Self::Floor, _) => &[Term::Floor],
            (Self::Run, _) => &[Term::Run],
            (Self::Tokens, _) => &[Term::Tokens],
            (Self::Flops, _) => &[Term::Flops],
            (Self::Loss, _) => &[Term::EvalLoss, Term::Loss, Term::ScaledLoss],
            (Self::Budget, _) => &[Term::Budget],
            (Self::Status, _) => &[Term::Status],
            (Self::Step, _) => &[Term::Step],
        }
    }

    /// Its spelled names, the surest first.
    #[cfg(feature = "logs")]
    pub(super) fn names(self, rule: ParamRule) -> impl Iterator<Item = &'static str> {
        self.terms(rule).iter().flat_map(|term| names(*term)).map(String::as_str)
    }

    /// Whether this is one of its names, whatever its parameters count.
    #[cfg(feature = "logs")]
    pub(super) fn is_named(self, name: &str) -> bool {
        [ParamRule::All, ParamRule::NonEmbedding, ParamRule::Active]
            .iter()
            .any(|rule| self.terms(*rule).iter().any(|term| is_name(*term, name)))
    }
}
