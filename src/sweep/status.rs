//! How far a sweep is: every run, what it costs, when it will be done, what went wrong.

use std::path::PathBuf;

use serde::Serialize;

use super::design::SweepConfig;
use super::folder::SweepFolder;
use super::launch::Failure;
use super::row_file::RunRow;
use super::run::{Part, RunResult, RunStatus};
use super::seed_noise::SeedNoise;
use super::state::{Superseded, SweepState};
use super::tuning::Tuning;
use super::unit::{Progress, UnitRun, is_alive};
use crate::error::Result;
use crate::flops::FlopRule;
use crate::units::{Flops, Params, Tokens};

/// A rate measured over less is not believed, seconds.
const LEAST_SECONDS: f64 = 1.0;

/// The state of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SweepStatus {
    /// Name of the sweep.
    pub sweep: String,
    /// Runs that are wanted so far.
    pub total: usize,
    /// Runs that have ended.
    pub ended: usize,
    /// Runs that are being trained.
    pub running: usize,
    /// The table of ended runs.
    pub records: PathBuf,
    /// The part of all FLOPs that is done, 0 to 1.
    pub share_done: f64,
    /// C of all wanted runs.
    pub flops_total: Flops,
    /// C that is left.
    pub flops_left: Flops,
    /// FLOPs per second of one run, over all that ended or are being trained.
    pub flops_per_s: Option<f64>,
    /// Seconds until all have ended, as many at a time as now, at least one.
    pub eta_s: Option<f64>,
    /// C of all ended runs, as if each had been trained from its start.
    pub flops: Flops,
    /// The part of it that branches of a common trunk did not spend.
    pub flops_saved_by_branches: Flops,
    /// What tuning found so far; absent without a section `[tune]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tuning: Option<Tuning>,
    /// Scatter between runs that differ in their seed alone.
    pub seed_noise: Option<SeedNoise>,
    /// Runs that diverged or could not be trained.
    pub failures: Vec<Failure>,
    /// Records of runs that the file no longer asks for.
    pub superseded: Vec<Superseded>,
    /// Records that are not as they were written; their runs are trained again.
    pub damaged: Vec<PathBuf>,
    /// Rows of ended runs, in the order of the sweep file.
    pub runs: Vec<RunResult>,
    /// Ids of runs left to train.
    pub todo: Vec<String>,
    /// Every wanted run, ended or not.
    pub planned: Vec<PlannedRun>,
}

/// Where a run is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Not begun.
    ToDo,
    /// A worker trains it.
    Running,
    /// Begun, and no worker trains it.
    Stopped,
    /// Every step was taken.
    Finished,
    /// Its loss grew beyond hope.
    Diverged,
    /// There was no memory left for it.
    OutOfMemory,
    /// It took longer than it may.
    TimedOut,
    /// It could not begin or go on.
    Failed,
}

impl std::fmt::Display for RunState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ToDo => "to do",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Finished => "finished",
            Self::Diverged => "diverged",
            Self::OutOfMemory => "out of memory",
            Self::TimedOut => "timed out",
            Self::Failed => "failed",
        })
    }
}

/// A run of a sweep and how far it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedRun {
    /// Its id.
    pub run: String,
    /// What it is for.
    pub part: Part,
    /// Its budget, or C = 6 N D where it has none.
    pub flops: Flops,
    /// All parameters.
    pub n_params: Params,
    /// Training tokens.
    pub tokens: Tokens,
    /// Where it is.
    pub state: RunState,
    /// Tokens seen, of a run that has ended or is being trained; tokens that the last checkpoint
    /// saved, of one that was stopped.
    pub tokens_done: f64,
    /// The same as a part of its tokens, 0 to 1.
    pub share_done: f64,
    /// How it ended; absent while it is left to train.
    pub status: Option<RunStatus>,
    /// Why it could not be trained, or diverged.
    pub reason: Option<String>,
    /// Final loss, nats per token.
    pub loss_nats: Option<f64>,
    /// Last loss of a run that has not ended, nats per token.
    pub last_loss_nats: Option<f64>,
    /// Wall-clock seconds it took so far.
    pub elapsed_s: Option<f64>,
    /// Seconds of training that are left, by the speed of the run of nearest size.
    pub eta_s: Option<f64>,
}

impl PlannedRun {
    fn new(run: &UnitRun, state: &SweepState, folder: &SweepFolder) -> Self {
        let spec = &run.spec;
        let counted = spec.shape.params();
        let unit = state.unit_of(run);
        let progress = Progress::read(folder, &unit).filter(|p| p.stem == run.stem);
        let row = state.row(run);
        let ended = row.and_then(RunRow::ended);
        let alive = ended.is_none() && progress.is_some() && is_alive(folder, &unit);
        let begun = progress.as_ref().map_or(0.0, |p| p.saved_tokens);
        let seen = progress.as_ref().map_or(0.0, |p| p.tokens);
        let (now, tokens_done) = match (row.map(|row| row.status), alive) {
            (_, true) => (RunState::Running, seen),
            (Some(RunStatus::Finished), _) => (RunState::Finished, spec.tokens.get()),
            (Some(RunStatus::Diverged), _) => {
                (RunState::Diverged, ended.map_or(0.0, |row| row.tokens.get()))
            }
            (Some(RunStatus::OutOfMemory), _) => (RunState::OutOfMemory, begun),
            (Some(RunStatus::TimedOut), _) => (RunState::TimedOut, begun),
            (Some(RunStatus::Failed), _) => (RunState::Failed, begun),
            (Some(RunStatus::Stopped) | None, _) if progress.is_some() => {
                (RunState::Stopped, begun)
            }
            (Some(RunStatus::Stopped) | None, _) => (RunState::ToDo, 0.0),
        };
        let share = match now {
            RunState::Finished | RunState::Diverged => 1.0,
            _ => (tokens_done / spec.tokens.get()).clamp(0.0, 1.0),
        };
        let left = ended.is_none();
        let elapsed = progress.as_ref().map(|p| p.elapsed_s).filter(|_| left);
        Self {
            run: spec.id.clone(),
            part: spec.part,
            flops: spec.budget.unwrap_or_else(|| FlopRule::six_nd(counted.active, spec.tokens)),
            n_params: counted.all,
            tokens: spec.tokens,
            state: now,
            tokens_done,
            share_done: share,
            status: ended.map(|row| row.status),
            reason: row.filter(|_| !alive).and_then(|row| row.reason.clone()),
            loss_nats: ended.and_then(|row| row.loss_nats),
            last_loss_nats: progress.and_then(|p| p.loss_nats).filter(|_| left),
            elapsed_s: ended.map(|row| row.elapsed_s).or(elapsed),
            eta_s: None,
        }
    }

    fn is_left(&self) -> bool {
        self.status.is_none()
    }

    fn flops_left(&self) -> f64 {
        if self.is_left() { self.flops.get() * (1.0 - self.share_done) } else { 0.0 }
    }
}

impl SweepStatus {
    /// The state of a sweep by its folder.
    ///
    /// # Errors
    /// When a file of the folder cannot be read.
    pub fn read(config: &SweepConfig) -> Result<Self> {
        Ok(Self::of(config, &SweepState::read(config)?))
    }

    /// The state of a sweep whose folder has been read.
    #[must_use]
    pub fn of(config: &SweepConfig, state: &SweepState) -> Self {
        let folder = SweepFolder::new(config.out_dir());
        let ended = state.wanted.iter().filter_map(|run| state.row(run)?.ended().cloned());
        let runs: Vec<RunResult> = ended.collect();
        let saved = runs.iter().map(|row| row.flops_shared().get()).sum();
        let mut planned: Vec<PlannedRun> =
            state.wanted.iter().map(|run| PlannedRun::new(run, state, &folder)).collect();
        let rates = Rates::of(&planned, &runs);
        for run in planned.iter_mut().filter(|run| run.is_left()) {
            run.eta_s = rates.at(run.n_params.get()).map(|rate| run.flops_left() / rate);
        }
        let running = planned.iter().filter(|run| run.state == RunState::Running).count();
        let total: f64 = planned.iter().map(|run| run.flops.get()).sum();
        let left: f64 = planned.iter().map(PlannedRun::flops_left).sum();
        Self {
            sweep: config.name.clone(),
            total: planned.len(),
            ended: runs.len(),
            running,
            records: folder.records(),
            share_done: if total > 0.0 { 1.0 - left / total } else { 1.0 },
            flops_total: Flops::new(total),
            flops_left: Flops::new(left),
            flops_per_s: rates.mean(),
            eta_s: eta(&planned, running),
            flops: Flops::new(runs.iter().map(|row| row.flops.get()).sum()),
            flops_saved_by_branches: Flops::new(saved),
            // The design was laid out when the state was read, so that it can be.
            tuning: config.tuning(&state.all_ended()).ok().flatten(),
            seed_noise: SeedNoise::of(state),
            failures: Failure::of(state),
            superseded: state.superseded.clone(),
            damaged: state.damaged.clone(),
            todo: state.left().map(|run| run.spec.id.clone()).collect(),
            planned,
            runs,
        }
    }

    /// Whether no wanted run is left.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.todo.is_empty()
    }

    /// C that was spent: that of all ended runs less what branches shared.
    #[must_use]
    pub fn flops_spent(&self) -> Flops {
        Flops::new(self.flops.get() - self.flops_saved_by_branches.get())
    }

    /// The share of C that branches saved, 0 without branches.
    #[must_use]
    pub fn saved_ratio(&self) -> f64 {
        let (saved, total) = (self.flops_saved_by_branches.get(), self.flops.get());
        if saved > 0.0 { saved / total } else { 0.0 }
    }
}

/// Seconds until all runs have ended: never less than the longest of them takes.
fn eta(planned: &[PlannedRun], running: usize) -> Option<f64> {
    let each: Option<Vec<f64>> =
        planned.iter().filter(|run| run.is_left()).map(|run| run.eta_s).collect();
    let each = each?;
    let longest = each.iter().copied().fold(0.0, f64::max);
    Some((each.iter().sum::<f64>() / running.max(1) as f64).max(longest))
}

/// Measured speeds: N, FLOPs and seconds of each run.
struct Rates(Vec<(f64, f64, f64)>);

impl Rates {
    fn of(planned: &[PlannedRun], ended: &[RunResult]) -> Self {
        let own = |row: &RunResult| row.flops.get() - row.flops_shared().get();
        let mut measured: Vec<(f64, f64, f64)> =
            ended.iter().map(|row| (row.n_params.get(), own(row), row.elapsed_s)).collect();
        measured.extend(planned.iter().filter(|run| run.is_left()).map(|run| {
            let done = run.flops.get() * run.share_done;
            (run.n_params.get(), done, run.elapsed_s.unwrap_or(0.0))
        }));
        let is_good =
            |(n, flops, seconds): &(f64, f64, f64)| *n > 0.0 && *flops > 0.0 && *seconds > 0.0;
        measured.retain(is_good);
        // The first moments of a run say little, but more than nothing.
        let long = measured.iter().filter(|(.., seconds)| *seconds >= LEAST_SECONDS).count();
        measured.retain(|(.., seconds)| long == 0 || *seconds >= LEAST_SECONDS);
        Self(measured)
    }

    /// Of the runs of the size nearest to `n`.
    fn at(&self, n: f64) -> Option<f64> {
        let far = |other: f64| (other / n).ln().abs();
        let nearest = self.0.iter().map(|(n, ..)| far(*n)).fold(f64::INFINITY, f64::min);
        let like = self.0.iter().filter(|(n, ..)| far(*n) <= nearest + 1e-9);
        let (flops, seconds) = like.fold((0.0, 0.0), |(f, s), run| (f + run.1, s + run.2));
        (seconds > 0.0).then(|| flops / seconds)
    }

    fn mean(&self) -> Option<f64> {
        let (flops, seconds) = self.0.iter().fold((0.0, 0.0), |(f, s), run| (f + run.1, s + run.2));
        (seconds > 0.0).then(|| flops / seconds)
    }
}
