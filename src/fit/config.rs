//! Settings of a fit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::limits;
use crate::error::FitError;
use crate::law::Range;

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// Sum over runs of the Huber loss of r = ln(predicted) - ln(observed): r²/2 within `delta`,
    /// delta (|r| - delta/2) outside (Hoffmann et al. 2022, eq. 3).
    HuberLog,
    /// Sum of |r|: no threshold to choose, half of the runs lie above the law.
    LadLog,
    /// Sum of r².
    LsLog,
    /// Sum of (predicted - observed)², nats².
    LsLoss,
    /// Huber with over-estimates counted `over_weight` times: under-tuned runs lie above the law
    /// and the fit follows the lower envelope.
    AsymmetricLog,
}

impl Objective {
    /// Every objective, in the order of the documentation.
    pub const ALL: [Self; 5] =
        [Self::HuberLog, Self::LadLog, Self::LsLog, Self::LsLoss, Self::AsymmetricLog];

    /// Whether `delta` has a meaning for it.
    #[must_use]
    pub fn has_band(self) -> bool {
        matches!(self, Self::HuberLog | Self::AsymmetricLog)
    }
}

impl std::fmt::Display for Objective {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::HuberLog => "huber-log",
            Self::LadLog => "lad-log",
            Self::LsLog => "ls-log",
            Self::LsLoss => "ls-loss",
            Self::AsymmetricLog => "asymmetric-log",
        })
    }
}

/// Which coefficients get a profile likelihood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum ProfileOf {
    /// None.
    None,
    /// Those whose bootstrap interval says that they are hardly known, and all free ones when runs
    /// are few or more than a hundredth of the draws found no minimum.
    #[default]
    Weak,
    /// Every free coefficient.
    All,
}

/// What the bootstrap draws anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Resample {
    /// Runs, with replacement (Efron 1979): sizes and token counts are drawn like the noise.
    #[default]
    Row,
    /// All runs of a model size together: for errors that a size shares, such as its tuning.
    Size,
    /// All runs of a compute budget together: for errors that a budget shares.
    Budget,
    /// All runs at one N and D together: repeats with other seeds.
    Cell,
    /// All rows of one run name together: for several points of one training curve.
    Run,
    /// No run is drawn: each residual keeps its run and changes sign at random, so the design stays
    /// as it is and the noise may differ from run to run (Wu 1986; Rademacher signs).
    Wild,
}

impl std::fmt::Display for Resample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Row => "row",
            Self::Size => "size",
            Self::Budget => "budget",
            Self::Cell => "cell",
            Self::Run => "run",
            Self::Wild => "wild",
        })
    }
}

/// A normal distribution of a coefficient, known before the runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NormalPrior {
    /// Its mean, in natural units.
    pub mean: f64,
    /// Its standard deviation, in natural units.
    pub sd: f64,
}

/// Settings of [`fit`](super::fit()).
///
/// | field | default | range | purpose |
/// |---|---|---|---|
/// | `objective` | huber-log | | what is minimised |
/// | `delta` | 1e-3 | 1e-9..10 | half-width of the quadratic band, in log loss |
/// | `over_weight` | 10 | 1..1e4 | how often an over-estimate counts, asymmetric-log only |
/// | `fixed` | none | domain of the coefficient | coefficients held at a value |
/// | `bounds` | none | domain of the coefficient | closed ranges of coefficients |
/// | `priors` | none | sd > 0 | normal distributions of coefficients |
/// | `bootstrap` | 4000 | 0 or >= 20 | resamples for the intervals |
/// | `resample` | row | | what a resample draws |
/// | `profile` | weak | | which coefficients get a profile likelihood |
/// | `extrapolation` | true | | whether nearer runs are fitted to see what extrapolation costs |
/// | `seed` | 0 | | seed of the resamples |
/// | `level` | 0.95 | 0.5..0.999 | level of the intervals |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitConfig {
    /// What is minimised.
    pub objective: Objective,
    /// Half-width of the Huber band in log loss.
    pub delta: f64,
    /// How often an over-estimate counts under asymmetric-log.
    pub over_weight: f64,
    /// Coefficients held at a value, by name, in natural units.
    pub fixed: BTreeMap<String, f64>,
    /// Closed ranges coefficients stay in, by name, in natural units.
    pub bounds: BTreeMap<String, Range>,
    /// What is known of coefficients from elsewhere, by name. A prior counts as the runs do: against
    /// their scatter, as the objective measures it.
    pub priors: BTreeMap<String, NormalPrior>,
    /// Bootstrap resamples; 0 for none.
    pub bootstrap: usize,
    /// What a resample draws.
    pub resample: Resample,
    /// Which coefficients get a profile likelihood.
    pub profile: ProfileOf,
    /// Whether nearer runs are fitted and tested on farther ones, so that intervals beyond the runs carry
    /// what extrapolation costs; without draws there are no intervals and nothing is measured.
    pub extrapolation: bool,
    /// Seed of the resamples.
    pub seed: u64,
    /// Level of the percentile intervals.
    pub level: f64,
}

impl Default for FitConfig {
    fn default() -> Self {
        Self {
            objective: Objective::HuberLog,
            delta: 1e-3,
            over_weight: 10.0,
            fixed: BTreeMap::new(),
            bounds: BTreeMap::new(),
            priors: BTreeMap::new(),
            bootstrap: 4000,
            resample: Resample::Row,
            profile: ProfileOf::Weak,
            extrapolation: true,
            seed: 0,
            level: 0.95,
        }
    }
}

impl FitConfig {
    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`FitError::Config`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), FitError> {
        let bad = |field, found: String, wanted| Err(FitError::Config { field, found, wanted });
        limits::delta(self.delta)?;
        let fine = (1.0..=1e4).contains(&self.over_weight);
        limits::inside("over_weight", fine, &self.over_weight, "between 1 and 10000")?;
        limits::bootstrap(self.bootstrap)?;
        limits::level(self.level)?;
        for (name, range) in &self.bounds {
            if range.lo.is_nan() || range.hi.is_nan() || range.lo >= range.hi {
                let found = format!("{name} in {}..{}", range.lo, range.hi);
                return bad("bounds", found, "a lower end below the upper one");
            }
        }
        for (name, prior) in &self.priors {
            if !(prior.sd.is_finite() && prior.sd > 0.0) {
                let found = format!("{name} = {} with sd {}", prior.mean, prior.sd);
                return bad("priors", found, "a standard deviation above zero");
            }
        }
        if self.objective == Objective::LadLog && !self.priors.is_empty() {
            let found = "lad-log with priors".to_owned();
            let wanted = "bounds or fixed values, or another objective: the minimum of absolute deviations takes no prior";
            return bad("priors", found, wanted);
        }
        Ok(())
    }
}
