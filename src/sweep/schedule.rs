//! How the learning rate changes over a run.

use serde::{Deserialize, Serialize};

/// How the learning rate falls from its peak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Half a cosine from the end of the warm-up to the last step.
    #[default]
    Cosine,
    /// A line from the end of the warm-up to the last step.
    Linear,
    /// Warm-up, stable, decay: constant until a last part that falls (arXiv:2405.18392), so that runs
    /// of several lengths share all steps before their decays.
    Wsd,
}

impl Schedule {
    /// What a run of this schedule has in its name beside runs of another.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Cosine => "-cosine",
            Self::Linear => "-linear",
            Self::Wsd => "-wsd",
        }
    }
}

/// How the last part of [`Schedule::Wsd`] falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecayShape {
    /// A line.
    #[default]
    Linear,
    /// 1 - sqrt(progress) (Hägele et al. 2024, arXiv:2405.18392, sec. 4).
    OneMinusSqrt,
}
