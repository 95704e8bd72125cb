//! A law held against the entropy of the source of its runs, where that is known.

use crate::error::{Result, StudyError};
use crate::fit::Fit;
use crate::units::Flops;

/// A loss this near to the floor, as a fraction, is at it.
const AT_IT: f64 = 1e-3;

/// Refuses a fit whose floor lies below the entropy of the source beyond its interval.
///
/// # Errors
/// [`StudyError::BelowFloor`].
pub(super) fn check_fit(fit: &Fit) -> Result<()> {
    let (Some(floor), Some(coef)) = (floor_of(fit), floor_coefficient(fit)) else { return Ok(()) };
    match fit.intervals.get(coef).filter(|i| i.hi < floor * (1.0 - AT_IT)) {
        None => Ok(()),
        Some(i) => {
            let value = fit.coefficients.get(coef).copied().unwrap_or(f64::NAN);
            let found = format!("its {coef} is {value:.4} ({:.4} to {:.4})", i.lo, i.hi);
            Err(below(fit, found, floor, coef))
        }
    }
}

/// Refuses a fit that predicts, or has planned, a loss below the entropy of the source.
///
/// # Errors
/// [`StudyError::BelowFloor`].
pub(super) fn check_loss(fit: &Fit, c: Flops, loss_nats: f64) -> Result<()> {
    let Some(floor) = floor_of(fit).filter(|floor| loss_nats < floor * (1.0 - AT_IT)) else {
        return Ok(());
    };
    let found = format!("at {c} FLOPs it predicts {loss_nats:.4} nats");
    Err(below(fit, found, floor, floor_coefficient(fit).unwrap_or("E")))
}

fn floor_of(fit: &Fit) -> Option<f64> {
    fit.floor_nats.filter(|_| fit.surface.loss_unit.is_per_token())
}

/// The coefficient that is the law's floor.
fn floor_coefficient(fit: &Fit) -> Option<&'static str> {
    fit.surface.law().coefs().iter().map(|c| c.name).find(|name| *name == "E")
}

fn below(fit: &Fit, found: String, floor: f64, coef: &'static str) -> crate::error::Error {
    StudyError::BelowFloor { law: fit.surface.label.clone(), found, floor, coef }.into()
}
