//! What a sweep is trained on, as one digest: of the description, and of the bytes of its files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::corpus_spec::{CorpusSource, CorpusSpec};
use super::digest::{digest_of, hex};
use crate::data::write_atomically;
use crate::error::{Error, Result};

/// The digest of a corpus, with what it was made from.
///
/// Where the files lie does not count, what is in them does, and their names where there are several:
/// they decide the order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CorpusKey {
    /// SHA-256.
    pub digest: String,
    /// Digest of the description alone.
    description: String,
    /// The files by name, to see cheaply whether they may have changed.
    files: BTreeMap<String, Stamp>,
}

/// Size and time of a file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Stamp {
    bytes: u64,
    changed_s: f64,
}

impl CorpusKey {
    /// Reads every byte of the files of a corpus; a source that is drawn has none.
    ///
    /// # Errors
    /// [`Error::Io`] when one cannot be read.
    pub fn read(spec: &CorpusSpec) -> Result<Self> {
        let mut hash = Sha256::new();
        let mut files = BTreeMap::new();
        for (name, path) in listed(spec)? {
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(&name);
            let mut of_file = Sha256::new();
            let bytes = feed(&path, &mut of_file)?;
            hash.update(of_file.finalize());
            let stamp = Stamp { bytes, ..stamp(&path)? };
            files.insert(name, stamp);
        }
        let description = description(spec);
        let digest = digest_of(&serde_json::json!([description, hex(hash)]));
        Ok(Self { digest, description, files })
    }

    /// The key that was kept in a file, if the corpus has not changed since by sizes and times; it is
    /// read otherwise. `None` where it cannot be read.
    #[must_use]
    pub fn kept_or_read(spec: &CorpusSpec, path: &Path) -> Option<Self> {
        let kept = std::fs::read(path).ok().and_then(|b| serde_json::from_slice::<Self>(&b).ok());
        let kept = kept.filter(|kept| kept.description == description(spec));
        match (listed(spec), kept) {
            // The corpus is not on this machine: what was trained on it still counts.
            (Err(_), kept) => kept,
            (Ok(files), Some(kept)) if kept.has(&files) => Some(kept),
            (Ok(_), _) => Self::read(spec).ok(),
        }
    }

    fn has(&self, files: &[(String, PathBuf)]) -> bool {
        files.len() == self.files.len()
            && files.iter().all(|(name, path)| stamp(path).ok().as_ref() == self.files.get(name))
    }

    /// Keeps it in a file.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be written.
    pub fn keep(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec(self).map_err(|e| Error::io(path, "write", &e.into()))?;
        write_atomically(path, &text)
    }
}

/// Digest of a description without places.
fn description(spec: &CorpusSpec) -> String {
    let mut plain = spec.clone();
    plain.path = None;
    if plain.tokenizer_file().is_some() {
        plain.tokenizer = "file".to_owned();
    }
    let source = match spec.source() {
        // Without a source in the file, the source is still known.
        CorpusSource::Synthetic(source) => {
            plain.synthetic = Some(source);
            "synthetic"
        }
        CorpusSource::Path(_) => "path",
        CorpusSource::Crates => "crates",
    };
    digest_of(&serde_json::json!([source, plain]))
}

/// The files of a corpus: names that do not depend on where they lie, and paths; sorted.
fn listed(spec: &CorpusSpec) -> Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    if let CorpusSource::Path(root) = spec.source() {
        let io = |e: walkdir::Error| {
            let path = e.path().unwrap_or(root).to_owned();
            Error::io(&path, "reading", &e.into())
        };
        let walk = WalkDir::new(root).follow_links(true).sort_by_file_name();
        let hidden = |e: &walkdir::DirEntry| {
            e.depth() > 0 && e.file_name().to_string_lossy().starts_with('.')
        };
        for entry in walk.into_iter().filter_entry(|e| !hidden(e)) {
            let entry = entry.map_err(io)?;
            if !entry.file_type().is_dir() {
                let below = entry.path().strip_prefix(root).unwrap_or(entry.path());
                files.push((below.display().to_string(), entry.into_path()));
            }
        }
    }
    let tokenizer = spec.tokenizer_file().filter(|_| spec.path.is_some() || spec.crates);
    files.extend(tokenizer.map(|path| ("the tokenizer".to_owned(), path.to_owned())));
    Ok(files)
}

fn stamp(path: &Path) -> Result<Stamp> {
    let io = |e: std::io::Error| Error::io(path, "reading", &e);
    let there = std::fs::metadata(path).map_err(io)?;
    let changed = there.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
    Ok(Stamp { bytes: there.len(), changed_s: changed.map_or(0.0, |since| since.as_secs_f64()) })
}

/// Adds the bytes of a file to a digest; returns how many there are.
pub(super) fn feed(path: &Path, hash: &mut Sha256) -> Result<u64> {
    let io = |e: std::io::Error| Error::io(path, "reading", &e);
    let mut file = File::open(path).map_err(io)?;
    let mut part = vec![0; 1 << 20];
    let mut total = 0;
    loop {
        match file.read(&mut part).map_err(io)? {
            0 => return Ok(total),
            n => {
                hash.update(&part[..n]);
                total += n as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &Path) -> String {
        let spec = CorpusSpec { path: Some(path.to_owned()), ..CorpusSpec::default() };
        CorpusKey::read(&spec).expect("read").digest
    }

    #[test]
    fn bytes_and_settings_count_and_places_do_not() {
        let home = tempfile::tempdir().expect("a folder");
        let at = |name: &str| home.path().join(name);
        for folder in ["one", "two"] {
            std::fs::create_dir(at(folder)).expect("made");
            for (name, text) in [("a.txt", "some text"), ("b.txt", "more")] {
                std::fs::write(at(folder).join(name), text).expect("written");
            }
        }
        let before = of(&at("one"));
        assert_eq!(of(&at("two")), before, "where it lies does not count");
        std::fs::write(at("two/a.txt"), "some texT").expect("written");
        assert_ne!(of(&at("two")), before, "one letter does");
        let spec = CorpusSpec { path: Some(at("one")), ..CorpusSpec::default() };
        let other = CorpusSpec { validation_fraction: 0.1, ..spec.clone() };
        assert_ne!(CorpusKey::read(&other).expect("read").digest, before);
        let kept = at("key.json");
        CorpusKey::read(&spec).expect("read").keep(&kept).expect("written");
        std::fs::remove_dir_all(at("one")).expect("removed");
        let found = CorpusKey::kept_or_read(&spec, &kept).expect("it was kept");
        assert_eq!(found.digest, before, "a corpus that is elsewhere now");
        assert_eq!(CorpusKey::kept_or_read(&other, &kept), None);
    }

    #[test]
    fn a_source_that_is_not_named_is_the_one_that_is_meant() {
        let named = CorpusSpec {
            synthetic: Some(crate::sweep::SyntheticSpec::default()),
            ..CorpusSpec::default()
        };
        let key = |spec| CorpusKey::read(&spec).expect("no files").digest;
        assert_eq!(key(named), key(CorpusSpec::default()));
    }
}
