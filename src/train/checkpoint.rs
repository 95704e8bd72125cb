//! Checkpoints: everything needed to continue a run, in one safetensors file, written whole or not at
//! all.
//!
//! A checksum covers every byte of it: a damaged file is set aside, and the one before it is used. A
//! disk that flips a bit must not look like a run that diverged.
//!
//! Parameters are stored under their names, the moments of AdamW with `first.` and `second.` in front.
//! The position in the data and in the schedule follows from the step; nothing else is random.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use serde::{Deserialize, Serialize};

use super::params::Array;
use crate::data::write_atomically;
use crate::error::{Error, Result, TrainError};
use crate::sweep::{KeepCheckpoints, Part, RunSpec, set_aside};
use crate::units::Tokens;

/// Version of the file, raised whenever older files can no longer be read.
const SCHEMA: u32 = 2;

/// Key of our entry in the file's own metadata.
const KEY: &str = "isoloss";

/// A checksum that is not known yet, CRC-32C of the file with this in its place.
const BLANK: &str = "00000000";

/// Where and how often a trainer keeps its state.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    /// Folder of the files.
    pub folder: PathBuf,
    /// Shortest time between two; zero for a checkpoint after every step.
    pub every: Duration,
    /// Which are kept when a run has ended; `All` keeps `<run>-step<n>.safetensors` from step 0 on.
    pub keep: KeepCheckpoints,
}

/// What a checkpoint holds besides the arrays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Position {
    pub(super) schema: u32,
    pub(super) spec: RunSpec,
    pub(super) corpus_sha256: String,
    /// Steps taken.
    pub(super) step: u64,
    /// Steps that another run took.
    pub(super) shared_steps: u64,
    pub(super) elapsed_s: f64,
}

/// A checkpoint in memory.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) position: Position,
    pub(super) model: BTreeMap<String, Array>,
    pub(super) moments: BTreeMap<String, Array>,
}

impl Position {
    pub(super) fn new(spec: &RunSpec, corpus_sha256: &str) -> Self {
        Self {
            schema: SCHEMA,
            spec: spec.clone(),
            corpus_sha256: corpus_sha256.to_owned(),
            step: 0,
            shared_steps: 0,
            elapsed_s: 0.0,
        }
    }

    /// Refuses the state of a run that is not the same run up to `step`.
    fn check(&self, path: &Path, spec: &RunSpec, corpus_sha256: &str) -> Result<()> {
        // The runs of a trunk differ in name, length and nothing else; what a run is for, and whether
        // it shares its steps, changes none of them.
        let common = |spec: &RunSpec| {
            let (budget, trunk, part) = (None, None, Part::Main);
            let plain = RunSpec { budget, trunk, part, ..spec.clone() };
            match spec.trunk {
                None => plain,
                Some(_) => RunSpec { id: String::new(), tokens: Tokens::new(0.0), ..plain },
            }
        };
        let what = match () {
            () if common(&self.spec) != common(spec) => "configuration",
            () if self.corpus_sha256 != corpus_sha256 => "corpus",
            () => return Ok(()),
        };
        Err(TrainError::ForeignCheckpoint { path: path.display().to_string(), what }.into())
    }
}

impl Checkpoints {
    /// The file of a run or trunk.
    fn file(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.safetensors"))
    }

    /// The file before it.
    fn file_before(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.before.safetensors"))
    }

    /// A file that is whole, and not yet in its place.
    fn file_next(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.safetensors.next"))
    }

    /// The file of what the runs of a trunk share.
    fn trunk_file(&self, trunk: &str) -> PathBuf {
        self.file(&format!("trunk-{trunk}"))
    }

    /// The state from which `spec` continues: its own, else the one before, else that of its trunk if
    /// the trunk is not past the start of this run's decay; `None` to train from the start.
    ///
    /// A damaged file is set aside, and said in `notes`.
    pub(super) fn load(
        &self,
        spec: &RunSpec,
        corpus_sha256: &str,
        notes: &mut Vec<String>,
    ) -> Result<Option<Kept>> {
        for path in [self.file(&spec.id), self.file_before(&spec.id)] {
            if let Some(kept) = load_file(&path, spec, corpus_sha256, notes)? {
                return Ok(Some(kept));
            }
        }
        let Some(trunk) = &spec.trunk else { return Ok(None) };
        let trunk = self.trunk_file(trunk);
        let Some(mut kept) = load_file(&trunk, spec, corpus_sha256, notes)? else {
            return Ok(None);
        };
        if kept.position.step > spec.recipe.steps_before_decay(spec.steps()) {
            return Ok(None);
        }
        kept.position.shared_steps = kept.position.step;
        kept.position.elapsed_s = 0.0;
        kept.position.spec = spec.clone();
        Ok(Some(kept))
    }

    /// The error of a checkpoint whose array `name` does not fit the model.
    pub(super) fn misfit(&self, id: &str, name: &str) -> Error {
        let path = self.file(id).display().to_string();
        let problem = "is missing or has another shape than in the model";
        TrainError::CheckpointArray { path, array: name.to_owned(), problem }.into()
    }

    /// Writes the state of a run.
    pub(super) fn save(&self, kept: &Kept) -> Result<()> {
        let bytes = to_bytes(kept)?;
        let id = &kept.position.spec.id;
        if self.keep == KeepCheckpoints::All {
            self.write(&self.file(&format!("{id}-step{}", kept.position.step)), &bytes)?;
        }
        // The old one gives way only when the new one is whole.
        let (now, next) = (self.file(id), self.file_next(id));
        self.write(&next, &bytes)?;
        for (from, to) in [(&now, &self.file_before(id)), (&next, &now)] {
            match std::fs::rename(from, to) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io(from, "renaming", &e));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes the state from which the longer runs of a trunk continue.
    pub(super) fn save_trunk(&self, trunk: &str, kept: &Kept) -> Result<()> {
        self.write(&self.trunk_file(trunk), &to_bytes(kept)?)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        std::fs::create_dir_all(&self.folder).map_err(|e| Error::io(&self.folder, "create", &e))?;
        write_atomically(path, bytes)
    }

    /// Removes the state of a run that has ended, unless it must be kept, and of a trunk.
    pub(super) fn forget(&self, id: &str) -> Result<()> {
        let own = (self.keep == KeepCheckpoints::None).then(|| self.file(id));
        for path in
            own.into_iter().chain([self.file_before(id), self.file_next(id), self.trunk_file(id)])
        {
            match std::fs::remove_file(&path) {
                Ok(()) => {}
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(Error::io(&path, "removing", &e)),
            }
        }
        Ok(())
    }
}

/// What a file holds; `None` when there is none, or it was damaged and set aside.
fn load_file(
    path: &Path,
    spec: &RunSpec,
    corpus: &str,
    notes: &mut Vec<String>,
) -> Result<Option<Kept>> {
    let mut bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io(path, "reading", &e)),
    };
    match parse(&mut bytes, path) {
        Ok((position, model, moments)) => {
            position.check(path, spec, corpus)?;
            Ok(Some(Kept { position, model, moments }))
        }
        Err(Error::Train(TrainError::Checkpoint { reason, .. })) => {
            let aside = set_aside(path)?;
            notes.push(format!(
                "checkpoint {} is damaged ({reason}); set aside as {}, and the run goes on from an earlier state",
                path.display(),
                aside.display()
            ));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

type Arrays = BTreeMap<String, Array>;

/// Position, parameters and moments, if every byte is as it was written.
fn parse(bytes: &mut [u8], path: &Path) -> Result<(Position, Arrays, Arrays)> {
    let name = path.display().to_string();
    let bad = |reason: String| TrainError::Checkpoint { path: name.clone(), reason };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| bad(e.to_string()))?;
    let entry = header.metadata().as_ref().and_then(|m| m.get(KEY));
    let entry = entry.ok_or_else(|| bad(format!("no `{KEY}` in its metadata")))?;
    let mark: Mark = serde_json::from_str(entry).map_err(|e| bad(e.to_string()))?;
    let other_version = || {
        let (path, found) = (name.clone(), mark.schema);
        Err(TrainError::CheckpointVersion { path, found, expected: SCHEMA }.into())
    };
    match &mark.crc32c {
        // Files of before had none.
        None if mark.schema < SCHEMA => return other_version(),
        None => return Err(bad("it has no checksum".to_owned()).into()),
        Some(sum) => {
            let place = place_of(bytes, sum).ok_or_else(|| bad("no checksum".to_owned()))?;
            bytes[place..place + sum.len()].copy_from_slice(BLANK.as_bytes());
            if format!("{:08x}", crc32c::crc32c(bytes)) != *sum {
                return Err(bad("it is not as it was written".to_owned()).into());
            }
        }
    }
    if mark.schema != SCHEMA {
        return other_version();
    }
    let position: Position = serde_json::from_str(entry).map_err(|e| bad(e.to_string()))?;
    let file = SafeTensors::deserialize(bytes).map_err(|e| bad(e.to_string()))?;
    let (mut model, mut moments) = (BTreeMap::new(), BTreeMap::new());
    for (array, view) in file.tensors() {
        if view.dtype() != Dtype::F32 {
            let problem = "is not stored in f32";
            return Err(TrainError::CheckpointArray { path: name, array, problem }.into());
        }
        let (quads, _) = view.data().as_chunks::<4>();
        let values = quads.iter().map(|b| f32::from_le_bytes(*b)).collect();
        let is_moment = array.starts_with("first.") || array.starts_with("second.");
        let stored = Array { shape: view.shape().to_vec(), values };
        if is_moment { &mut moments } else { &mut model }.insert(array, stored);
    }
    Ok((position, model, moments))
}

/// What must be known before the rest can be believed.
#[derive(Deserialize)]
struct Mark {
    schema: u32,
    crc32c: Option<String>,
}

/// What is written of a position.
#[derive(Serialize)]
struct Entry<'a> {
    #[serde(flatten)]
    position: &'a Position,
    crc32c: &'static str,
}

/// Where the value of the checksum lies in the header, whose JSON holds ours as text.
fn place_of(bytes: &[u8], sum: &str) -> Option<usize> {
    let entry = format!(r#"\"crc32c\":\"{sum}\""#);
    let at = memchr::memmem::find(bytes, entry.as_bytes()).filter(|_| sum.len() == BLANK.len())?;
    Some(at + entry.len() - 2 - sum.len())
}

fn to_bytes(kept: &Kept) -> Result<Vec<u8>> {
    let id = &kept.position.spec.id;
    let bad =
        |reason: String| -> Error { TrainError::CheckpointForm { run: id.clone(), reason }.into() };
    let arrays = kept.model.iter().chain(&kept.moments);
    let raw: Vec<(&String, &Array, Vec<u8>)> = arrays
        .map(|(name, array)| {
            let bytes = array.values.iter().flat_map(|v| v.to_le_bytes()).collect();
            (name, array, bytes)
        })
        .collect();
    let views = raw
        .iter()
        .map(|(name, array, bytes)| {
            let view = TensorView::new(Dtype::F32, array.shape.clone(), bytes);
            view.map(|view| (name.as_str(), view)).map_err(|e| bad(e.to_string()))
        })
        .collect::<Result<Vec<_>>>()?;
    let entry = Entry { position: &kept.position, crc32c: BLANK };
    let entry = serde_json::to_string(&entry).map_err(|e| bad(e.to_string()))?;
    let metadata = HashMap::from([(KEY.to_owned(), entry)]);
    let mut bytes = serialize(views, Some(metadata)).map_err(|e| bad(e.to_string()))?;
    let sum = format!("{:08x}", crc32c::crc32c(&bytes));
    let place = place_of(&bytes, BLANK).ok_or_else(|| bad("no room for a checksum".to_owned()))?;
    bytes[place..place + sum.len()].copy_from_slice(sum.as_bytes());
    Ok(bytes)
}

#[cfg(test)]
mod tests;
