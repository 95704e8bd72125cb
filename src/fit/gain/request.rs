//! What is asked of two recipes.

use serde::{Deserialize, Serialize};

use crate::data::RunTable;
use crate::fit::config::FitConfig;
use crate::fit::fitted::Fit;
use crate::units::Flops;

/// A recipe: what it is called, with its runs or a law that was fitted to them.
#[derive(Clone, Copy, Debug)]
pub struct Recipe<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its runs, where they are at hand.
    pub runs: Option<&'a RunTable>,
    /// A law fitted to it before; it takes the place of a fit of the runs.
    pub fit: Option<&'a Fit>,
}

/// How recipes are compared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GainConfig {
    /// Families of laws for the ways that take one; those that suit the runs when empty.
    pub laws: Vec<String>,
    /// The floor of every law, where it is known from elsewhere.
    pub floor: Option<f64>,
    /// Training FLOPs of B at which the multiplier is asked for too.
    pub at: Vec<Flops>,
    /// How laws are fitted, with resamples, seed and level.
    #[serde(flatten)]
    pub fit: FitConfig,
}
