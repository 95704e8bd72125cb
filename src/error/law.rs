use thiserror::Error;

/// An unknown law, or coefficients or learning rates that a law cannot use.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum LawError {
    /// No law family of this id.
    #[error("unknown law family `{id}`; known are {}", known.join(", "))]
    UnknownForm {
        /// What was asked for.
        id: String,
        /// The ids there are.
        known: Vec<&'static str>,
    },
    /// A family where a law is asked for.
    #[error("`{family}` is a family of laws, without constants; {}", of_family(published, coefs))]
    FamilyForLaw {
        /// The family.
        family: &'static str,
        /// Its published laws.
        published: Vec<String>,
        /// Its coefficients.
        coefs: Vec<&'static str>,
    },
    /// No published law of this name.
    #[error("unknown law `{name}`{}", did_you_mean(.nearest))]
    UnknownLaw {
        /// What was asked for.
        name: String,
        /// The closest name.
        nearest: Option<String>,
    },
    /// Fewer coefficients than the family has.
    #[error("law `{law}`: coefficient `{coef}` is missing; give a number for each coefficient")]
    MissingCoefficient {
        /// The law.
        law: String,
        /// The first coefficient without a value.
        coef: &'static str,
    },
    /// A coefficient that is not finite or outside its domain.
    #[error(
        "law `{law}`: coefficient `{coef}` is {found}; expected a finite number above {lo} and below {hi}"
    )]
    CoefficientOutside {
        /// The law.
        law: String,
        /// The coefficient.
        coef: &'static str,
        /// Its value.
        found: f64,
        /// Lower end of its domain.
        lo: f64,
        /// Upper end of its domain.
        hi: f64,
    },
    /// Text that gives no coefficients.
    #[error(
        "law family `{family}`: `{found}` gives no coefficient; expected NAME=NUMBER for each of {}",
        names.join(", ")
    )]
    NotACoefficient {
        /// The family.
        family: String,
        /// The part of the text.
        found: String,
        /// Coefficients of the family.
        names: Vec<&'static str>,
    },
    /// A learning rate below zero or not finite.
    #[error(
        "learning rates: the rate of step {step} is {found}; expected a finite rate of at least 0"
    )]
    Rate {
        /// Step, from 1.
        step: usize,
        /// Its rate.
        found: f64,
    },
    /// No learning rate above zero.
    #[error("learning rates: none of {steps} steps has a rate above 0; expected at least one")]
    NoRate {
        /// Number of steps.
        steps: usize,
    },
    /// A shipped table does not parse; a bug of the build, kept as a value.
    #[error("shipped table {table}: {reason}")]
    Table {
        /// File name.
        table: &'static str,
        /// What the parser said.
        reason: String,
    },
    /// A shipped table lacks a row; a bug of the build, kept as a value.
    #[error("shipped table {table}: no row `{name}`")]
    MissingRow {
        /// File name.
        table: &'static str,
        /// Name of the row.
        name: &'static str,
    },
}

fn of_family(published: &[String], coefs: &[&'static str]) -> String {
    match published.is_empty() {
        true => format!("none of it is published, so give numbers for {}", coefs.join(", ")),
        false => format!("published laws of it are {}", published.join(", ")),
    }
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|n| format!(" (did you mean `{n}`?)")).unwrap_or_default()
}
