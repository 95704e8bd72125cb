//! What the two steps from N and D to an error give.

use serde::Serialize;

use crate::num::Interval;
use crate::units::{Params, Tokens};

/// An error predicted from size and tokens through the loss.
#[derive(Clone, Debug, Serialize)]
pub struct TwoStepPrediction {
    /// The law of loss.
    pub law: String,
    /// N.
    pub params: Params,
    /// D.
    pub tokens: Tokens,
    /// Predicted loss, nats per token.
    pub loss: f64,
    /// Predicted error.
    pub error: f64,
    /// Where the error of a new model is expected.
    pub interval: Option<Interval>,
}
