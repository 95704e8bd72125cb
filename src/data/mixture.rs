//! Runs on mixtures of domains: the share of each in the training tokens, and losses.

use serde::{Deserialize, Serialize};

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MixtureRun {
    /// Its name, or its file and line.
    pub run: String,
    /// Share of each domain in its training tokens; they add to one, to the rounding of the table.
    pub shares: Vec<f64>,
    /// Loss on each target, nats.
    pub losses: Vec<f64>,
}

/// Runs on mixtures of the same domains.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MixtureTable {
    /// Domains, in the order of the shares.
    pub domains: Vec<String>,
    /// Targets, in the order of the losses.
    pub targets: Vec<String>,
    /// The runs.
    pub runs: Vec<MixtureRun>,
    /// What was assumed.
    pub read_as: Vec<String>,
}

/// Which columns are what, where their names do not say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MixtureColumns {
    /// Columns of the domains, or one beginning that all of them share; found when empty.
    pub domains: Vec<String>,
    /// Columns of losses; every column that is called a loss when empty.
    pub targets: Vec<String>,
}
