//! The launcher: trains what a sweep wants until it wants nothing more, wherever its engine trains it.
//!
//! It keeps nothing in memory that counts. What has ended is in the row files that workers write; after
//! a kill at any moment the next launcher reads them and goes on.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::console::tail_of;
use super::design::SweepConfig;
use super::engine::{Engine, Gone, UnitState};
use super::execution::KeepCheckpoints;
use super::folder::{SweepFolder, SweepLock};
use super::machine::now_s;
use super::row_file::{Found, RunRow};
use super::run::RunStatus;
use super::state::SweepState;
use super::unit::{Manifest, Progress, Unit, UnitRun, is_alive};
use super::watch::{Follower, LiveRun};
use super::worker::{BUSY, STOPPED};
use crate::error::{Error, Result, SweepError};

/// How often a unit that was killed from outside is tried again without having come further.
const MOST_RETRIES: u32 = 2;

/// Exit codes of a worker that was asked to stop by a signal.
const SIGNALLED: [i32; 2] = [130, 143];

/// How a launch ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Launched {
    /// The sweep as it is now.
    pub state: SweepState,
    /// Whether it was asked to stop before everything had ended.
    pub stopped: bool,
}

/// A run that has a record, but no loss to fit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// Its id.
    pub run: String,
    /// What became of it.
    pub status: RunStatus,
    /// Why.
    pub reason: String,
}

impl Failure {
    /// The failures among the wanted runs of a sweep, in order.
    #[must_use]
    pub fn of(state: &SweepState) -> Vec<Self> {
        let rows = state.wanted.iter().filter_map(|run| state.row(run));
        rows.filter(|row| row.status != RunStatus::Finished)
            .map(|row| Self {
                run: row.spec.id.clone(),
                status: row.status,
                reason: row.reason.clone().unwrap_or_default(),
            })
            .collect()
    }
}

/// Trains every wanted run that has not ended.
///
/// - `lock`: of the folder of the sweep.
/// - `corpus`: digest of what is trained on, which is prepared.
///
/// # Errors
/// When the folder cannot be read or written or was moved, and when the engine has failed; runs that
/// fail are no error but records.
pub fn launch(
    config: &SweepConfig,
    _lock: &SweepLock,
    corpus: &str,
    engine: &mut dyn Engine,
    follower: &dyn Follower,
) -> Result<Launched> {
    let folder = SweepFolder::new(config.out_dir());
    let mut launcher = Launcher {
        config,
        corpus,
        state: SweepState::with_corpus(config, corpus)?,
        folder,
        follower,
        live: BTreeMap::new(),
        kills: BTreeMap::new(),
        given_up: BTreeSet::new(),
        said: BTreeMap::new(),
        stale: BTreeMap::new(),
        notes: BTreeMap::new(),
        at: BTreeMap::new(),
        past: BTreeMap::new(),
    };
    launcher.tidy()?;
    launcher.set_aside()?;
    let rows = launcher.state.rows.iter();
    launcher.said = rows.map(|(stem, row)| (stem.clone(), row.written_s)).collect();
    launcher.stale = launcher.said.clone();
    let stopped = launcher.run(engine)?;
    launcher.tidy()?;
    Ok(Launched { state: launcher.state, stopped })
}

/// Name of the files of a run, and its tokens when its state was last saved.
type Saved = (String, f64);

struct Launcher<'a> {
    config: &'a SweepConfig,
    corpus: &'a str,
    folder: SweepFolder,
    state: SweepState,
    follower: &'a dyn Follower,
    /// Submitted units that are not gone.
    live: BTreeMap<String, Unit>,
    /// How often a unit was killed from outside since it came further, and how far it was.
    kills: BTreeMap<String, (u32, Option<Saved>)>,
    /// Runs that are not tried again by this launcher.
    given_up: BTreeSet<String>,
    /// Records that were reported, by when they were written; those of before are no news.
    said: BTreeMap<String, f64>,
    /// Records of runs that failed before this launcher began.
    stale: BTreeMap<String, f64>,
    /// Notes of each unit that were reported.
    notes: BTreeMap<String, usize>,
    /// The run that each unit was at.
    at: BTreeMap<String, String>,
    /// When an earlier worker of a unit began: what it said is no news.
    past: BTreeMap<String, f64>,
}

impl Launcher<'_> {
    fn run(&mut self, engine: &mut dyn Engine) -> Result<bool> {
        loop {
            self.state.write_tables(&self.folder)?;
            let stop = self.follower.should_stop();
            if !stop {
                self.submit(engine)?;
            }
            if self.live.is_empty() {
                return Ok(stop && self.state.left().next().is_some());
            }
            if stop {
                if !engine.outlives_launcher() {
                    engine.stop()?;
                }
                self.look_again()?;
                self.state.write_tables(&self.folder)?;
                return Ok(self.state.left().next().is_some());
            }
            self.wait(engine)?;
        }
    }

    /// Keeps the table of a folder without records, which an earlier version wrote, and removes what
    /// processes left half-written that were killed.
    fn tidy(&self) -> Result<()> {
        let table = self.folder.records();
        if !self.folder.has_rows() && table.exists() {
            let old = table.with_extension("jsonl.old");
            std::fs::rename(&table, &old).map_err(|e| Error::io(&table, "renaming", &e))?;
            let (table, old) = (table.display(), old.display());
            self.follower.on_note(&format!("{table}: has no records beside it; kept as {old}"));
        }
        self.folder.remove_half_written();
        if self.config.execution.keep_checkpoints == KeepCheckpoints::None {
            // A worker that was killed between a record and the end of its work has left them.
            let ended = |run: &&UnitRun| self.state.row(run).and_then(RunRow::ended).is_some();
            for run in self.state.wanted.iter().filter(ended) {
                self.folder.remove_checkpoints(&run.stem);
            }
            let left: BTreeSet<String> =
                self.state.left().map(|run| self.state.unit_of(run)).collect();
            let trunks = self.state.wanted.iter().filter(|run| run.spec.trunk.is_some());
            for unit in trunks.map(|run| self.state.unit_of(run)) {
                if !left.contains(&unit) {
                    self.folder.remove_checkpoints(&format!("trunk-{unit}"));
                }
            }
        }
        Ok(())
    }

    /// Hands over units of the runs that are left and in no unit yet.
    fn submit(&mut self, engine: &mut dyn Engine) -> Result<()> {
        let taken: BTreeSet<&str> =
            self.live.values().flat_map(|unit| &unit.runs).map(|run| run.stem.as_str()).collect();
        let is_new = |run: &&UnitRun| {
            !taken.contains(run.stem.as_str())
                && !self.given_up.contains(&run.stem)
                && !self.live.contains_key(&self.state.unit_of(run))
        };
        let left: Vec<&UnitRun> = self.state.left().filter(is_new).collect();
        let units = self.state.units(&left);
        if units.is_empty() {
            return Ok(());
        }
        for unit in &units {
            if let Some(past) = Progress::read(&self.folder, &unit.name)
                && !is_alive(&self.folder, &unit.name)
            {
                self.past.insert(unit.name.clone(), past.started_s);
            }
            self.manifest(unit.clone())?.write(&self.folder)?;
        }
        engine.submit(&units)?;
        self.live.extend(units.into_iter().map(|unit| (unit.name.clone(), unit)));
        Ok(())
    }

    fn manifest(&self, unit: Unit) -> Result<Manifest> {
        let home = match self.config.home.as_os_str().is_empty() {
            true => std::path::Path::new("."),
            false => self.config.home.as_path(),
        };
        let home = home.canonicalize().map_err(|e| Error::io(home, "reading", &e))?;
        let (corpus, trainer) = (self.corpus.to_owned(), self.state.trainer.clone());
        let mut manifest = Manifest::new(unit, corpus, trainer, home);
        manifest.execution = self.config.execution.clone();
        manifest.external = self.config.trainer.clone();
        Ok(manifest)
    }

    /// Until something has ended, or it is time to stop.
    fn wait(&mut self, engine: &mut dyn Engine) -> Result<()> {
        loop {
            if !self.folder.is_in_place() {
                let path = self.folder.root().display().to_string();
                return Err(SweepError::FolderGone { path }.into());
            }
            let states = engine.poll()?;
            let mut news = false;
            let mut live = Vec::new();
            for (name, state) in states {
                let Some(unit) = self.live.get(&name).cloned() else { continue };
                match state {
                    UnitState::Waiting(_) => {}
                    UnitState::Running => {
                        let Some(now) = self.progress(&name, &unit) else { continue };
                        let stem = now.progress.stem.clone();
                        // A worker that begins another run has ended the one before.
                        let before = self.at.insert(name, stem.clone());
                        news |= before.is_some_and(|before| before != stem);
                        live.push(now);
                    }
                    UnitState::Gone(gone) => {
                        self.progress(&name, &unit);
                        self.live.remove(&name);
                        self.settle(&unit, gone)?;
                        news = true;
                    }
                }
            }
            self.follower.on_progress(&live);
            if news {
                self.look_again()?;
                return Ok(());
            }
            if self.follower.should_stop() {
                return Ok(());
            }
            std::thread::sleep(engine.pause());
        }
    }

    /// How far the worker of a unit is; its notes are passed on.
    fn progress(&mut self, name: &str, unit: &Unit) -> Option<LiveRun> {
        let progress = Progress::read(&self.folder, name)?;
        if self.past.get(name) == Some(&progress.started_s) {
            return None;
        }
        let run = unit.runs.iter().find(|run| run.stem == progress.stem)?.spec.id.clone();
        let said = self.notes.entry(format!("{name} {}", progress.started_s)).or_default();
        for note in progress.notes.iter().skip(*said) {
            self.follower.on_note(&format!("{run}: {note}"));
        }
        *said = progress.notes.len();
        Some(LiveRun { run, progress })
    }

    /// Reads the folder again and reports what is new.
    fn look_again(&mut self) -> Result<()> {
        self.state = SweepState::with_corpus(self.config, self.corpus)?;
        self.set_aside()?;
        let wanted: Vec<String> = self.state.wanted.iter().map(|run| run.stem.clone()).collect();
        for stem in wanted {
            if let Some(row) = self.state.rows.get(&stem)
                && self.said.insert(stem, row.written_s) != Some(row.written_s)
            {
                self.follower.on_end(row);
            }
        }
        Ok(())
    }

    /// Gives damaged records another name: their runs are trained again.
    fn set_aside(&mut self) -> Result<()> {
        for path in std::mem::take(&mut self.state.damaged) {
            if let Found::Damaged(aside) = RunRow::find(&path)? {
                self.follower.on_note(&format!(
                    "{}: damaged; set aside as {}, and its run is trained again",
                    path.display(),
                    aside.display()
                ));
            }
        }
        Ok(())
    }

    /// What a unit that is gone has left, and whether it is tried again.
    fn settle(&mut self, unit: &Unit, gone: Gone) -> Result<()> {
        let mut left = Vec::new();
        for run in &unit.runs {
            match RunRow::read(&self.folder.row(&run.stem))? {
                Some(row) if row.status.is_ended() => {}
                // Of an earlier attempt: the worker did not get as far.
                Some(row) if self.stale.get(&run.stem) == Some(&row.written_s) => left.push(run),
                Some(_) => {
                    self.given_up.insert(run.stem.clone());
                }
                None => left.push(run),
            }
        }
        let Some(blamed) = left.first() else { return Ok(()) };
        let (status, reason) = match gone {
            Gone::Exited(BUSY) => return Ok(()),
            Gone::Exited(code) if code == STOPPED || SIGNALLED.contains(&code) => {
                let reason = "its process was asked to stop from outside".to_owned();
                match self.may_try_again(unit, &reason) {
                    true => return Ok(()),
                    false => (RunStatus::Failed, reason),
                }
            }
            Gone::Killed(reason) => match self.may_try_again(unit, &reason) {
                true => return Ok(()),
                false => (RunStatus::Failed, format!("{reason}, {} times", MOST_RETRIES + 1)),
            },
            Gone::Cancelled(reason) => (RunStatus::Stopped, reason),
            Gone::OutOfMemory(reason) => (RunStatus::OutOfMemory, reason),
            Gone::TimedOut(reason) => (RunStatus::TimedOut, reason),
            Gone::Exited(code) => {
                let said = tail_of(&self.folder.console(&unit.name), 5);
                let said = said.map_or(String::new(), |said| format!(": {said}"));
                (RunStatus::Failed, format!("its process ended with code {code}{said}"))
            }
        };
        self.given_up.extend(left.iter().map(|run| run.stem.clone()));
        let row = RunRow {
            spec: blamed.spec.clone(),
            settings: blamed.settings.clone(),
            corpus: self.corpus.to_owned(),
            trainer: self.state.trainer.clone(),
            status,
            reason: Some(reason),
            written_s: now_s(),
            row: None,
        };
        row.write(&self.folder.row(&blamed.stem))
    }

    fn may_try_again(&mut self, unit: &Unit, reason: &str) -> bool {
        let saved = Progress::read(&self.folder, &unit.name).map(|p| (p.stem, p.saved_tokens));
        let (kills, before) = self.kills.entry(unit.name.clone()).or_default();
        // Limits of time and lost machines may end a long run many times, as long as it gets on.
        *kills = if *before == saved { *kills + 1 } else { 1 };
        *before = saved;
        let again = *kills <= MOST_RETRIES;
        if again {
            let run = unit.runs.first().map_or("", |run| run.spec.id.as_str());
            self.follower.on_note(&format!("{run}: {reason}; it goes on from its last checkpoint"));
        }
        again
    }
}
