//! Checks of settings that all kinds of fit share.

use std::collections::BTreeMap;

use crate::error::FitError;
use crate::law::Coef;

/// Refuses a number of resamples that is neither zero nor enough for a percentile.
pub(crate) fn bootstrap(count: usize) -> Result<(), FitError> {
    let fine = count == 0 || (20..=1_000_000).contains(&count);
    inside("bootstrap", fine, &count, "0, or between 20 and 1000000")
}

/// Refuses a level at which a percentile interval says nothing.
pub(crate) fn level(level: f64) -> Result<(), FitError> {
    inside("level", (0.5..=0.999).contains(&level), &level, "between 0.5 and 0.999")
}

/// Refuses a Huber band that is below rounding or above any residual.
pub(crate) fn delta(delta: f64) -> Result<(), FitError> {
    inside("delta", (1e-9..=10.0).contains(&delta), &delta, "between 1e-9 and 10")
}

/// Refuses a value outside its range.
pub(crate) fn inside(
    field: &'static str,
    fine: bool,
    found: &dyn std::fmt::Display,
    wanted: &'static str,
) -> Result<(), FitError> {
    if fine {
        return Ok(());
    }
    Err(FitError::Config { field, found: found.to_string(), wanted })
}

/// The index of the coefficient of this name, once `values` are inside its domain.
///
/// # Errors
/// [`FitError::UnknownCoefficient`], [`FitError::OutsideDomain`].
pub(crate) fn coefficient(
    law: &'static str,
    coefs: &[Coef],
    name: &str,
    values: &[f64],
) -> Result<usize, FitError> {
    let coef = name.to_owned();
    let Some(i) = coefs.iter().position(|c| c.name == name) else {
        let known = coefs.iter().map(|c| c.name).collect();
        return Err(FitError::UnknownCoefficient { law, coef, known });
    };
    let (lo, hi) = coefs[i].domain;
    match values.iter().find(|x| !coefs[i].holds(**x)) {
        Some(&value) => Err(FitError::OutsideDomain { law, coef, value, lo, hi }),
        None => Ok(i),
    }
}

/// Held coefficients in the order of the family.
///
/// # Errors
/// As [`coefficient`]; [`FitError::NothingFree`] when nothing is left to fit.
pub(crate) fn held(
    law: &'static str,
    coefs: &[Coef],
    fixed: &BTreeMap<String, f64>,
) -> Result<Vec<Option<f64>>, FitError> {
    let mut held = vec![None; coefs.len()];
    for (name, value) in fixed {
        held[coefficient(law, coefs, name, &[*value])?] = Some(*value);
    }
    if held.iter().all(Option::is_some) {
        return Err(FitError::NothingFree { law });
    }
    Ok(held)
}
