//! Tables with a loss and one of C, N and D.

use serde::{Deserialize, Serialize};

/// The one quantity that a table holds beside the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OneQuantity {
    /// Training FLOPs.
    C,
    /// Parameters.
    N,
    /// Training tokens.
    D,
}

impl OneQuantity {
    /// What it is, in words.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::C => "training FLOPs",
            Self::N => "parameters",
            Self::D => "training tokens",
        }
    }
}

impl std::fmt::Display for OneQuantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::C => "C",
            Self::N => "N",
            Self::D => "D",
        })
    }
}

/// A loss at values of one quantity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OneQuantityTable {
    /// The quantity.
    pub of: OneQuantity,
    /// Its value and the loss in nats of each run.
    pub rows: Vec<(f64, f64)>,
    /// Whether losses count bytes rather than tokens.
    pub per_byte: bool,
}
