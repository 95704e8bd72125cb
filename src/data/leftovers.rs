//! Temporary files of this process, so that they go with it also when a signal ends it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

static FILES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn files() -> MutexGuard<'static, Vec<PathBuf>> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file that is on the list as long as this lives.
#[derive(Debug)]
pub(super) struct Listed(PathBuf);

impl Listed {
    pub(super) fn new(path: &Path) -> Self {
        files().push(path.to_owned());
        Self(path.to_owned())
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        files().retain(|path| *path != self.0);
    }
}

/// Deletes them all: for whoever ends the process without unwinding.
#[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "only a command is ended by a signal"))]
pub(crate) fn remove_temporary_files() {
    for path in files().drain(..) {
        // What cannot be deleted is gone, or will be found where temporary files are looked for.
        let _ = std::fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_deleted_and_what_was_taken_off_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let (kept, gone) = (folder.path().join("kept"), folder.path().join("gone"));
        for path in [&kept, &gone] {
            std::fs::write(path, "x").expect("written");
        }
        let _gone = Listed::new(&gone);
        drop(Listed::new(&kept));
        remove_temporary_files();
        assert!(kept.exists() && !gone.exists());
    }
}
