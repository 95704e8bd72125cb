use thiserror::Error;

/// A table of mixtures that cannot be used, or a mixture that cannot be had.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum MixtureProblem {
    /// No columns are shares.
    #[error(
        "{path}: no set of columns adds to one in every row ({}); name the columns of the domains",
        .tried.as_ref().map_or_else(|| "none holds numbers from 0 to 1".to_owned(), Clone::clone)
    )]
    NoShares {
        /// The table.
        path: String,
        /// The set that came nearest, and what it adds to.
        tried: Option<String>,
    },
    /// A share below zero.
    #[error("{at}: the share of `{domain}` is {found}; shares are from 0 to 1")]
    Negative {
        /// File and line.
        at: String,
        /// The domain.
        domain: String,
        /// Its share.
        found: f64,
    },
    /// Shares that do not add to one.
    #[error("{at}: the shares add to {sum:.4}; they have to add to 1")]
    Sum {
        /// File and line.
        at: String,
        /// Their sum.
        sum: f64,
    },
    /// A cell that is no number.
    #[error("{at}: `{column}` is {found}; expected a number")]
    NoNumber {
        /// File and line.
        at: String,
        /// The column.
        column: String,
        /// What is there.
        found: String,
    },
    /// A domain with one share in all runs.
    #[error(
        "the share of `{domain}` is {share} in every run, so nothing says what it does; add runs that vary it, or leave its column out"
    )]
    NeverVaried {
        /// The domain.
        domain: String,
        /// Its share.
        share: f64,
    },
    /// Too few runs for the coefficients.
    #[error(
        "{found} runs cannot fix the {coefs} coefficients of {domains} domains; add runs until there are at least {wanted}, or join domains"
    )]
    TooFewRuns {
        /// Runs.
        found: usize,
        /// Coefficients.
        coefs: usize,
        /// Domains.
        domains: usize,
        /// Runs that it takes.
        wanted: usize,
    },
    /// No losses.
    #[error("{path}: no column is a loss; name the targets. The columns are {}", .found.join(", "))]
    NoTargets {
        /// The table.
        path: String,
        /// Its columns.
        found: Vec<String>,
    },
    /// A domain or target that is not there.
    #[error("there is no {what} `{name}`{}; there are {}", .near.as_ref().map_or(String::new(), |n| format!(" (did you mean `{n}`?)")), .known.join(", "))]
    Unknown {
        /// domain or target.
        what: &'static str,
        /// The name asked for.
        name: String,
        /// The nearest there is.
        near: Option<String>,
        /// All there are.
        known: Vec<String>,
    },
    /// Tables that cannot be put together.
    #[error("{path}: {reason}")]
    NoJoin {
        /// The table.
        path: String,
        /// Why.
        reason: String,
    },
    /// Limits that no mixture meets.
    #[error("no mixture meets the limits: {reason}")]
    NoMixture {
        /// Why.
        reason: String,
    },
    /// A number outside its range.
    #[error("`{field}` is {found}; expected {wanted}")]
    Setting {
        /// What was given.
        field: String,
        /// Its value.
        found: String,
        /// Its range.
        wanted: &'static str,
    },
    /// A law without a minimum.
    #[error(
        "no law of `{target}` has a proven minimum on these runs; add runs, or try another form"
    )]
    NoMinimum {
        /// The target.
        target: String,
    },
}
