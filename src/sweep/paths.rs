//! Paths as files write them: from the folder of the file.

use std::path::{Component, Path, PathBuf};

/// The folder that a file lies in; empty for the current one.
pub(super) fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

/// `path` as seen from `home`; an absolute path stays as it is.
///
/// `configs` and `../runs` make `runs`, unless `configs` is a link: what lies above is then somewhere
/// else.
pub(super) fn below(home: &Path, path: &Path) -> PathBuf {
    let mut at = home.to_owned();
    let mut parts = path.components().peekable();
    while let Some(Component::ParentDir | Component::CurDir) = parts.peek() {
        let named = at.file_name().is_some() && !at.is_symlink();
        match parts.peek() {
            Some(Component::ParentDir) if !named => break,
            Some(Component::ParentDir) => {
                at.pop();
            }
            _ => {}
        }
        parts.next();
    }
    // An absolute path takes the place of what is before it.
    at.join(parts.collect::<PathBuf>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_start_from_the_folder_of_their_file() {
        for (file, path, expected) in [
            ("a.toml", "runs/x", "runs/x"),
            ("configs/a.toml", "runs/x", "configs/runs/x"),
            ("configs/a.toml", "../runs/x", "runs/x"),
            ("configs/a.toml", "../../runs", "../runs"),
            ("../a.toml", "../runs", "../../runs"),
            ("/srv/a.toml", "../runs", "/runs"),
            ("configs/a.toml", "/srv/runs", "/srv/runs"),
            ("configs/a.toml", "./runs", "configs/runs"),
        ] {
            assert_eq!(below(folder_of(Path::new(file)), Path::new(path)), Path::new(expected));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_not_walked_back_by_its_name() {
        let home = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(home.path().join("far/configs")).expect("made");
        let link = home.path().join("configs");
        std::os::unix::fs::symlink(home.path().join("far/configs"), &link).expect("a link");
        assert_eq!(below(&link, Path::new("../runs")), link.join("../runs"));
    }
}
