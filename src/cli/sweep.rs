//! `isoloss sweep run|status|next`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use super::output::{Console, Output};
use crate::error::{Result, SweepError};
use crate::report::sweep_text;
use crate::sweep::{SweepConfig, SweepStatus, export};

/// Flags of `isoloss sweep`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss sweep run configs/first-light-sweep.toml --jobs 2
  isoloss sweep status configs/first-light-sweep.toml
  isoloss sweep next configs/first-light-sweep.toml")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Train every run that has not ended; safe to stop and start again.
    Run {
        #[command(flatten)]
        common: Common,
        /// Where runs are executed.
        #[arg(long, value_enum, default_value = "local")]
        executor: Executor,
        /// Runs at a time.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
        jobs: u16,
    },
    /// Which runs have ended, and which are left.
    Status {
        #[command(flatten)]
        common: Common,
    },
    /// Copy the table and thinned step logs, small enough to keep beside code.
    Export {
        #[command(flatten)]
        common: Common,
        /// Folder to write.
        #[arg(short, long, value_name = "DIR")]
        out: PathBuf,
        /// Step lines kept of each run.
        #[arg(long, default_value_t = 100)]
        steps: usize,
    },
    /// Which runs to add: those left, sizes that a profile lacks, and what would settle a decision.
    ///
    /// Which runs to add: those left of a sweep, sizes where the isoFLOP profile has no minimum inside
    /// yet, and the runs that leave the least doubt of a decision for what they cost.
    Next(super::sweep_next::Args),
}

#[derive(Debug, ClapArgs)]
struct Common {
    /// The sweep file.
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Executor {
    Local,
    Slurm,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Output> {
    match &args.action {
        Action::Run { common, executor, jobs } => {
            if *executor == Executor::Slurm {
                return Err(SweepError::Executor { name: "slurm".to_owned() }.into());
            }
            train_all(SweepConfig::read(&common.file)?, usize::from(*jobs))
        }
        Action::Status { common } => {
            let status = SweepStatus::read(&SweepConfig::read(&common.file)?)?;
            Output::new(sweep_text(&status), &status, Vec::new())
        }
        Action::Export { common, out, steps } => {
            let exported = export(&SweepConfig::read(&common.file)?, out, *steps)?;
            let text = format!("wrote {} runs to {}\n", exported.runs, exported.out.display());
            Output::new(text, &exported, Vec::new())
        }
        Action::Next(next) => super::sweep_next::run(next, console),
    }
}

#[cfg(feature = "train")]
fn train_all(config: SweepConfig, jobs: usize) -> Result<Output> {
    use super::run_watch::RunWatch;
    use crate::train::{SweepRequest, train_sweep};

    if SweepStatus::read(&config)?.todo.is_empty() {
        super::streams::note("every run of this sweep has ended; nothing to train");
    }
    let registry = super::train::registry();
    let status = train_sweep(&SweepRequest { config, jobs, registry }, &RunWatch::new())?;
    Output::new(sweep_text(&status), &status, Vec::new())
}

#[cfg(not(feature = "train"))]
fn train_all(_config: SweepConfig, _jobs: usize) -> Result<Output> {
    Err(crate::error::TrainError::NotBuilt.into())
}
