//! Checkpoints: everything needed to continue a run, in one safetensors file, written whole or not at
//! all.
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
use crate::sweep::{KeepCheckpoints, RunSpec};
use crate::units::Tokens;

/// Version of the file, raised whenever older files can no longer be read.
const SCHEMA: u32 = 1;

/// Key of our entry in the file's own metadata.
const KEY: &str = "isoloss";

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
        // The runs of a trunk differ in name, length and nothing else.
        let common = |spec: &RunSpec| match spec.trunk {
            None => spec.clone(),
            Some(_) => RunSpec {
                id: String::new(),
                tokens: Tokens::new(0.0),
                budget: None,
                ..spec.clone()
            },
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

    /// The file of what the runs of a trunk share.
    fn trunk_file(&self, trunk: &str) -> PathBuf {
        self.file(&format!("trunk-{trunk}"))
    }

    /// The state from which `spec` continues: its own, else that of its trunk if the trunk is not past
    /// the start of this run's decay; `None` to train from the start.
    pub(super) fn load(&self, spec: &RunSpec, corpus_sha256: &str) -> Result<Option<Kept>> {
        if let Some(kept) = self.load_file(&self.file(&spec.id), spec, corpus_sha256)? {
            return Ok(Some(kept));
        }
        let Some(trunk) = &spec.trunk else { return Ok(None) };
        let Some(mut kept) = self.load_file(&self.trunk_file(trunk), spec, corpus_sha256)? else {
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

    fn load_file(&self, path: &Path, spec: &RunSpec, corpus: &str) -> Result<Option<Kept>> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io(path, "reading", &e)),
        };
        let name = path.display().to_string();
        let bad = |reason: String| TrainError::Checkpoint { path: name.clone(), reason };
        let (_, header) =
            SafeTensors::read_metadata(&bytes).map_err(|e| bad(format!("damaged: {e}")))?;
        let entry = header.metadata().as_ref().and_then(|m| m.get(KEY));
        let entry = entry.ok_or_else(|| bad(format!("no `{KEY}` in its metadata")))?;
        let position: Position =
            serde_json::from_str(entry).map_err(|e| bad(format!("its metadata: {e}")))?;
        if position.schema != SCHEMA {
            let found = position.schema;
            return Err(
                TrainError::CheckpointVersion { path: name, found, expected: SCHEMA }.into()
            );
        }
        position.check(path, spec, corpus)?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| bad(format!("damaged: {e}")))?;
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
        Ok(Some(Kept { position, model, moments }))
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
        self.write(&self.file(id), &bytes)
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
        for path in own.into_iter().chain([self.trunk_file(id)]) {
            match std::fs::remove_file(&path) {
                Ok(()) => {}
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(Error::io(&path, "removing", &e)),
            }
        }
        Ok(())
    }
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
    let position = serde_json::to_string(&kept.position).map_err(|e| bad(e.to_string()))?;
    let metadata = HashMap::from([(KEY.to_owned(), position)]);
    serialize(views, Some(metadata)).map_err(|e| bad(e.to_string()))
}

#[cfg(test)]
mod tests;
