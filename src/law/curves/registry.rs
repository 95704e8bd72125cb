//! The registered families of loss curves, one line each.

use super::annealing::Annealing;
use super::form::CurveForm;
use super::multi_power::MultiPower;
use super::sublinear::SublinearPower;
use crate::error::LawError;

static CURVE_FORMS: &[&dyn CurveForm] = &[&SublinearPower, &MultiPower, &Annealing];

/// Every family of loss curves.
///
/// ```
/// use isoloss::law::curve_forms;
///
/// let ids: Vec<&str> = curve_forms().iter().map(|law| law.id()).collect();
/// assert_eq!(ids, ["sublinear-power", "multi-power", "annealing"]);
/// ```
#[must_use]
pub fn curve_forms() -> &'static [&'static dyn CurveForm] {
    CURVE_FORMS
}

/// The family of loss curves of this id.
///
/// # Errors
/// [`LawError::UnknownForm`] with the known ids.
pub fn curve_form_by_id(id: &str) -> Result<&'static dyn CurveForm, LawError> {
    CURVE_FORMS.iter().copied().find(|law| law.id() == id).ok_or_else(|| LawError::UnknownForm {
        id: id.to_owned(),
        known: CURVE_FORMS.iter().map(|law| law.id()).collect(),
    })
}
