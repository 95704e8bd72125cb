//! The registered families of loss curves, one line each.

use super::annealing::Annealing;
use super::form::CurveForm;
use super::multi_power::MultiPower;

static CURVE_FORMS: &[&dyn CurveForm] = &[&MultiPower, &Annealing];

/// Every family of loss curves.
///
/// ```
/// use isoloss::law::curve_forms;
///
/// let ids: Vec<&str> = curve_forms().iter().map(|law| law.id()).collect();
/// assert_eq!(ids, ["multi-power", "annealing"]);
/// ```
#[must_use]
pub fn curve_forms() -> &'static [&'static dyn CurveForm] {
    CURVE_FORMS
}
