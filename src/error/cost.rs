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
    /// A device without a known dense peak.
    #[error(
        "device `{name}`: no dense {precision} peak is on record; choose another device or precision"
    )]
    NoPeak {
        /// The device.
        name: String,
        /// The precision.
        precision: &'static str,
    },
    /// A device whose power is not known.
    #[error("device `{name}`: its power is not on record; leave the energy out")]
    NoPower {
        /// The device.
        name: String,
    },
    /// Weights and cache do not fit the memory.
    #[error(
        "{what} take {needed_gb:.1} GB, but {devices} x {device} hold {free_gb:.1} GB of them; use more devices, fewer bits, a smaller batch or a shorter context"
    )]
    DoesNotFit {
        /// What is stored.
        what: &'static str,
        /// Bytes needed, GB.
        needed_gb: f64,
        /// Devices.
        devices: f64,
        /// The device.
        device: String,
        /// Bytes there are for it, GB.
        free_gb: f64,
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
