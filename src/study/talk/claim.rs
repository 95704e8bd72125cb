//! What a claim is, and the numbers behind it.

use serde::Serialize;

/// One thing the talk says, and what comes out here.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Claim {
    /// Short name.
    pub id: &'static str,
    /// What the talk says.
    pub says: &'static str,
    /// What comes out, by law or fact.
    pub findings: Vec<Finding>,
    /// What follows.
    pub verdict: &'static str,
}

/// One number behind a claim.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The law or the fact it rests on.
    pub by: String,
    /// What it is.
    pub quantity: String,
    /// Its value; absent where there is none, as past the wall.
    pub value: Option<f64>,
    /// Value and unit in words.
    pub text: String,
}

pub(super) fn finding(by: &str, quantity: impl Into<String>, value: f64, text: String) -> Finding {
    Finding { by: by.to_owned(), quantity: quantity.into(), value: Some(value), text }
}

/// A factor as people read it.
pub(super) fn times(x: f64) -> String {
    format!("{x:.2}x")
}
