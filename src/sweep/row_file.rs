//! The record of one run: its row with what decides that it counts, and a checksum over itself.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::digest::digest_of;
use super::run::{RunResult, RunSpec, RunStatus};
use crate::data::write_atomically;
use crate::error::{Error, Result};

/// What became of a run, as its row file says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRow {
    /// The run.
    pub spec: RunSpec,
    /// Digest of its settings.
    pub settings: String,
    /// Digest of its corpus.
    pub corpus: String,
    /// Identity of its trainer.
    pub trainer: String,
    /// What became of it.
    pub status: RunStatus,
    /// Why, of a run that has not ended by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When this was written, seconds since 1970.
    #[serde(default)]
    pub written_s: f64,
    /// Its row; absent where there is nothing to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<RunResult>,
}

/// Key of the checksum, which covers everything else.
const CHECKSUM: &str = "checksum";

/// A row file as it was found.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Found {
    Whole(Box<RunRow>),
    /// It was not written like this; it now lies under another name.
    Damaged(PathBuf),
    Absent,
}

impl RunRow {
    /// Its row, where the run has ended.
    #[must_use]
    pub fn ended(&self) -> Option<&RunResult> {
        self.row.as_ref().filter(|_| self.status.is_ended())
    }

    /// Writes the file whole or not at all.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let io = |e: serde_json::Error| Error::io(path, "write", &e.into());
        let mut value = serde_json::to_value(self).map_err(io)?;
        let checksum = digest_of(&value);
        if let Some(fields) = value.as_object_mut() {
            fields.insert(CHECKSUM.to_owned(), checksum.into());
        }
        let mut text = serde_json::to_string(&value).map_err(io)?;
        text.push('\n');
        write_atomically(path, text.as_bytes())
    }

    /// Reads the file.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(parse(&bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io(path, "reading", &e)),
        }
    }

    /// Removes the file, where there is one.
    pub(super) fn remove(path: &Path) -> Result<()> {
        match std::fs::remove_file(path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io(path, "removing", &e))
            }
            _ => Ok(()),
        }
    }

    /// Reads the file, and sets it aside where it is damaged.
    pub(super) fn find(path: &Path) -> Result<Found> {
        if let Some(row) = Self::read(path)? {
            return Ok(Found::Whole(Box::new(row)));
        }
        if !path.exists() {
            return Ok(Found::Absent);
        }
        let aside = set_aside(path)?;
        Ok(Found::Damaged(aside))
    }
}

/// Gives a damaged file a name that nothing reads.
pub(crate) fn set_aside(path: &Path) -> Result<PathBuf> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".damaged");
    let aside = path.with_file_name(name);
    std::fs::rename(path, &aside).map_err(|e| Error::io(path, "renaming", &e))?;
    Ok(aside)
}

/// What was written, or nothing where any of it has changed.
fn parse(bytes: &[u8]) -> Option<RunRow> {
    let mut value: Value = serde_json::from_slice(bytes).ok()?;
    let checksum = value.as_object_mut()?.remove(CHECKSUM)?;
    (checksum == digest_of(&value)).then(|| serde_json::from_value(value).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::SweepConfig;

    fn row() -> RunRow {
        let text = "name = \"a\"\n[[cell]]\nflops = 1e9\nshapes = [[1, 16, 1]]\n";
        let spec = SweepConfig::parse(text, "a.toml").expect("valid").runs().swap_remove(0);
        RunRow {
            spec,
            settings: "s".into(),
            corpus: "c".into(),
            trainer: "t".into(),
            status: RunStatus::Failed,
            reason: Some("no room".into()),
            written_s: 1e9,
            row: None,
        }
    }

    #[test]
    fn a_change_of_any_letter_is_found_and_the_file_set_aside() {
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("a.json");
        row().write(&path).expect("written");
        assert_eq!(RunRow::find(&path).expect("read"), Found::Whole(Box::new(row())));
        let bytes = std::fs::read(&path).expect("there");
        let end = bytes.len() - 1;
        for at in 0..end {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert_eq!(parse(&other), None, "byte {at}");
        }
        std::fs::write(&path, &bytes[..end / 2]).expect("written");
        let Found::Damaged(aside) = RunRow::find(&path).expect("read") else { panic!("damaged") };
        assert_eq!(aside, home.path().join("a.json.damaged"));
        assert!(!path.exists() && aside.exists());
        assert_eq!(RunRow::find(&path).expect("read"), Found::Absent);
    }
}
