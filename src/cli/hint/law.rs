//! Hints for errors of laws.

use crate::error::LawError;

pub(super) fn law(error: &LawError) -> Option<&'static str> {
    Some(match error {
        LawError::UnknownLaw { .. } => {
            "isoloss laws lists them; the path of a saved fit.json works too"
        }
        LawError::FamilyForLaw { .. } => {
            "name one of them, or give constants: --law 'chinchilla:E=1.69;A=406.4;B=410.7;alpha=0.34;beta=0.28'"
        }
        LawError::UnknownForm { .. } => "isoloss laws lists the families",
        LawError::MissingCoefficient { .. } | LawError::NotACoefficient { .. } => {
            "write the law as 'chinchilla:E=1.69;A=406.4;B=410.7;alpha=0.34;beta=0.28'"
        }
        _ => return None,
    })
}
