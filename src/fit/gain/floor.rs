//! How much a multiplier depends on the floor E, which runs hardly fix.

use serde::{Deserialize, Serialize};

use super::joined::{Sharing, fit_joined};
use super::pair::{LawPair, ln_flops_for_loss};
use super::way::Asked;
use crate::data::RunTable;
use crate::error::Result;
use crate::fit::config::{FitConfig, ProfileOf};
use crate::fit::progress::ignore;
use crate::fit::runs::fit;
use crate::law::Law;
use crate::num::Interval;
use crate::units::Flops;

/// The multiplier with E held at either end of its interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FloorSensitivity {
    /// Family id.
    pub law: String,
    /// Interval of E, from the runs of both together.
    pub floor: Interval,
    /// Training FLOPs of B.
    pub flops: Flops,
    /// With shared exponents at the lower and the upper end.
    pub shared_exponents: [Option<f64>; 2],
    /// With a law of A alone and B's loss, at the lower and the upper end.
    pub law_of_a: [Option<f64>; 2],
}

/// Holds E at the ends of its interval and fits again.
///
/// - `pair`: the law with shared exponents, with its draws.
/// - `at`: where the multiplier is asked for.
///
/// `None` without draws or a minimum at either end.
pub(super) fn floor_sensitivity(
    law: &'static dyn Law,
    pair: &LawPair,
    [a, b]: [&RunTable; 2],
    at: &Asked,
    config: &FitConfig,
) -> Result<Option<FloorSensitivity>> {
    // The floor comes first in the families that can be shared.
    let drawn: Vec<f64> = pair.draws.iter().map(|[a, _]| a.theta()[0]).collect();
    let Some(floor) = Interval::percentile(&drawn, config.level) else { return Ok(None) };
    let config = FitConfig {
        bootstrap: 0,
        profile: ProfileOf::None,
        extrapolation: false,
        ..config.clone()
    };
    let flops = Flops::new(at.ln_c_b.exp());
    let finite = |ln_m: f64| Some(ln_m.exp()).filter(|m| m.is_finite());
    let shared = |e: f64| -> Result<Option<f64>> {
        let pair = fit_joined(law, Sharing::Exponents, [a, b], &config, Some(e), &ignore)?;
        Ok(pair.and_then(|pair| pair.ln_multiplier(flops)).and_then(finite))
    };
    let alone = |e: f64| -> Result<Option<f64>> {
        let Some(ln_loss) = at.ln_loss else { return Ok(None) };
        let mut config = config.clone();
        config.fixed.insert(law.coefs()[0].name.to_owned(), e);
        let surface = fit(law, a, &config)?.surface;
        Ok(finite(ln_flops_for_loss(&surface, ln_loss.exp()) - at.ln_c_b))
    };
    Ok(Some(FloorSensitivity {
        law: law.id().to_owned(),
        floor,
        flops,
        shared_exponents: [shared(floor.lo)?, shared(floor.hi)?],
        law_of_a: [alone(floor.lo)?, alone(floor.hi)?],
    }))
}
