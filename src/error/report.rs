use thiserror::Error;

/// A chart or page that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The drawing back end failed.
    #[error("chart `{chart}`: {reason}")]
    Draw {
        /// The chart.
        chart: String,
        /// What the back end said.
        reason: String,
    },
    /// A page template failed.
    #[error("page template: {reason}")]
    Template {
        /// What the engine said.
        reason: String,
    },
    /// Not a format that is written.
    #[error("{path}: `{extension}` is not written; give .svg, .png, .csv or .json")]
    UnknownFormat {
        /// The file.
        path: String,
        /// Its extension.
        extension: String,
    },
}
