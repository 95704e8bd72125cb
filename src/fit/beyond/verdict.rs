//! Whether a law may be believed beyond its runs.

use serde::{Deserialize, Serialize};

/// Whether a law may be believed beyond its runs, by what extrapolation cost among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// The runs of less compute predicted those of more: its intervals are a fraction of what ten
    /// times the compute gains.
    Holds,
    /// Its intervals are wide beside that gain, or no run of more compute tests the law.
    WithCare,
    /// What extrapolation costs is as large as what the compute gains.
    DoNotExtrapolate,
}

impl std::fmt::Display for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Holds => "holds",
            Self::WithCare => "with care",
            Self::DoNotExtrapolate => "do not extrapolate",
        })
    }
}
