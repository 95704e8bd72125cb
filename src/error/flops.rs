use thiserror::Error;

/// A shape that cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
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
}
