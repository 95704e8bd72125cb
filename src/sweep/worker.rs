//! The worker: trains the runs of one unit, one after the other, and writes their records.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::folder::SweepFolder;
use super::machine::now_s;
use super::row_file::RunRow;
use super::run::{RunResult, RunSpec, RunStatus, TrainEvent, Trainer};
use super::step_log::{LogFiles, run_one};
use super::unit::{Manifest, Progress, UnitLock, UnitRun};
use crate::error::{Error, Result, SweepError};

/// Between two records of how far a run is.
const SAY_EVERY: Duration = Duration::from_millis(1000);

/// Exit code of a worker that found its unit taken.
pub(super) const BUSY: i32 = 75;
/// Exit code of a worker whose launcher is gone or asked it to stop.
pub(super) const STOPPED: i32 = 76;

/// How a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worked {
    /// Every run of the unit has finished.
    Finished,
    /// Every run has a record, not all of them of a finished run.
    NotAll,
    /// It was asked to stop; what was done is saved.
    Stopped,
    /// Another process trains the unit.
    Busy,
}

impl Worked {
    /// The exit code that tells a launcher.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Finished => 0,
            Self::NotAll => 1,
            Self::Stopped => STOPPED as u8,
            Self::Busy => BUSY as u8,
        }
    }
}

/// Makes the trainer of a unit, whose lock it may hand to a program.
pub type NewTrainer<'a> = &'a mut dyn FnMut(&UnitLock) -> Result<Box<dyn Trainer>>;

/// Hears every event of a unit; `Break` stops it.
pub type OnEvent<'a> = &'a mut (dyn FnMut(&RunSpec, &TrainEvent) -> ControlFlow<()> + Send);

/// Trains the runs of a unit that have not ended.
///
/// A run that fails leaves a record that says why, and the next one begins.
///
/// # Errors
/// When there can be no trainer, and when a record cannot be written.
pub fn work(
    folder: &SweepFolder,
    manifest: &Manifest,
    new_trainer: NewTrainer,
    on_event: OnEvent,
) -> Result<Worked> {
    let unit = &manifest.unit;
    for name in ["logs", "rows"] {
        let path = folder.root().join(name);
        std::fs::create_dir_all(&path).map_err(|e| Error::io(&path, "create", &e))?;
    }
    let Some(lock) = UnitLock::take(folder, &unit.name)? else { return Ok(Worked::Busy) };
    let mut trainer = new_trainer(&lock)?;
    let mut worked = Worked::Finished;
    for run in &unit.runs {
        let there = RunRow::read(&folder.row(&run.stem))?;
        let status = match there.filter(|row| row.settings == run.settings) {
            Some(row) if row.status.is_ended() => row.status,
            _ => match train(folder, manifest, run, trainer.as_mut(), on_event)? {
                RunStatus::Stopped => return Ok(Worked::Stopped),
                status => status,
            },
        };
        if status.is_ended() {
            trainer.forget(&run.stem)?;
        }
        if status != RunStatus::Finished {
            worked = Worked::NotAll;
        }
    }
    if unit.runs.iter().any(|run| run.spec.trunk.is_some()) {
        trainer.forget(&unit.name)?;
    }
    Ok(worked)
}

/// Trains one run and writes its record, unless it was stopped.
fn train(
    folder: &SweepFolder,
    manifest: &Manifest,
    run: &UnitRun,
    trainer: &mut dyn Trainer,
    on_event: OnEvent,
) -> Result<RunStatus> {
    // Why an earlier attempt failed counts no longer.
    RunRow::remove(&folder.row(&run.stem))?;
    let mut desk = Desk::new(folder, manifest, run);
    desk.write()?;
    let mut ended = desk.run(trainer, on_event);
    if let Err(Error::Sweep(SweepError::LogGap { .. })) = &ended {
        // The checkpoint is good for nothing without the log before it.
        let gap = ended.as_ref().err().map(ToString::to_string).unwrap_or_default();
        desk.progress.notes.push(format!("{gap}; trained again from the start"));
        trainer.forget(&run.stem)?;
        trainer.forget(&manifest.unit.name)?;
        ended = desk.run(trainer, on_event);
    }
    let row = match ended {
        Ok(Ended { status: RunStatus::Stopped, .. }) => {
            desk.write()?;
            return Ok(RunStatus::Stopped);
        }
        Ok(Ended { status, reason, row }) => desk.row(status, reason, Some(row)),
        Err(error) => desk.row(failure(&error), Some(error.to_string()), None),
    };
    row.write(&folder.row(&run.stem))?;
    desk.write()?;
    Ok(row.status)
}

/// What an error makes of a run.
fn failure(error: &Error) -> RunStatus {
    match error {
        Error::Sweep(SweepError::TrainerMemory { .. }) => RunStatus::OutOfMemory,
        _ => RunStatus::Failed,
    }
}

struct Ended {
    status: RunStatus,
    reason: Option<String>,
    row: RunResult,
}

/// A run under way with what is said of it.
struct Desk<'a> {
    folder: &'a SweepFolder,
    manifest: &'a Manifest,
    run: &'a UnitRun,
    progress: Progress,
    said: Instant,
    began: Instant,
    too_long: bool,
    /// Whether a program was started that nobody else knows of yet.
    new_group: bool,
    /// Seconds of earlier attempts of a program.
    earlier_s: f64,
}

impl<'a> Desk<'a> {
    fn new(folder: &'a SweepFolder, manifest: &'a Manifest, run: &'a UnitRun) -> Self {
        let mut progress = Progress::begin(&run.stem);
        let per_token = run.spec.shape.train_flops_per_token(run.spec.recipe.context);
        progress.steps = run.spec.steps();
        progress.flops_per_token = per_token;
        let past = Progress::read(folder, &manifest.unit.name);
        // A program keeps its own state, and no account of earlier attempts.
        let past = past.filter(|past| manifest.external.is_some() && past.stem == run.stem);
        if let Some(past) = &past {
            progress.step = past.step;
            progress.tokens = past.tokens;
            progress.saved_tokens = past.saved_tokens;
            progress.loss_nats = past.loss_nats;
            progress.elapsed_s = past.elapsed_s;
        }
        let now = Instant::now();
        Self {
            folder,
            manifest,
            run,
            progress,
            said: now,
            began: now,
            too_long: false,
            new_group: false,
            earlier_s: past.map_or(0.0, |past| past.elapsed_s),
        }
    }

    fn write(&mut self) -> Result<()> {
        self.said = Instant::now();
        self.progress.write(self.folder, &self.manifest.unit.name)
    }

    fn run(&mut self, trainer: &mut dyn Trainer, on_event: OnEvent) -> Result<Ended> {
        let (folder, run) = (self.folder, self.run);
        let log = folder.log(&run.stem);
        let branched = run.branched.as_ref().map(|stem| folder.log(stem));
        let files = LogFiles {
            log: &log,
            branched: branched.as_deref(),
            formats: &self.manifest.execution.logs,
        };
        // Its state lies under the name of its files, as another of the same id may have one too.
        let trunk = run.spec.trunk.as_ref().map(|_| self.manifest.unit.name.clone());
        let kept_as = RunSpec { id: run.stem.clone(), trunk, ..run.spec.clone() };
        let limit = self.manifest.execution.time_limit;
        let mut failed = None;
        let result = run_one(files, &run.spec, &kept_as, trainer, &mut |event| {
            self.book(event);
            let new_group = std::mem::take(&mut self.new_group);
            let is_start = matches!(event, TrainEvent::Start(_));
            if self.said.elapsed() >= SAY_EVERY || is_start || new_group {
                failed = self.write().err();
            }
            self.too_long |= limit.is_some_and(|most| self.began.elapsed().as_secs_f64() > most);
            let flow = on_event(&run.spec, event);
            let go_on = flow.is_continue() && failed.is_none() && !self.too_long;
            if go_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        let late = self.too_long && result.status == RunStatus::Stopped;
        let (status, reason) = match result.status {
            RunStatus::Stopped if late => {
                let most = limit.unwrap_or_default();
                let reason = format!(
                    "{} of {} steps after its limit of {most} s; it goes on from there with a longer one",
                    self.progress.step, self.progress.steps
                );
                (RunStatus::TimedOut, Some(reason))
            }
            RunStatus::Diverged => {
                let loss = self
                    .progress
                    .loss_nats
                    .map_or("no number".to_owned(), |l| format!("{l:.3} nats"));
                (RunStatus::Diverged, Some(format!("loss {loss} at step {}", self.progress.step)))
            }
            status => (status, None),
        };
        let elapsed_s = result.elapsed_s + self.earlier_s;
        Ok(Ended { status, reason, row: RunResult { status, elapsed_s, ..result } })
    }

    fn book(&mut self, event: &TrainEvent) {
        let progress = &mut self.progress;
        let spec = &self.run.spec;
        match event {
            TrainEvent::Start(start) => {
                progress.steps = start.steps;
                // A program has said itself how far it is.
                if self.manifest.external.is_none() {
                    progress.step = start.resumed_at;
                    progress.tokens = spec.tokens_after(start.resumed_at) as f64;
                    progress.saved_tokens = progress.tokens;
                }
                progress.flops_per_token = start.flops_per_token;
                progress.notes.extend(start.notes.iter().cloned());
            }
            TrainEvent::Step(step) => {
                progress.step = step.step;
                progress.tokens = step.tokens as f64;
                progress.loss_nats = Some(step.loss_nats).filter(|l| l.is_finite());
                progress.elapsed_s = step.elapsed_s;
            }
            TrainEvent::Eval(eval) => {
                progress.loss_nats = Some(eval.loss_nats).filter(|l| l.is_finite());
                progress.elapsed_s = eval.elapsed_s;
            }
            TrainEvent::Checkpoint { step } => {
                progress.saved_tokens = spec.tokens_after(*step) as f64
            }
            TrainEvent::Waiting(seen) => {
                self.new_group |= progress.trainer_group != seen.process_group;
                progress.trainer_group = seen.process_group;
                if seen.step > 0 {
                    progress.step = seen.step;
                    progress.tokens = seen.tokens;
                    progress.saved_tokens = seen.tokens;
                    progress.loss_nats = seen.loss_nats.or(progress.loss_nats);
                }
                progress.elapsed_s = self.earlier_s + self.began.elapsed().as_secs_f64();
            }
        }
    }

    fn row(&self, status: RunStatus, reason: Option<String>, row: Option<RunResult>) -> RunRow {
        RunRow {
            spec: self.run.spec.clone(),
            settings: self.run.settings.clone(),
            corpus: self.manifest.corpus.clone(),
            trainer: self.manifest.trainer.clone(),
            status,
            reason,
            written_s: now_s(),
            row,
        }
    }
}
