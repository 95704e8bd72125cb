//! What a run is called beside its quantities: tokenizer, data set, seed.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A cell of a column that is none of the quantities of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Label {
    /// A finite number.
    Number(f64),
    /// Anything else.
    Text(Arc<str>),
}

impl Label {
    /// A cell as a label; words that are numbers count as such.
    #[must_use]
    pub fn of(text: &str) -> Self {
        match text.parse::<f64>() {
            Ok(x) if x.is_finite() => Self::Number(x),
            _ => Self::Text(text.into()),
        }
    }

    /// How it compares with another; `None` between a number and a word. Words are alike whatever
    /// their case, since one tool writes `False` and another `false`, and have no order.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.partial_cmp(b),
            (Self::Text(a), Self::Text(b)) if a.to_lowercase() == b.to_lowercase() => {
                Some(Ordering::Equal)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(x) => x.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}
