//! Why a run cannot enter a table.

use crate::error::Lack;

/// Why a run cannot enter a table, and what would have to be given for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::data) struct Reason {
    pub(in crate::data) text: String,
    pub(in crate::data) lacks: Vec<Lack>,
}

impl Reason {
    pub(super) fn lacks(lack: Lack, text: impl Into<String>) -> Self {
        Self { text: text.into(), lacks: vec![lack] }
    }

    /// All that several reasons say, the first first; `None` of none.
    pub(super) fn all(reasons: Vec<Self>) -> Option<Self> {
        reasons.into_iter().reduce(|mut all, next| {
            all.text = format!("{}; {}", all.text, next.text);
            for lack in next.lacks {
                if !all.lacks.contains(&lack) {
                    all.lacks.push(lack);
                }
            }
            all
        })
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Self { text, lacks: Vec::new() }
    }
}

impl From<&str> for Reason {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}
