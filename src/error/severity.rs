//! How serious a warning is.

use super::warning::Warning;

/// What a warning puts in doubt, the most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The answer itself: it is not what was asked, or rests on a table that is none.
    Wrong,
    /// How far the answer holds, or what it says to do.
    Doubtful,
    /// How well it is known.
    Imprecise,
    /// Something to know.
    Note,
}

impl Warning {
    /// How serious it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::NotCertified { .. }
            | Self::SeveralKinds { .. }
            | Self::MixedFlops { .. }
            | Self::MixedSchedules { .. }
            | Self::NotSeeds { .. }
            | Self::LossRises { .. }
            | Self::RepeatsIgnored { .. }
            | Self::ReplayDiffers { .. }
            | Self::NearWall { .. }
            | Self::DoubtfulConstants { .. }
            | Self::CheaperNeighbour { .. } => Severity::Wrong,
            Self::DoNotExtrapolate { .. }
            | Self::Outliers { .. }
            | Self::MixedRecipes { .. }
            | Self::ResidualTrend { .. }
            | Self::LackOfFit { .. }
            | Self::StartsDisagree { .. }
            | Self::ApproachesDisagree { .. }
            | Self::LawsDisagree { .. }
            | Self::DecisionDisputed { .. }
            | Self::FlopsMismatch { .. }
            | Self::FlopsDrift { .. }
            | Self::NoFloor { .. }
            | Self::Extrapolation { .. }
            | Self::NoRange { .. }
            | Self::AtBound { .. } => Severity::Doubtful,
            Self::FlatProfile { .. }
            | Self::OpenProfile { .. }
            | Self::NarrowDesign { .. }
            | Self::ThinPlane { .. }
            | Self::FewClusters { .. }
            | Self::WildUndercovers { .. }
            | Self::FewRuns { .. } => Severity::Imprecise,
            _ => Severity::Note,
        }
    }
}
