//! What a loss is measured in.

use serde::{Deserialize, Serialize};

/// The unit of a loss. Nats throughout; runs that log bits per byte, and no bytes per token, give nats
/// per byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossUnit {
    /// Nats per token.
    #[default]
    NatsPerToken,
    /// Nats per byte; ln 2 of it are a bit per byte.
    NatsPerByte,
}

impl LossUnit {
    /// Whether it is the usual one.
    #[must_use]
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature serde calls")]
    pub fn is_per_token(&self) -> bool {
        *self == Self::NatsPerToken
    }

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NatsPerToken => "nats per token",
            Self::NatsPerByte => "nats per byte",
        }
    }
}

impl std::fmt::Display for LossUnit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
