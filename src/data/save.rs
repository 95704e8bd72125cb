//! Files that are whole or not there, whatever happens to the process or the machine.

use std::fs::{File, Metadata};
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::leftovers::Listed;
use crate::error::{Error, Result};

/// Writes `bytes` to `path` as a whole: a reader sees the old file or the new one, and a full disk
/// leaves the old one. Folders that are missing are made.
///
/// The bytes go to a temporary file in the same folder, which is synchronised with the disk and
/// then renamed. A file that is replaced keeps its permissions, and one that may not be written is
/// not replaced; a link is followed; a device or a pipe is written to directly.
///
/// # Errors
/// [`Error::Io`] when the folder or the file cannot be written; `path` is then as it was.
pub fn write_atomically(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let io = |e: std::io::Error| Error::io(path, "write", &e);
    let there = std::fs::metadata(path).ok();
    if there.as_ref().is_some_and(|m| !m.is_file() && !m.is_dir()) {
        return std::fs::OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(io);
    }
    if there.is_some() {
        may_be_written(path).map_err(io)?;
    }
    let target = behind_links(path);
    let folder = folder_of(&target);
    std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, "create", &e))?;
    let mut file = temporary(folder, there.as_ref()).map_err(io)?;
    let _listed = Listed::new(file.path());
    file.write_all(bytes).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    file.persist(&target).map_err(|e| io(e.error))?;
    // The new name is on the disk when its folder is. Not every system opens folders; where one
    // cannot, a rename is as durable as it gets.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Whether [`write_atomically`] can write there, so that hours of work do not end at a closed door.
///
/// Nothing is written or made; a pipe is not opened.
///
/// # Errors
/// [`Error::Io`] for a folder, for a file that may not be written, and where no file can be made.
pub fn check_writable(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let io = |e: std::io::Error| Error::io(path, "write", &e);
    match std::fs::metadata(path) {
        Ok(there) if there.is_file() || there.is_dir() => may_be_written(path).map_err(io),
        Ok(_) => Ok(()),
        Err(_) => {
            let target = behind_links(path);
            let ancestors = target.ancestors().skip(1).map(|folder| match folder.as_os_str() {
                empty if empty.is_empty() => Path::new("."),
                _ => folder,
            });
            let there = ancestors.into_iter().find(|folder| folder.exists());
            // A file without a name, which goes when it is closed.
            tempfile::tempfile_in(there.unwrap_or(Path::new("."))).map(drop).map_err(io)
        }
    }
}

/// A rename asks the folder, not the file: without this a file kept from writing would be replaced.
fn may_be_written(path: &Path) -> std::io::Result<()> {
    std::fs::OpenOptions::new().write(true).open(path).map(drop)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The file that a link points to, also one that does not exist yet.
fn behind_links(path: &Path) -> PathBuf {
    if let Ok(target) = std::fs::canonicalize(path) {
        return target;
    }
    match std::fs::read_link(path) {
        Ok(target) => path.parent().unwrap_or(Path::new("")).join(target),
        Err(_) => path.to_owned(),
    }
}

/// A hidden file, which readers of the folder pass over, with the permissions of the file it will
/// replace, or those of any new file.
fn temporary(folder: &Path, replaced: Option<&Metadata>) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".writing-").suffix(".tmp");
    #[cfg(unix)]
    let new_file = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(new_file);
    let file = builder.tempfile_in(folder)?;
    if let Some(replaced) = replaced {
        file.as_file().set_permissions(replaced.permissions())?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("a/b.txt");
        write_atomically(&path, b"one").expect("written");
        write_atomically(&path, b"two").expect("written");
        assert_eq!(std::fs::read(&path).expect("there"), b"two");
        assert_eq!(std::fs::read_dir(path.parent().expect("a")).expect("folder").count(), 1);
    }

    #[test]
    fn a_folder_of_that_name_is_an_error_with_its_path_and_leaves_nothing() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("taken");
        std::fs::create_dir(&path).expect("a folder");
        let error = write_atomically(&path, b"x").expect_err("a folder is there");
        let text = error.to_string();
        assert!(text.contains("write failed") && text.contains("taken"), "{text}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_kept_and_links_followed() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("temporary folder");
        let (path, link) = (folder.path().join("a"), folder.path().join("link"));
        std::fs::write(&path, "one").expect("written");
        let mode = |mode| std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&path, mode(0o640)).expect("permissions");
        std::os::unix::fs::symlink("a", &link).expect("a link");
        write_atomically(&link, b"two").expect("written");
        assert_eq!(std::fs::read(&path).expect("there"), b"two");
        let there = std::fs::metadata(&path).expect("there").permissions();
        assert_eq!(there.mode() & 0o777, 0o640);
        assert!(link.is_symlink());
        std::os::unix::fs::symlink("new", folder.path().join("ahead")).expect("a link");
        write_atomically(folder.path().join("ahead"), b"three").expect("written");
        assert_eq!(std::fs::read(folder.path().join("new")).expect("there"), b"three");
        write_atomically("/dev/null", b"four").expect("a device takes it");
    }

    #[test]
    fn closed_doors_are_found_before_anything_is_made() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (file, below) = (folder.path().join("a"), folder.path().join("a/b.csv"));
        std::fs::write(&file, "one").expect("written");
        check_writable(&file).expect("a file");
        check_writable(folder.path().join("new/deep/c.csv")).expect("folders are made");
        for closed in [folder.path(), &below] {
            let error = check_writable(closed).expect_err("no file can be there");
            assert!(!error.is_bad_input() && error.to_string().contains("write"), "{error}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), 1);
    }
}
