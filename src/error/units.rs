use thiserror::Error;

/// Text that is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnitsError {
    /// Not a number with a known suffix.
    #[error("`{text}` is not a number of {noun}: write it as 7B, 1.4T or 5.76e23")]
    NotACount {
        /// What was written.
        text: String,
        /// What was to be counted.
        noun: &'static str,
    },
    /// Zero, negative or not finite.
    #[error("`{text}` is not usable as {noun}: a finite number above zero is wanted")]
    NotPositive {
        /// What was written.
        text: String,
        /// What was to be counted.
        noun: &'static str,
    },
    /// A duration without its unit.
    #[error("`{text}` is not a duration: write it with a unit, as 30d, 12h, 90min or 45s")]
    NoTimeUnit {
        /// What was written.
        text: String,
    },
    /// Memory without its unit.
    #[error("`{text}` is not an amount of memory: write 16GB (decimal) or 16GiB (binary)")]
    NoByteUnit {
        /// What was written.
        text: String,
    },
}
