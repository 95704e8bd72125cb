//! Checkpoints: all there is to take up a run again, in one safetensors file, whole or not there.
//!
//! Parameters are under their names, the moments of AdamW under `first.` and `second.` before them.
//! Where the data stream and the schedule stand follows from the step; nothing else is random.

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

/// Version of the file, raised whenever an older one could not be read.
const SCHEMA: u32 = 1;

/// Key of our entry in the file's own metadata.
const KEY: &str = "isoloss";

/// Where and how often a trainer keeps its state.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    /// Folder of the files.
    pub folder: PathBuf,
    /// Shortest time between two; zero for one after every step.
    pub every: Duration,
    /// What is left when a run has ended; `All` keeps `<run>-step<n>.safetensors` from step 0 on.
    pub keep: KeepCheckpoints,
}

/// What is kept besides the arrays.
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

    /// Refuses the state of a run that is not the same up to `step`.
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

    /// The state from which `spec` goes on: its own, else that of its trunk if it has not gone past
    /// this run's decay; `None` to begin afresh.
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
        let bad = |reason: String| -> Error {
            TrainError::Checkpoint { path: path.display().to_string(), reason }.into()
        };
        let (_, header) =
            SafeTensors::read_metadata(&bytes).map_err(|e| bad(format!("damaged: {e}")))?;
        let entry = header.metadata().as_ref().and_then(|m| m.get(KEY));
        let entry = entry.ok_or_else(|| bad(format!("no `{KEY}` in its metadata")))?;
        let position: Position =
            serde_json::from_str(entry).map_err(|e| bad(format!("its metadata: {e}")))?;
        if position.schema != SCHEMA {
            return Err(bad(format!("version {}, not {SCHEMA}", position.schema)));
        }
        position.check(path, spec, corpus)?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| bad(format!("damaged: {e}")))?;
        let (mut model, mut moments) = (BTreeMap::new(), BTreeMap::new());
        for (name, view) in file.tensors() {
            if view.dtype() != Dtype::F32 {
                return Err(bad(format!("`{name}` is not in f32")));
            }
            let (quads, _) = view.data().as_chunks::<4>();
            let values = quads.iter().map(|b| f32::from_le_bytes(*b)).collect();
            let array = Array { shape: view.shape().to_vec(), values };
            let is_moment = name.starts_with("first.") || name.starts_with("second.");
            if is_moment { &mut moments } else { &mut model }.insert(name, array);
        }
        Ok(Some(Kept { position, model, moments }))
    }

    /// What to call a checkpoint whose arrays do not fit the model.
    pub(super) fn misfit(&self, id: &str, name: &str) -> Error {
        let reason = format!("`{name}` is missing or of another shape");
        TrainError::Checkpoint { path: self.file(id).display().to_string(), reason }.into()
    }

    /// Keeps the state of a run.
    pub(super) fn save(&self, kept: &Kept) -> Result<()> {
        let bytes = to_bytes(kept)?;
        let id = &kept.position.spec.id;
        if self.keep == KeepCheckpoints::All {
            self.write(&self.file(&format!("{id}-step{}", kept.position.step)), &bytes)?;
        }
        self.write(&self.file(id), &bytes)
    }

    /// Keeps the state that the longer runs of a trunk go on from.
    pub(super) fn save_trunk(&self, trunk: &str, kept: &Kept) -> Result<()> {
        self.write(&self.trunk_file(trunk), &to_bytes(kept)?)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        std::fs::create_dir_all(&self.folder).map_err(|e| Error::io(&self.folder, "create", &e))?;
        write_atomically(path, bytes)
    }

    /// Removes the state of a run that has ended, unless it is to be kept, and of a trunk.
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
        |reason: String| -> Error { TrainError::Checkpoint { path: id.clone(), reason }.into() };
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
