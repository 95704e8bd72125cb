//! How a residual is weighed.

use crate::fit::config::{FitConfig, Objective};

/// Log residual within which a row counts as met by absolute deviations.
pub(crate) const MET: f64 = 1e-11;

/// How a residual is weighed, with its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Penalty {
    /// Quadratic within `delta` of ln(predicted) = ln(observed), linear outside.
    HuberLog { delta: f64 },
    /// As Huber, and over-estimates count `over` times.
    AsymmetricLog { delta: f64, over: f64 },
    /// Absolute log residual: evaluated at vertices only, since it has no curvature (see `vertex`).
    AbsoluteLog,
    /// Square of the log residual.
    SquareLog,
    /// Square of predicted - observed.
    SquareLoss,
}

/// Value, slope and second derivative of a penalty at a residual.
pub(crate) struct Bent {
    pub(crate) value: f64,
    pub(crate) slope: f64,
    pub(crate) bend: f64,
}

impl Penalty {
    /// The penalty of the settings.
    pub(crate) fn of(config: &FitConfig) -> Self {
        match config.objective {
            Objective::HuberLog => Self::HuberLog { delta: config.delta },
            Objective::AsymmetricLog => {
                Self::AsymmetricLog { delta: config.delta, over: config.over_weight }
            }
            Objective::LsLog => Self::SquareLog,
            Objective::LsLoss => Self::SquareLoss,
            Objective::LadLog => Self::AbsoluteLog,
        }
    }

    /// The same penalty with another band; absolute deviations get one, squares need none.
    pub(crate) fn with_band(self, delta: f64) -> Self {
        match self {
            Self::HuberLog { .. } | Self::AbsoluteLog => Self::HuberLog { delta },
            Self::AsymmetricLog { over, .. } => Self::AsymmetricLog { delta, over },
            other => other,
        }
    }

    /// Half-width of the quadratic band; infinite where all is quadratic.
    pub(crate) fn band(self) -> f64 {
        match self {
            Self::HuberLog { delta } | Self::AsymmetricLog { delta, .. } => delta,
            Self::AbsoluteLog => MET,
            Self::SquareLog | Self::SquareLoss => f64::INFINITY,
        }
    }

    #[inline]
    pub(crate) fn at(self, r: f64) -> Bent {
        match self {
            Self::HuberLog { delta } => huber(r, delta, 1.0),
            Self::AsymmetricLog { delta, over } => {
                huber(r, delta, if r > 0.0 { over } else { 1.0 })
            }
            Self::AbsoluteLog => Bent { value: r.abs(), slope: r.signum(), bend: 0.0 },
            Self::SquareLog | Self::SquareLoss => Bent { value: r * r, slope: 2.0 * r, bend: 2.0 },
        }
    }
}

fn huber(r: f64, delta: f64, weight: f64) -> Bent {
    if r.abs() <= delta {
        Bent { value: weight * 0.5 * r * r, slope: weight * r, bend: weight }
    } else {
        let value = weight * delta * (r.abs() - 0.5 * delta);
        Bent { value, slope: weight * delta * r.signum(), bend: 0.0 }
    }
}
