use thiserror::Error;

use crate::units::Params;

/// A shape that cannot be built.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum FlopsError {
    /// One field of a shape is out of range.
    #[error("shape: `{field}` is {found}; expected {expected}")]
    Shape {
        /// The field.
        field: &'static str,
        /// Its value.
        found: u32,
        /// What would do.
        expected: &'static str,
    },
    /// One proportion of a pattern is out of range.
    #[error("pattern: `{field}` is {found}; expected {expected}")]
    Pattern {
        /// The field.
        field: &'static str,
        /// Its value.
        found: f64,
        /// What would do.
        expected: &'static str,
    },
    /// A field of a model's configuration.
    #[error("config: `{field}` is {found}; expected {expected}")]
    Config {
        /// The field.
        field: String,
        /// Its value.
        found: String,
        /// What would do.
        expected: String,
    },
    /// A configuration of a family whose parameters cannot be counted.
    #[error(
        "config: `model_type` is {}; expected one of {known}",
        found.as_deref().unwrap_or("absent")
    )]
    Family {
        /// The family, where the configuration names one.
        found: Option<String>,
        /// Those that are known.
        known: String,
    },
    /// No shape of this size keeps the pattern.
    #[error(
        "no shape near {params} parameters keeps the proportions with a vocabulary of {vocab}; use a smaller vocabulary or a larger model"
    )]
    NoShape {
        /// The size.
        params: Params,
        /// The vocabulary, tokens.
        vocab: u32,
    },
}
