//! Why a run cannot enter a table.

use crate::error::Lack;

/// Why a run cannot enter a table, and what would have to be given for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::data) struct Reason {
    pub(in crate::data) text: String,
    pub(in crate::data) lack: Option<Lack>,
}

impl Reason {
    pub(super) fn lacks(lack: Lack, text: impl Into<String>) -> Self {
        Self { text: text.into(), lack: Some(lack) }
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Self { text, lack: None }
    }
}

impl From<&str> for Reason {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}
