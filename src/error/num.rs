use thiserror::Error;

/// A numerical routine without an answer.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum NumError {
    /// The function has the same sign at both ends.
    #[error("no sign change of {what} between {lo:e} and {hi:e}")]
    NotBracketed {
        /// The function.
        what: &'static str,
        /// Lower end.
        lo: f64,
        /// Upper end.
        hi: f64,
    },
    /// A solver gave up.
    #[error("{what} did not converge: {reason}")]
    NotConverged {
        /// What was sought.
        what: &'static str,
        /// What the solver said.
        reason: String,
    },
}
