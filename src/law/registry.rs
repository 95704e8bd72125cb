//! The families there are, one line each.

use super::{
    AbnarSparsity, Chinchilla, ChinchillaTied, ClarkRouted, ComputeEnvelope, Farseer,
    GadreOvertraining, JointMoe, KaplanJoint, KrajewskiMoe, KumarPrecision, Law, Muennighoff,
};
use crate::error::LawError;

static FORMS: [&dyn Law; 12] = [
    &Chinchilla,
    &ChinchillaTied,
    &GadreOvertraining,
    &KaplanJoint,
    &Farseer,
    &Muennighoff,
    &JointMoe,
    &KrajewskiMoe,
    &ClarkRouted,
    &AbnarSparsity,
    &KumarPrecision,
    &ComputeEnvelope,
];

/// Every registered family.
#[must_use]
pub fn forms() -> &'static [&'static dyn Law] {
    &FORMS
}

/// The family of this id.
///
/// # Errors
/// [`LawError::UnknownForm`] with the known ids.
pub fn law_by_id(id: &str) -> Result<&'static dyn Law, LawError> {
    FORMS.iter().copied().find(|law| law.id() == id).ok_or_else(|| LawError::UnknownForm {
        id: id.to_owned(),
        known: FORMS.map(Law::id).join(", "),
    })
}
