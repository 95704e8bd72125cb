use thiserror::Error;

/// A chart, page or file that cannot be made.
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
    /// A picture too small or too large to draw.
    #[error("chart `{chart}`: {width} x {height} pixels; expected sides of {least} to {most}")]
    Size {
        /// The chart.
        chart: String,
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// Shortest side.
        least: u32,
        /// Longest side.
        most: u32,
    },
    /// A page template failed.
    #[error("page template: {reason}")]
    Template {
        /// What the template engine said.
        reason: String,
    },
    /// A row that cannot be written as CSV.
    #[error("CSV: {reason}")]
    Csv {
        /// What the writer said.
        reason: String,
    },
    /// A value that cannot be written as JSON.
    #[error("JSON: {reason}")]
    Json {
        /// What the serialiser said.
        reason: String,
    },
    /// An extension that is none of the formats of this result.
    #[error("{path}: {} for this; expected {expected}", not_a_format(extension))]
    UnknownFormat {
        /// The file.
        path: String,
        /// Its extension, without the dot; empty for none.
        extension: String,
        /// The formats there are.
        expected: String,
    },
    /// A result that would be written over what it was made from.
    #[error("{path}: it is also an input, which writing would destroy; write to another file")]
    OverwritesInput {
        /// The file.
        path: String,
    },
    /// More than one result for one place.
    #[error("{what} and {other} would both be written to {place}; expected one of them")]
    TwoInOnePlace {
        /// The place.
        place: String,
        /// What is written there.
        what: String,
        /// What else is.
        other: String,
    },
    /// A verb that has no page in the manual.
    #[error("there is no verb `{verb}`; expected one of {known}")]
    NoManual {
        /// What was asked for.
        verb: String,
        /// The verbs there are.
        known: String,
    },
    /// A folder of files where there is room for one.
    #[error("{path}: several files are written; expected a {expected}")]
    NoRoom {
        /// The place.
        path: String,
        /// What would hold them.
        expected: &'static str,
    },
}

fn not_a_format(extension: &str) -> String {
    if extension.is_empty() {
        "a name without extension gives no format".to_owned()
    } else {
        format!("`.{extension}` is not a format")
    }
}
