//! Run and sweep files as TOML.

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::{Error, Result, SweepError};

/// The text of a file, and its name for messages.
pub(super) fn text_of(path: &Path) -> Result<(String, String)> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, "reading", &e))?;
    Ok((text, path.display().to_string()))
}

/// What a text says; `path` is for messages.
pub(super) fn from_toml<T: DeserializeOwned>(text: &str, path: &str) -> Result<T, SweepError> {
    toml::from_str(text).map_err(|e| SweepError::File {
        path: path.to_owned(),
        reason: e.to_string().trim_end().to_owned(),
    })
}
