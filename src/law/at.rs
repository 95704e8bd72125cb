//! Where a law is evaluated, and which quantities it looks at.

use crate::units::{Setting, Tokens};

/// Where a law is evaluated: ln N and ln D, possibly relative to a centre, and the rest of the setting
/// of the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct At<T> {
    /// ln N.
    pub ln_n: T,
    /// ln D.
    pub ln_d: T,
    /// Repetition, sparsity, precision; unique tokens are relative to the same centre as D.
    pub setting: Setting,
}

impl<T> At<T> {
    /// A dense model in full precision on data seen once.
    pub const fn plain(ln_n: T, ln_d: T) -> Self {
        Self { ln_n, ln_d, setting: Setting::PLAIN }
    }
}

impl At<f64> {
    /// The same place relative to (ln_n0, ln_d0).
    #[must_use]
    pub fn relative_to(&self, ln_n0: f64, ln_d0: f64) -> Self {
        let unique = self.setting.unique.map(|u| Tokens::new(u.get() * (-ln_d0).exp()));
        Self {
            ln_n: self.ln_n - ln_n0,
            ln_d: self.ln_d - ln_d0,
            setting: Setting { unique, ..self.setting },
        }
    }
}

/// A quantity a law looks at; its runs must differ in each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    /// N.
    Params,
    /// D.
    Tokens,
    /// C = 6 N D, and N and D only through it.
    Compute,
    /// Unique tokens U.
    UniqueTokens,
    /// Experts per layer.
    Experts,
    /// Granularity of the experts.
    Granularity,
    /// Share of experts a token does not visit.
    Sparsity,
    /// Bits in training or in serving.
    Precision,
}

impl std::fmt::Display for Factor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Params => "N",
            Self::Tokens => "D",
            Self::Compute => "C",
            Self::UniqueTokens => "unique tokens",
            Self::Experts => "experts",
            Self::Granularity => "granularity",
            Self::Sparsity => "sparsity",
            Self::Precision => "bits",
        })
    }
}
