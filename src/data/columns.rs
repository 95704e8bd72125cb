//! Which column holds what: by a map, else by the names people use.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[cfg(feature = "logs")]
use super::facts;
use crate::error::DataError;
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
    pub(super) const ALL: [Self; 18] = [
        Self::Run,
        Self::Params,
        Self::Tokens,
        Self::Flops,
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

    /// The key in `--map`.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Params => "n",
            Self::Tokens => "d",
            Self::Flops => "c",
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

    // Only readers look for columns by name.
    #[cfg(feature = "logs")]
    /// Normalised names, the surest first. An evaluation loss is preferred to a plain `loss`, which
    /// in many logs is the training loss of the last batch.
    pub(super) fn names(self, rule: ParamRule) -> &'static [&'static str] {
        match (self, rule) {
            (Self::Params, ParamRule::All) => facts::ALL_PARAMS,
            (Self::Params, ParamRule::NonEmbedding) => facts::NON_EMBEDDING_PARAMS,
            (Self::Params, ParamRule::Active) => facts::ACTIVE_PARAMS,
            // A column called weight may weigh anything, and many are called error; they take a
            // --map.
            (Self::Weight | Self::BenchmarkError, _) => &[],
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
                "c",
            ],
            (Self::Loss, _) => &[
                "eval_loss",
                "val_loss",
                "validation_loss",
                "final_eval_loss",
                "final_loss",
                "loss",
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
            (Self::Budget, _) => &["budget", "isoflop_budget", "flop_budget"],
            (Self::Status, _) => &["status", "state", "run_state"],
            (Self::Step, _) => super::names::STEP,
        }
    }
}

/// A column and what its values are multiplied by.
#[derive(Clone, Debug, PartialEq)]
struct Scaled {
    column: String,
    factor: f64,
}

/// Column names by quantity, from `--map n=COLUMN,d=COLUMN`; `n=params_b*1e9` reads billions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ColumnMap(Vec<(Quantity, Scaled)>);

impl ColumnMap {
    /// Every key there is, in order.
    fn keys() -> String {
        Quantity::ALL.map(Quantity::key).join(", ")
    }

    /// The mapped column of a quantity.
    #[must_use]
    pub fn column(&self, quantity: Quantity) -> Option<&str> {
        self.0.iter().find(|(q, _)| *q == quantity).map(|(_, s)| s.column.as_str())
    }

    /// What the values of a quantity are multiplied by; 1 unless the map says so.
    #[must_use]
    pub fn factor(&self, quantity: Quantity) -> f64 {
        self.0.iter().find(|(q, _)| *q == quantity).map_or(1.0, |(_, s)| s.factor)
    }
}

impl FromStr for ColumnMap {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let bad = |wanted: &str| DataError::BadOption {
            flag: "--map",
            text: text.to_owned(),
            wanted: wanted.to_owned(),
        };
        let mut map = Vec::new();
        for part in text.split(',').filter(|p| !p.trim().is_empty()) {
            let (key, column) = part
                .split_once('=')
                .ok_or_else(|| bad("pairs KEY=COLUMN are wanted, as n=params,loss=val_loss"))?;
            let quantity =
                Quantity::ALL.into_iter().find(|q| q.key() == key.trim()).ok_or_else(|| {
                    let keys = Self::keys();
                    bad(&format!("known keys are {keys}"))
                })?;
            if map.iter().any(|(q, _)| *q == quantity) {
                return Err(bad("each key at most once"));
            }
            let scaled = match column.rsplit_once('*').map(|(c, f)| (c, f.trim().parse::<f64>())) {
                Some((column, Ok(factor))) if factor.is_finite() && factor > 0.0 => {
                    Scaled { column: column.trim().to_owned(), factor }
                }
                _ => Scaled { column: column.trim().to_owned(), factor: 1.0 },
            };
            map.push((quantity, scaled));
        }
        Ok(Self(map))
    }
}

impl TryFrom<String> for ColumnMap {
    type Error = DataError;
    fn try_from(text: String) -> Result<Self, DataError> {
        text.parse()
    }
}

impl From<ColumnMap> for String {
    fn from(map: ColumnMap) -> Self {
        let pairs: Vec<String> = map
            .0
            .iter()
            .map(|(q, s)| match s.factor {
                1.0 => format!("{}={}", q.key(), s.column),
                factor => format!("{}={}*{factor:e}", q.key(), s.column),
            })
            .collect();
        pairs.join(",")
    }
}

#[cfg(any(feature = "logs", test))]
/// `config.N_params` and `Model Size` as `n_params` and `model_size`.
pub(super) fn normalised(column: &str) -> String {
    // Groups in which tools keep the config and the last values of a run.
    const GROUPS: [&str; 5] = ["config", "summary", "params", "hparams", "args"];
    let mut bare = column.trim();
    while let Some((group, rest)) = bare.split_once(['.', '/'])
        && GROUPS.contains(&group)
        && !rest.is_empty()
    {
        bare = rest;
    }
    bare.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_read_and_written() {
        let map: ColumnMap = "n=Model Size,loss=l".parse().expect("pairs");
        assert_eq!(map.column(Quantity::Params), Some("Model Size"));
        assert_eq!(map.column(Quantity::Tokens), None);
        assert_eq!(String::from(map), "n=Model Size,loss=l");
        let scaled: ColumnMap = "n=params_b*1e9,loss=a*b".parse().expect("pairs");
        assert_eq!(scaled.column(Quantity::Params), Some("params_b"));
        assert_eq!(scaled.factor(Quantity::Params), 1e9);
        assert_eq!(scaled.column(Quantity::Loss), Some("a*b"));
        assert_eq!(String::from(scaled), "n=params_b*1e9,loss=a*b");
        for text in ["n", "x=y", "n=a,n=b"] {
            assert!(text.parse::<ColumnMap>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_normalised() {
        assert_eq!(normalised("summary.eval/loss"), "eval_loss");
        assert_eq!(normalised("Model Size"), "model_size");
    }
}
