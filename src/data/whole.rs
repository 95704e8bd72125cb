//! Small files read as a whole, pipes and standard input among them.

use std::path::Path;

use super::pipes::piped;
use crate::error::{Error, Result};

/// The text of a file, of a pipe, or of standard input for `-`.
///
/// # Errors
/// [`Error::Io`] for what cannot be read or is no UTF-8, as
/// [`DataError::Unreadable`](crate::error::DataError::Unreadable) for a pipe that stays silent.
pub fn read_text(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let pipe = piped(path)?;
    let place = pipe.as_ref().map_or(path, |pipe| pipe.place());
    std::fs::read_to_string(place).map_err(|e| Error::io(path, "read", &e))
}
