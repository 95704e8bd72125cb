//! Questions to a law of C, of N or of D alone.

use std::path::Path;

use super::law::whole;
use crate::error::{FitError, Result};
use crate::fit::OneQuantityFit;

/// Reads a law of one quantity that was saved; `None` where the file holds another law.
///
/// # Errors
/// [`FitError::Artifact`] for a file that cannot be read or is damaged.
pub fn load_one_quantity(path: &Path) -> Result<Option<OneQuantityFit>> {
    let shown = path.display().to_string();
    let text = whole(path).map_err(|reason| FitError::Artifact { path: shown.clone(), reason })?;
    Ok(OneQuantityFit::of_json(&shown, &text)?)
}
