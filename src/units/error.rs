use thiserror::Error;

/// Text that is not a quantity.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnitsError {
    /// Not a number with a known suffix.
    #[error("`{text}` is not a number of {noun}; expected for example 7B, 1.4T or 5.76e23")]
    NotACount {
        /// What was written.
        text: String,
        /// What was to be counted.
        noun: &'static str,
    },
    /// Zero, negative or not finite.
    #[error("`{text}` is not usable as {noun}; expected a finite number above zero")]
    NotPositive {
        /// What was written.
        text: String,
        /// What was to be counted.
        noun: &'static str,
    },
    /// A duration without its unit.
    #[error(
        "`{text}` is not a duration; expected a number with a unit, for example 30d, 12h, 90min, 45s or 20ms"
    )]
    NoTimeUnit {
        /// What was written.
        text: String,
    },
    /// Not two numbers.
    #[error("`{text}` is not a pair of numbers above zero; expected for example 0.5,0.01")]
    NotAPair {
        /// What was written.
        text: String,
    },
    /// Not a number or a range of numbers.
    #[error(
        "`{text}` is not a range; expected for example 2.95, 1.99..5.00, or with the median 1.99..2.95..5.00"
    )]
    NotARange {
        /// What was written.
        text: String,
    },
    /// Memory without its unit.
    #[error(
        "`{text}` is not an amount of memory; expected for example 16GB (decimal) or 16GiB (binary)"
    )]
    NoByteUnit {
        /// What was written.
        text: String,
    },
}
