//! Which parameters N counts.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which parameters N counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum ParamRule {
    /// Every parameter, embeddings included (Hoffmann et al. 2022).
    #[default]
    All,
    /// Without embedding and output matrices (Kaplan et al. 2020).
    NonEmbedding,
    /// Those a token visits, embeddings included: all of a dense model, fewer of a sparse one.
    Active,
}

impl fmt::Display for ParamRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all parameters",
            Self::NonEmbedding => "non-embedding parameters",
            Self::Active => "active parameters",
        })
    }
}
