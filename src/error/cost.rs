use thiserror::Error;

/// Unknown hardware, an unknown model, or an impossible cost model.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum CostError {
    /// A shipped table that does not parse.
    #[error("table {table}: {reason}")]
    Table {
        /// The file.
        table: &'static str,
        /// What the parser found.
        reason: String,
    },
    /// No device of this name.
    #[error(
        "unknown device `{name}`{}; known: {}",
        .nearest.as_ref().map_or_else(String::new, |n| format!(" (did you mean `{n}`?)")),
        .known.join(", ")
    )]
    UnknownDevice {
        /// What was asked for.
        name: String,
        /// The closest name.
        nearest: Option<String>,
        /// What there is.
        known: Vec<String>,
    },
    /// Several devices share the name.
    #[error("`{name}` may be {}; name one of them", .candidates.join(" or "))]
    AmbiguousDevice {
        /// What was asked for.
        name: String,
        /// The devices of which it is a part.
        candidates: Vec<String>,
    },
    /// A file with a device or model of one's own.
    #[error("{path}: {reason}")]
    OwnFile {
        /// The file.
        path: String,
        /// What is wrong with it, and what was expected.
        reason: String,
    },
    /// A device without a dated price.
    #[error("device `{name}`: no price is on record; give a price per device-hour")]
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
    #[error("device `{name}`: its power is not on record; leave the price of energy out")]
    NoPower {
        /// The device.
        name: String,
    },
    /// Weights and cache do not fit the memory.
    #[error(
        "{what} take {needed_gb:.1} GB, but {devices} x {device} have {free_gb:.1} GB for them; use more devices, fewer bits, a smaller batch or a shorter context"
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
    /// A user waits longer than asked for.
    #[error(
        "{what} takes {takes_ms:.3} ms at batch {batch:.0} on {devices} x {device}, more than the {limit_ms} ms asked for; allow more time, use more devices, fewer bits or a smaller model"
    )]
    TooSlow {
        /// What is waited for.
        what: &'static str,
        /// The limit, ms.
        limit_ms: f64,
        /// What it takes, ms.
        takes_ms: f64,
        /// Sequences decoded together.
        batch: f64,
        /// Devices.
        devices: f64,
        /// The device.
        device: String,
    },
    /// A field out of range.
    #[error("`{field}` is {found}; expected {expected}")]
    Field {
        /// The field.
        field: &'static str,
        /// Its value.
        found: f64,
        /// What would do.
        expected: &'static str,
    },
    /// Not a known model.
    #[error(
        "unknown model `{name}`{}; name one on record, or give its parameters and training tokens",
        .nearest.as_ref().map(|n| format!(" (did you mean `{n}`?)")).unwrap_or_default()
    )]
    UnknownModel {
        /// What was asked for.
        name: String,
        /// The closest name.
        nearest: Option<String>,
    },
    /// A model whose size is not published.
    #[error("`{name}`: its size is not published; give its number of parameters")]
    SizeUnknown {
        /// The model.
        name: String,
    },
    /// A model whose training tokens are not published.
    #[error("`{name}`: its training tokens are not published; give their number")]
    TokensUnknown {
        /// The model.
        name: String,
    },
    /// A model whose shape is not published.
    #[error("`{name}`: its shape is not on record; give its size and proportions")]
    ShapeUnknown {
        /// The model.
        name: String,
    },
}
