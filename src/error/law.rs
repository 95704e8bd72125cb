use thiserror::Error;

/// An unknown law or coefficients outside its domain.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum LawError {
    /// No law family of this id.
    #[error("unknown law family `{id}`; known: {known}")]
    UnknownForm {
        /// What was asked for.
        id: String,
        /// What there is.
        known: String,
    },
    /// No published law of this name.
    #[error("unknown law `{name}`{}; `isoloss laws` lists them, a path to a fit.json works too", hint(.nearest))]
    UnknownLaw {
        /// What was asked for.
        name: String,
        /// The closest name.
        nearest: Option<String>,
    },
    /// A coefficient is missing or out of its domain.
    #[error("law `{law}`: coefficient `{coef}` is {found}, but {wanted} is wanted")]
    Coefficient {
        /// The law.
        law: String,
        /// The coefficient.
        coef: String,
        /// Its value, or `missing`.
        found: String,
        /// What would do.
        wanted: String,
    },
    /// Learning rates that make no schedule.
    #[error(
        "learning-rate schedule: {reason}; finite rates of at least zero are wanted, one of them above"
    )]
    Schedule {
        /// What is wrong.
        reason: String,
    },
    /// A shipped table does not parse; a bug of the build, kept as a value.
    #[error("shipped table {table}: {reason}")]
    Table {
        /// File name.
        table: &'static str,
        /// What the parser said.
        reason: String,
    },
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|n| format!(" (did you mean `{n}`?)")).unwrap_or_default()
}
