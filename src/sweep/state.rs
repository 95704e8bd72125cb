//! What a sweep wants and what has become of it, decided by content alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::corpus_key::{CorpusKey, feed};
use super::design::SweepConfig;
use super::digest::{compare, digest_of, hex, settings_digest, settings_of, short, stem};
use super::folder::SweepFolder;
use super::paths::below;
use super::row_file::RunRow;
use super::run::{Part, RunResult, RunSpec};
use super::step_log::write_line;
use super::unit::{Unit, UnitRun};
use crate::data::write_atomically;
use crate::error::{Error, Result};
use crate::units::Tokens;

/// Rounds of runs that follow from the rows of runs before; a file that asks for more asks in a circle.
const MOST_ROUNDS: usize = 100;

/// A sweep with the records of its runs.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepState {
    /// Digest of the corpus; empty where it cannot be read and is not known from before.
    pub corpus: String,
    /// Identity of the trainer.
    pub trainer: String,
    /// The runs that are wanted so far, in order.
    pub wanted: Vec<UnitRun>,
    /// Records of wanted runs, by the name of their files.
    pub rows: BTreeMap<String, RunRow>,
    /// Records of runs that are not wanted any more.
    pub superseded: Vec<Superseded>,
    /// Records that are not as they were written.
    pub damaged: Vec<PathBuf>,
}

/// A run that was trained with other settings than the file now asks for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Superseded {
    /// Its id.
    pub run: String,
    /// Its final loss, nats per token.
    pub loss_nats: Option<f64>,
    /// The settings that differ; empty when the file has no run of that name.
    pub differs: Vec<String>,
}

impl SweepState {
    /// Reads the folder of a sweep; the corpus is taken for what it was where sizes and times of its
    /// files are the same.
    ///
    /// # Errors
    /// When a file of the folder or of the trainer cannot be read.
    pub fn read(config: &SweepConfig) -> Result<Self> {
        let folder = SweepFolder::new(config.out_dir());
        let kept = folder.root().join("corpus").join("key.json");
        let key = CorpusKey::kept_or_read(&config.corpus, &kept);
        Self::with_corpus(config, &key.map(|key| key.digest).unwrap_or_default())
    }

    /// Reads the folder of a sweep on the corpus of this digest.
    ///
    /// # Errors
    /// When a file of the folder or of the trainer cannot be read.
    pub fn with_corpus(config: &SweepConfig, corpus: &str) -> Result<Self> {
        let folder = SweepFolder::new(config.out_dir());
        let trainer = trainer_identity(config)?;
        let mut rows: BTreeMap<String, RunRow> = BTreeMap::new();
        let mut damaged = BTreeSet::new();
        let mut ended = BTreeMap::new();
        let mut wanted = Vec::new();
        for _ in 0..MOST_ROUNDS {
            wanted = named(config.wanted(&ended)?, corpus, &trainer);
            for run in &wanted {
                if rows.contains_key(&run.stem) || damaged.contains(&folder.row(&run.stem)) {
                    continue;
                }
                let path = folder.row(&run.stem);
                match RunRow::read(&path)?.filter(|row| row.settings == run.settings) {
                    Some(row) => {
                        rows.insert(run.stem.clone(), row);
                    }
                    None if path.exists() => {
                        damaged.insert(path);
                    }
                    None => {}
                }
            }
            let before = ended.len();
            ended = ended_of(&wanted, &rows);
            if ended.len() == before {
                break;
            }
        }
        let superseded = superseded(&folder, &wanted, corpus, &trainer)?;
        let damaged = damaged.into_iter().collect();
        rows.retain(|stem, _| wanted.iter().any(|run| run.stem == *stem));
        Ok(Self { corpus: corpus.to_owned(), trainer, wanted, rows, superseded, damaged })
    }

    /// The record of a wanted run.
    #[must_use]
    pub fn row(&self, run: &UnitRun) -> Option<&RunRow> {
        self.rows.get(&run.stem)
    }

    /// The row of a wanted run that has ended, by its id.
    #[must_use]
    pub fn ended(&self, id: &str) -> Option<&RunResult> {
        let run = self.wanted.iter().find(|run| run.spec.id == id)?;
        self.row(run)?.ended()
    }

    /// The rows of all wanted runs that have ended, by their ids.
    #[must_use]
    pub fn all_ended(&self) -> BTreeMap<String, RunResult> {
        ended_of(&self.wanted, &self.rows)
    }

    /// Wanted runs that have not ended, in order.
    pub fn left(&self) -> impl Iterator<Item = &UnitRun> {
        self.wanted.iter().filter(|run| self.row(run).and_then(RunRow::ended).is_none())
    }

    /// The files of a run by its id.
    #[must_use]
    pub fn stem_of(&self, id: &str) -> Option<&str> {
        self.wanted.iter().find(|run| run.spec.id == id).map(|run| run.stem.as_str())
    }

    /// Writes `runs.jsonl` and, where there are such runs, `tuning.jsonl`, from the records, in the order
    /// of the sweep file; a table that is right is left alone.
    ///
    /// # Errors
    /// [`Error::Io`] when one cannot be written.
    pub fn write_tables(&self, folder: &SweepFolder) -> Result<()> {
        for part in [Part::Main, Part::Tune] {
            let path = folder.table(part);
            let mut text = Vec::new();
            let is_here = |run: &&UnitRun| (run.spec.part == Part::Main) == (part == Part::Main);
            for run in self.wanted.iter().filter(is_here) {
                if let Some(row) = self.row(run).and_then(RunRow::ended) {
                    write_line(&mut text, row).map_err(|e| Error::io(&path, "write", &e))?;
                }
            }
            let there = std::fs::read(&path).ok();
            let none = text.is_empty() && there.is_none();
            if !none && there.as_ref() != Some(&text) {
                write_atomically(&path, &text)?;
            }
        }
        Ok(())
    }

    /// Units of these runs: each a process of its own, but for those of one trunk, which follow each
    /// other, shortest first.
    #[must_use]
    pub fn units(&self, runs: &[&UnitRun]) -> Vec<Unit> {
        let mut units: Vec<Unit> = Vec::new();
        for run in runs {
            let name = self.unit_of(run);
            match units.iter_mut().find(|unit| unit.name == name) {
                Some(unit) => unit.runs.push((*run).clone()),
                None => units.push(Unit { name, runs: vec![(*run).clone()] }),
            }
        }
        for unit in &mut units {
            unit.runs.sort_by(|a, b| a.spec.tokens.get().total_cmp(&b.spec.tokens.get()));
        }
        units
    }

    /// The name of the unit of a run: the same for all runs of a trunk.
    #[must_use]
    pub fn unit_of(&self, run: &UnitRun) -> String {
        let Some(trunk) = &run.spec.trunk else { return run.stem.clone() };
        let common = RunSpec { tokens: Tokens::new(0.0), ..run.spec.clone() };
        stem(&format!("trunk-{trunk}"), &settings_digest(&common, &self.corpus, &self.trainer))
    }
}

/// Runs with their digests and the names of their files.
fn named(specs: Vec<RunSpec>, corpus: &str, trainer: &str) -> Vec<UnitRun> {
    let mut runs: Vec<UnitRun> = specs
        .into_iter()
        .map(|spec| {
            let settings = settings_digest(&spec, corpus, trainer);
            let stem = stem(&spec.id, &settings);
            UnitRun { spec, settings, stem, branched: None }
        })
        .collect();
    let shorter: Vec<Option<String>> = runs
        .iter()
        .map(|run| {
            let same = |other: &&UnitRun| {
                run.spec.trunk.is_some()
                    && other.spec.trunk == run.spec.trunk
                    && other.spec.tokens.get() < run.spec.tokens.get()
            };
            let tokens = |run: &UnitRun| run.spec.tokens.get();
            let longest = runs.iter().filter(same).max_by(|a, b| tokens(a).total_cmp(&tokens(b)));
            longest.map(|other| other.stem.clone())
        })
        .collect();
    for (run, shorter) in runs.iter_mut().zip(shorter) {
        run.branched = shorter;
    }
    runs
}

fn ended_of(wanted: &[UnitRun], rows: &BTreeMap<String, RunRow>) -> BTreeMap<String, RunResult> {
    let row = |run: &UnitRun| Some((run.spec.id.clone(), rows.get(&run.stem)?.ended()?.clone()));
    wanted.iter().filter_map(row).collect()
}

/// What stands for the trainer in the digest of a run: for the bundled one its device and precision,
/// else its command, with the bytes of the files it depends on.
///
/// # Errors
/// [`Error::Io`] when one of these files cannot be read.
pub fn trainer_identity(config: &SweepConfig) -> Result<String> {
    let Some(external) = &config.trainer else {
        let named = |value: Value| value.as_str().unwrap_or_default().to_owned();
        let execution = &config.execution;
        let device = named(serde_json::to_value(execution.device).unwrap_or_default());
        let precision = named(serde_json::to_value(execution.precision).unwrap_or_default());
        return Ok(format!("bundled, {device}, {precision}"));
    };
    let mut hash = Sha256::new();
    for file in &external.files {
        let mut of_file = Sha256::new();
        feed(&below(&config.home, file), &mut of_file)?;
        hash.update(of_file.finalize());
    }
    let words = external.command.words();
    let identity = digest_of(&serde_json::json!([words, external.result, hex(hash)]));
    Ok(format!("external {}", short(&identity)))
}

/// Records of the folder that no wanted run has.
fn superseded(
    folder: &SweepFolder,
    wanted: &[UnitRun],
    corpus: &str,
    trainer: &str,
) -> Result<Vec<Superseded>> {
    let rows = folder.root().join("rows");
    let entries = match std::fs::read_dir(&rows) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io(&rows, "reading", &e)),
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    let is_wanted: BTreeSet<&str> = wanted.iter().map(|run| run.stem.as_str()).collect();
    let mut found = Vec::new();
    for name in names.iter().filter(|name| !is_wanted.contains(name.as_str())) {
        let Some(old) = RunRow::read(&folder.row(name))?.filter(|row| row.ended().is_some()) else {
            continue;
        };
        let now = wanted.iter().find(|run| run.spec.id == old.spec.id);
        let mut differs = Vec::new();
        if let Some(now) = now {
            compare(&settings_of(&old.spec), &settings_of(&now.spec), "", &mut differs);
            differs.extend((old.corpus != corpus).then(|| "corpus".to_owned()));
            differs.extend((old.trainer != trainer).then(|| "trainer".to_owned()));
        }
        let loss_nats = old.ended().and_then(|row| row.loss_nats);
        found.push(Superseded { run: old.spec.id, loss_nats, differs });
    }
    Ok(found)
}
