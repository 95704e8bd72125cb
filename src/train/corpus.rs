//! Text as bytes, split in training and validation without leakage.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use rand::seq::SliceRandom;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result, TrainError};
use crate::sweep::stream;

/// Crates whose sources make the default training text: large, hand-written for the most part,
/// compiled on every platform, one version each in Cargo.lock.
const TRAINING_CRATES: [&str; 49] = [
    "aho-corasick",
    "argmin",
    "argminmax",
    "burn-autodiff",
    "burn-backend",
    "burn-core",
    "burn-flex",
    "burn-ir",
    "burn-nn",
    "burn-std",
    "burn-tensor",
    "chrono",
    "clap_builder",
    "compact_str",
    "crossbeam-channel",
    "gemm-common",
    "half",
    "indicatif",
    "macerator",
    "memchr",
    "minijinja",
    "mio",
    "nalgebra",
    "num-dual",
    "plotters",
    "polars",
    "polars-arrow",
    "polars-compute",
    "polars-core",
    "polars-dtype",
    "polars-io",
    "polars-ops",
    "polars-parquet",
    "polars-schema",
    "polars-utils",
    "rayon",
    "rayon-core",
    "regex",
    "regex-automata",
    "serde",
    "serde_core",
    "serde_derive",
    "serde_json",
    "simba",
    "slotmap",
    "sysinfo",
    "tokio",
    "toml",
    "ttf-parser",
];

/// Crates kept for validation: of the same families and trades, never seen in training.
const VALIDATION_CRATES: [&str; 9] = [
    "argmin-math",
    "burn-optim",
    "bytes",
    "comfy-table",
    "indexmap",
    "num-traits",
    "uuid",
    "polars-row",
    "socket2",
];

/// Larger files are generated tables more often than code.
const MOST_BYTES_PER_FILE: u64 = 256 * 1024;

/// Seed of the document order, which is part of the corpus and not of a run.
const ORDER_SEED: u64 = 0x1501_055E;

/// Share of the groups of a folder, or of a single file, that is kept for validation.
const VALIDATION_SHARE: f64 = 0.05;

/// Where text comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Sources of the crates pinned in Cargo.lock, as cargo unpacked them to build this program.
    CrateSources {
        /// `$CARGO_HOME/registry/src`.
        registry: PathBuf,
    },
    /// A text file, or a folder of them.
    Path(PathBuf),
}

/// Training and validation text.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// Name for logs.
    pub name: String,
    /// Training text, one byte a token, documents separated by a zero byte.
    pub train: Vec<u8>,
    /// Validation text, from groups that share no document with the training text.
    pub validation: Vec<u8>,
    /// SHA-256 of the training length and both texts, in their order.
    pub sha256: String,
}

struct Document {
    /// Documents of one group never straddle the split.
    group: String,
    text: Vec<u8>,
}

impl Corpus {
    /// Reads a corpus: exact duplicates dropped, documents in a fixed shuffled order.
    ///
    /// # Errors
    /// [`TrainError::MissingCrate`] when a crate is not unpacked, [`TrainError::NoText`] when the
    /// path holds no text.
    pub fn read(source: &Source) -> Result<Self> {
        match source {
            Source::CrateSources { registry } => {
                let training = crate_documents(registry, &TRAINING_CRATES)?;
                let validation = crate_documents(registry, &VALIDATION_CRATES)?;
                let name = format!("sources of {} pinned crates", TRAINING_CRATES.len());
                Ok(Self::assemble(name, training, validation))
            }
            Source::Path(path) => {
                let documents = path_documents(path)?;
                let (training, validation) = split_by_group(documents);
                Ok(Self::assemble(path.display().to_string(), training, validation))
            }
        }
    }

    fn assemble(name: String, mut training: Vec<Document>, validation: Vec<Document>) -> Self {
        let mut seen = HashSet::new();
        // Validation first, so that a copy of one of its documents is dropped from training.
        let validation: Vec<Document> =
            validation.into_iter().filter(|d| seen.insert(Sha256::digest(&d.text))).collect();
        training.retain(|d| seen.insert(Sha256::digest(&d.text)));
        training.shuffle(&mut stream(ORDER_SEED, 0));
        let join = |documents: &[Document]| {
            let mut text = Vec::new();
            for document in documents {
                text.extend_from_slice(&document.text);
                text.push(0);
            }
            text
        };
        let (train, validation) = (join(&training), join(&validation));
        let mut hash = Sha256::new();
        // The length marks where the split is: the same bytes cut elsewhere are another corpus.
        hash.update((train.len() as u64).to_le_bytes());
        hash.update(&train);
        hash.update(&validation);
        let sha256 = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        Self { name, train, validation, sha256 }
    }
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<LockedPackage>,
}

#[derive(Deserialize)]
struct LockedPackage {
    name: String,
    version: String,
}

fn crate_documents(registry: &Path, names: &[&str]) -> Result<Vec<Document>> {
    const LOCK: &str = include_str!("../../Cargo.lock");
    let lock: Lock = toml::from_str(LOCK).expect("the lock file this crate was built with parses");
    let versions: BTreeMap<&str, &str> =
        lock.package.iter().map(|p| (p.name.as_str(), p.version.as_str())).collect();
    let indexes: Vec<PathBuf> = std::fs::read_dir(registry)
        .map(|entries| entries.flatten().map(|e| e.path()).collect())
        .unwrap_or_default();
    let mut documents = Vec::new();
    for name in names {
        let package = format!("{name}-{}", versions.get(name).copied().unwrap_or("?"));
        let root = indexes.iter().map(|i| i.join(&package)).find(|p| p.is_dir());
        let root = root.ok_or_else(|| TrainError::MissingCrate {
            package: package.clone(),
            path: registry.display().to_string(),
        })?;
        for path in files_below(&root)? {
            let is_rust = path.extension().is_some_and(|e| e == "rs");
            let small = path.metadata().is_ok_and(|m| m.len() <= MOST_BYTES_PER_FILE);
            if is_rust && small {
                documents.extend(document(&path, name)?);
            }
        }
    }
    Ok(documents)
}

fn path_documents(path: &Path) -> Result<Vec<Document>> {
    let files = if path.is_dir() { files_below(path)? } else { vec![path.to_owned()] };
    let mut documents = Vec::new();
    for file in &files {
        let label = file.strip_prefix(path).unwrap_or(file).display().to_string();
        documents.extend(document(file, &label)?);
    }
    if documents.is_empty() {
        return Err(TrainError::NoText { path: path.display().to_string() }.into());
    }
    Ok(documents)
}

/// A file as a document; `None` when it is empty or no text.
fn document(path: &Path, group: &str) -> Result<Option<Document>> {
    let text = std::fs::read(path).map_err(|e| Error::io(path, "reading", &e))?;
    let is_text = !text.is_empty() && !text.contains(&0) && std::str::from_utf8(&text).is_ok();
    Ok(is_text.then(|| Document { group: group.to_owned(), text }))
}

/// Every file below `root`, ordered by the parts of its path, so that all machines agree.
fn files_below(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let io = |e: std::io::Error| Error::io(&folder, "reading the folder", &e);
        for entry in std::fs::read_dir(&folder).map_err(io)? {
            let entry = entry.map_err(io)?;
            // Links are not followed: they could leave the folder or run in circles.
            let kind = entry.file_type().map_err(io)?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    // `Path` compares part by part, whatever the separator.
    files.sort();
    Ok(files)
}

/// Groups whose name hashes low go to validation; a single document gives its tail.
fn split_by_group(mut documents: Vec<Document>) -> (Vec<Document>, Vec<Document>) {
    if let [only] = documents.as_mut_slice() {
        let cut = (only.text.len() as f64 * (1.0 - VALIDATION_SHARE)) as usize;
        let tail = Document { group: only.group.clone(), text: only.text.split_off(cut) };
        return (documents, vec![tail]);
    }
    let rank = |d: &Document| {
        let hash = Sha256::digest(d.group.as_bytes());
        u64::from_be_bytes(std::array::from_fn(|i| hash[i]))
    };
    let limit = (u64::MAX as f64 * VALIDATION_SHARE) as u64;
    // At least one group on the validation side, and at least one left for training.
    let lowest = documents.iter().map(rank).min().unwrap_or(0);
    let highest = documents.iter().map(rank).max().unwrap_or(0);
    documents.into_iter().partition(|d| {
        let rank = rank(d);
        rank == highest || (rank > limit && rank != lowest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("temporary folder");
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        folder
    }

    #[test]
    fn a_folder_splits_by_file_and_drops_copies() {
        let files: Vec<(String, String)> =
            (0..40).map(|i| (format!("{i}.txt"), format!("document {}", i % 30))).collect();
        let pairs: Vec<(&str, &str)> =
            files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let folder = folder(&pairs);
        let corpus = Corpus::read(&Source::Path(folder.path().to_owned())).expect("text");
        let documents = |text: &[u8]| -> HashSet<Vec<u8>> {
            text.split(|b| *b == 0).filter(|d| !d.is_empty()).map(<[u8]>::to_vec).collect()
        };
        let (train, validation) = (documents(&corpus.train), documents(&corpus.validation));
        assert!(train.is_disjoint(&validation));
        assert_eq!(train.len() + validation.len(), 30);
        assert!(!validation.is_empty() && !train.is_empty());
        let again = Corpus::read(&Source::Path(folder.path().to_owned())).expect("text");
        assert_eq!(again.sha256, corpus.sha256);
    }

    #[test]
    fn one_file_gives_its_tail_to_validation() {
        let folder = folder(&[("a.txt", &"x".repeat(1000))]);
        let corpus = Corpus::read(&Source::Path(folder.path().join("a.txt"))).expect("text");
        assert_eq!((corpus.train.len(), corpus.validation.len()), (951, 51));
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let folder = folder(&[("empty.txt", "")]);
        assert!(Corpus::read(&Source::Path(folder.path().to_owned())).is_err());
        assert!(Corpus::read(&Source::Path(folder.path().join("missing"))).is_err());
    }

    #[test]
    fn every_crate_is_pinned_in_one_version() {
        let lock = include_str!("../../Cargo.lock");
        for name in TRAINING_CRATES.iter().chain(&VALIDATION_CRATES) {
            let line = format!("\nname = \"{name}\"\n");
            assert_eq!(lock.matches(&line).count(), 1, "{name}");
        }
    }

    #[test]
    fn no_crate_serves_both_sides() {
        let train: HashSet<_> = TRAINING_CRATES.iter().collect();
        assert!(VALIDATION_CRATES.iter().all(|c| !train.contains(c)));
        assert_eq!(train.len(), TRAINING_CRATES.len());
    }
}
