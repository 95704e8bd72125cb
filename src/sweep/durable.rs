//! Files that are whole or not there, whatever happens to the process or the machine.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use crate::error::{Error, Result};

/// Writes a file beside its place, has the disk keep it, and renames it: a reader sees the old file
/// or the new one, and a full disk leaves the old one.
///
/// # Errors
/// [`Error::Io`] naming the file.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let io = |e: std::io::Error| Error::io(path, "write", &e);
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written.and_then(|()| std::fs::rename(&temporary, path)) {
        // What could be written of it would only take up the space that is wanting.
        let _ = std::fs::remove_file(&temporary);
        return Err(io(error));
    }
    sync_folder(path)
}

/// Has the disk keep the name of a new or renamed file.
fn sync_folder(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Not every system opens folders; where one cannot, renames are as durable as they get.
    if let Ok(folder) = OpenOptions::new().read(true).open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}
