//! Sources of the crates this program was built from, as text.
//!
//! `data/first-light` was trained on them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::data::read_texts;
use crate::error::{Result, TrainError};

/// Crates whose sources are the training documents: large, hand-written for the most part,
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

/// Crates whose sources are the validation documents: of the same families, never trained on.
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
const MOST_BYTES_PER_FILE: usize = 256 * 1024;

/// Documents for training and for validation, as cargo unpacked them under `registry`.
pub(super) fn read(registry: &Path) -> Result<[Vec<Vec<u8>>; 2]> {
    Ok([documents(registry, &TRAINING_CRATES)?, documents(registry, &VALIDATION_CRATES)?])
}

/// Name of this corpus in logs.
pub(super) fn name() -> String {
    format!("sources of {} pinned crates", TRAINING_CRATES.len())
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

fn documents(registry: &Path, names: &[&str]) -> Result<Vec<Vec<u8>>> {
    const LOCK: &str = include_str!("../../../Cargo.lock");
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
        let read = read_texts(&root, "text")?;
        let kept = read.texts.into_iter().filter(|d| d.origin.ends_with(".rs"));
        documents.extend(kept.map(|d| d.text).filter(|t| t.len() <= MOST_BYTES_PER_FILE));
    }
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_crate_is_pinned_in_one_version() {
        let lock = include_str!("../../../Cargo.lock");
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
