use thiserror::Error;

/// A table that cannot be fitted.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum FitError {
    /// Not enough runs.
    #[error(
        "{found} runs cannot fix the {coefs} coefficients of `{law}`; at least {wanted} runs are wanted"
    )]
    TooFewRuns {
        /// The law family.
        law: &'static str,
        /// Usable runs.
        found: usize,
        /// Its coefficients.
        coefs: usize,
        /// Runs wanted.
        wanted: usize,
    },
    /// The design cannot tell the coefficients apart.
    #[error("the runs cannot identify `{law}`: {reason}. {mend}")]
    NotIdentified {
        /// The law family.
        law: &'static str,
        /// What the design lacks.
        reason: String,
        /// What to add.
        mend: String,
    },
    /// Bad settings.
    #[error("fit: `{field}` is {found}, but {wanted} is wanted")]
    Config {
        /// The field.
        field: &'static str,
        /// Its value.
        found: String,
        /// What would do.
        wanted: &'static str,
    },
    /// A coefficient that cannot be held.
    #[error("`{coef}` of `{law}` cannot be held: {reason}")]
    Held {
        /// The law family.
        law: &'static str,
        /// The coefficient.
        coef: String,
        /// Why not.
        reason: String,
    },
    /// A coefficient that the runs say nothing about.
    #[error(
        "`{coef}` of `{law}` has no effect on any of these runs; map the column it acts on (isoloss fit --help lists the keys of --map), or hold it: --fix {coef}=VALUE"
    )]
    NoEffect {
        /// The law family.
        law: &'static str,
        /// The coefficient.
        coef: String,
    },
    /// A budget at which the law decides nothing.
    #[error("{what}: {reason}")]
    NoDecision {
        /// What was asked for.
        what: String,
        /// Why there is no answer.
        reason: String,
    },
    /// No start reached a finite objective.
    #[error(
        "no start of `{law}` reached a finite minimum ({starts} tried); look at the loss column for outliers or wrong units"
    )]
    NoMinimum {
        /// The law family.
        law: &'static str,
        /// Starts tried.
        starts: usize,
    },
    /// A saved fit that does not parse.
    #[error(
        "{path}: not a fit written by `isoloss fit -o` (or, for a benchmark law, by `isoloss benchmark --json`): {reason}"
    )]
    Artifact {
        /// The file.
        path: String,
        /// What the parser said.
        reason: String,
    },
}
