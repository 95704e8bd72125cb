//! The registered families of laws of N and D.
//!
//! To add a family: one file here that implements [`Form`](crate::law::Form), its `mod` line, and one
//! line in [`each_family`](crate::each_family). The registry, its lists and the standard tests in
//! `tests/it/laws.rs` follow from that line. Published constants are rows of `data/laws.toml`, and
//! their numbers are checked in `tests/it/golden_plans.rs`.

mod abnar;
mod chinchilla;
mod clark;
mod envelope;
mod experts;
mod farseer;
mod farseer_by_value;
mod gadre;
mod joint_moe;
mod kaplan;
mod krajewski;
mod kumar;
mod muennighoff;
mod skaling;
mod tied;

use farseer_by_value::{FarseerByValue, from_printed, to_printed};

use super::family::Law;
use crate::error::LawError;

/// Passes every registered family to a macro, as `module: Type,` lines: the registry is made with it,
/// and so are the standard tests of each family.
///
/// ```
/// macro_rules! names {
///     ($($module:ident: $Type:ident,)*) => { [$(stringify!($module)),*] };
/// }
/// assert_eq!(isoloss::each_family!(names).len(), isoloss::law::forms().len());
/// ```
#[macro_export]
macro_rules! each_family {
    ($then:ident) => {
        $then! {
            chinchilla: Chinchilla,
            tied: ChinchillaTied,
            gadre: GadreOvertraining,
            skaling: Skaling,
            kaplan: KaplanJoint,
            farseer: Farseer,
            muennighoff: Muennighoff,
            joint_moe: JointMoe,
            krajewski: KrajewskiMoe,
            clark: ClarkRouted,
            abnar: AbnarSparsity,
            kumar: KumarPrecision,
            envelope: ComputeEnvelope,
        }
    };
}

macro_rules! register {
    ($($module:ident: $Type:ident,)*) => {
        $(pub use $module::$Type;)*

        static FORMS: &[&dyn Law] = &[$(&$Type),*];
    };
}

each_family!(register);

/// Every registered family.
///
/// ```
/// use isoloss::law::forms;
///
/// let with_optimum = forms().iter().filter(|law| law.has_optimum()).count();
/// assert!(with_optimum < forms().len(), "some laws do not depend on both N and D");
/// ```
#[must_use]
pub fn forms() -> &'static [&'static dyn Law] {
    FORMS
}

/// The family of this id.
///
/// ```
/// use isoloss::law::law_by_id;
///
/// let law = law_by_id("chinchilla")?;
/// assert_eq!(law.equation(), "L = E + A/N^alpha + B/D^beta");
/// assert_eq!(law.coefs().len(), 5);
/// assert!(law_by_id("chinchila").is_err());
/// # Ok::<(), isoloss::error::Error>(())
/// ```
///
/// # Errors
/// [`LawError::UnknownForm`] with the known ids.
pub fn law_by_id(id: &str) -> Result<&'static dyn Law, LawError> {
    FORMS.iter().copied().find(|law| law.id() == id).ok_or_else(|| LawError::UnknownForm {
        id: id.to_owned(),
        known: FORMS.iter().map(|law| law.id()).collect(),
    })
}

/// A family written in other coefficients for the solver: the same surfaces, as many coefficients.
#[derive(Clone, Copy)]
pub(crate) struct Solved {
    /// The family in these coefficients.
    pub(crate) law: &'static dyn Law,
    /// Its coefficients from the printed ones, around any centre.
    pub(crate) enter: fn(&[f64]) -> Vec<f64>,
    /// The printed ones from its own.
    pub(crate) leave: fn(&[f64]) -> Vec<f64>,
}

/// The coefficients that fits of `law` move, where the printed ones lead a solver astray.
pub(crate) fn solved_as(law: &dyn Law) -> Option<Solved> {
    (law.id() == Farseer.id()).then_some(Solved {
        law: &FarseerByValue,
        enter: from_printed,
        leave: to_printed,
    })
}
