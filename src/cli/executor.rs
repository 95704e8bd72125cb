//! Where the runs of a sweep are executed, and how those under way are stopped.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use super::output::Output;
use super::streams::note;
use crate::error::{Error, Result};
use crate::sweep::{
    Compute, Engine, Local, Slurm, SlurmPlace, SweepConfig, SweepFolder, WorkerCommand,
};

/// A place where runs are executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Executor {
    /// Processes of this machine.
    Local,
    /// Job arrays of a cluster; [slurm] in the sweep file says how.
    Slurm,
}

/// Tasks at a time of a job array, where the command does not say.
const SLURM_JOBS: usize = 256;

impl Executor {
    pub(super) fn engine(
        self,
        config: &SweepConfig,
        folder: &SweepFolder,
        jobs: Option<usize>,
    ) -> Result<Box<dyn Engine>> {
        match self {
            Self::Local => {
                let jobs = jobs.unwrap_or_else(|| usual_jobs(config));
                Ok(Box::new(Local::new(folder.clone(), worker()?, jobs)))
            }
            Self::Slurm => Ok(Box::new(slurm(config, folder, jobs)?)),
        }
    }
}

/// Runs at a time on this machine, where nothing is said.
pub(super) fn usual_jobs(config: &SweepConfig) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    match config.execution.device {
        Compute::Cpu => (cores / config.execution.threads).max(1),
        // Runs on one GPU would wait for each other.
        Compute::Cuda | Compute::Wgpu => 1,
    }
}

fn slurm(config: &SweepConfig, folder: &SweepFolder, jobs: Option<usize>) -> Result<Slurm> {
    let home = match config.home.as_os_str().is_empty() {
        true => Path::new("."),
        false => config.home.as_path(),
    };
    let place = SlurmPlace {
        spec: config.slurm.clone(),
        worker: worker()?,
        sweep: config.name.clone(),
        home: home.canonicalize().map_err(|e| Error::io(home, "reading", &e))?,
        threads: config.execution.threads,
        jobs: jobs.unwrap_or(SLURM_JOBS),
    };
    Slurm::new(folder.clone(), place)
}

fn worker() -> Result<WorkerCommand> {
    let program = std::env::current_exe();
    let program = program.map_err(|e| Error::io(Path::new("this program"), "finding", &e))?;
    Ok(WorkerCommand {
        program,
        verb: vec!["sweep".into(), "worker".into()],
        unit: "--unit".into(),
        attached: "--attached".into(),
    })
}

/// How long a launcher has to save what its runs have.
const PATIENCE: Duration = Duration::from_secs(60);

/// Stops the launcher of a sweep and the jobs it has sent; everything is saved and goes on later.
pub(super) fn stop(config: &SweepConfig) -> Result<Output> {
    let folder = SweepFolder::new(config.out_dir());
    let mut done = Vec::new();
    if let Some(pid) = folder.ask_launcher_to_stop()? {
        let since = Instant::now();
        while folder.is_locked() && since.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(100));
        }
        match folder.is_locked() {
            true => note("the launcher is still saving; it was asked to stop"),
            false => done.push(format!("the launcher, process {pid}, has stopped")),
        }
    }
    if folder.root().join("slurm").exists() {
        let mut engine = slurm(config, &folder, None)?;
        let jobs = engine.adopt_all()?;
        if jobs > 0 {
            engine.stop()?;
            done.push(format!("{jobs} {} in Slurm", if jobs == 1 { "job" } else { "jobs" }));
        }
    }
    let text = match done.is_empty() {
        true => "nothing of this sweep is running\n".to_owned(),
        false => format!("stopped: {}; `sweep run` goes on from here\n", done.join("; ")),
    };
    Output::new(text, &serde_json::json!({ "stopped": done }), Vec::new())
}
