use thiserror::Error;

/// A shape that cannot be built.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum FlopsError {
    /// One field of a shape is out of range.
    #[error("shape: `{field}` is {found}, but {wanted} is wanted")]
    Shape {
        /// The field.
        field: &'static str,
        /// Its value.
        found: u32,
        /// What would do.
        wanted: &'static str,
    },
    /// One proportion of a pattern is out of range.
    #[error("pattern: `{field}` is {found}, but {wanted} is wanted")]
    Pattern {
        /// The field.
        field: &'static str,
        /// Its value.
        found: f64,
        /// What would do.
        wanted: &'static str,
    },
    /// No shape of this size keeps the pattern.
    #[error(
        "no shape near {params} parameters keeps the pattern with a vocabulary of {vocab}; give a smaller --vocab or a larger model"
    )]
    NoShape {
        /// The size.
        params: String,
        /// The vocabulary.
        vocab: String,
    },
}
