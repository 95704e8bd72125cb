//! How far measured decoding speeds scatter around the modelled ones.

use super::deployment::Deployment;
use super::measured::{decode_measurements, loaded_measurements};
use super::request::Requests;
use crate::cost::model::model;
use crate::cost::uncertain::Uncertain;
use crate::error::CostError;
use crate::num::quantile;

/// Measured decoding speed over modelled speed: range and median over the measurements on record.
///
/// # Errors
/// Those of the shipped tables.
///
/// ```
/// let speed = isoloss::cost::measured_speed()?;
/// assert!(speed.low < 1.0 && speed.high > 1.0);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn measured_speed() -> Result<Uncertain, CostError> {
    let mut ratios = Vec::new();
    for row in decode_measurements()? {
        let Some(shape) = model(&row.model)?.shape else { continue };
        let of = Deployment {
            weight_bits: row.weight_bits,
            ..Deployment::of(&row.device, row.devices)?
        };
        let modelled = 1.0 / of.step_s(&(&shape).into(), 1.0, row.prompt).0;
        ratios.push(row.tokens_per_s / modelled);
    }
    for row in loaded_measurements()? {
        let Some(shape) = model(&row.model)?.shape else { continue };
        let of = Deployment {
            weight_bits: row.weight_bits,
            ..Deployment::of(&row.device, row.devices)?
        };
        let requests = Requests { prompt: row.prompt, answer: row.answer };
        let modelled_s = of.loaded_step_s(&(&shape).into(), row.concurrency, &requests).0;
        ratios.push(1e3 * modelled_s / row.per_token_ms);
    }
    ratios.sort_by(f64::total_cmp);
    let at = |p| quantile(&ratios, p);
    Ok(Uncertain { low: at(0.0), mid: at(0.5), high: at(1.0) })
}
