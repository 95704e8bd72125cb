use thiserror::Error;

/// Unknown hardware or an impossible cost model.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum CostError {
    /// No device of this name.
    #[error("unknown device `{name}`; known: {known}")]
    UnknownDevice {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A device without a dated price.
    #[error("device `{name}`: no price is on record; give --usd-per-hour")]
    NoPrice {
        /// The device.
        name: String,
    },
    /// A share or rate out of range.
    #[error("`{field}` is {found}, but {wanted} is wanted")]
    Field {
        /// The field.
        field: &'static str,
        /// Its value.
        found: f64,
        /// What would do.
        wanted: &'static str,
    },
}
