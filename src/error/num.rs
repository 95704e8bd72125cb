use thiserror::Error;

/// A numerical routine without an answer.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum NumError {
    /// The function has the same sign at both ends.
    #[error("no root of {what} between {lo:e} and {hi:e}: it has the same sign at both ends")]
    NotBracketed {
        /// The function.
        what: &'static str,
        /// Lower end.
        lo: f64,
        /// Upper end.
        hi: f64,
    },
    /// The solver gave up although the signs differ.
    #[error("no root of {what} found between {lo:e} and {hi:e}: the solver met no finite number")]
    NotConverged {
        /// The function.
        what: &'static str,
        /// Lower end.
        lo: f64,
        /// Upper end.
        hi: f64,
    },
}
