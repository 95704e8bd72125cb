//! The shared folder of reference data and published facts.

use std::path::PathBuf;

/// The shared folder, or `None` with one line on stderr naming what is skipped.
pub(crate) fn shared_folder(what: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("ISOLOSS_SHARED").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: {what} (set ISOLOSS_SHARED)");
    }
    folder
}
