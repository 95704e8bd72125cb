//! `isoloss sweep run|status|watch|next|export`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::dry_run::dry_run;
use super::executor::{self, Executor};
use super::output::{Console, Output};
use super::{launching, watching, worker};
use crate::error::Result;
use crate::report::sweep_text;
use crate::sweep::{SweepConfig, SweepStatus, export};

/// Flags of `isoloss sweep`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss sweep run configs/first-light-sweep.toml --jobs 2 --dry-run
  isoloss sweep run configs/first-light-sweep.toml --jobs 2
  isoloss sweep run configs/first-light-sweep.toml --executor slurm
  isoloss sweep status configs/first-light-sweep.toml
  isoloss sweep watch configs/first-light-sweep.toml
  isoloss sweep next configs/first-light-sweep.toml")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Train every run that has not ended; safe to stop and start again.
    ///
    /// Train every run that has not ended, each in a process of its own. Safe to stop, to kill and to
    /// start again. Exit code 1 when a run diverged or could not be trained.
    Run {
        #[command(flatten)]
        common: Common,
        /// Where runs are executed.
        #[arg(long, value_enum, default_value = "local")]
        executor: Executor,
        /// Runs at a time; as many as there are cores for their threads when absent.
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
        jobs: Option<u16>,
        /// Longest time of one run, seconds; in place of `time_limit` in the file.
        #[arg(long, value_name = "SECONDS")]
        timeout: Option<f64>,
        /// Train nothing: show every run with its FLOPs, memory and time, and the learning rates.
        #[arg(long)]
        dry_run: bool,
        /// Write the learning rates of a dry run as .svg or .png, or all of it as .json.
        #[arg(short, long, value_name = "FILE", requires = "dry_run")]
        out: Vec<PathBuf>,
    },
    /// How far every run is, what is left, what went wrong.
    Status {
        #[command(flatten)]
        common: Common,
    },
    /// Stop what is being trained, here and in Slurm; it is saved, and `run` goes on from there.
    Stop {
        #[command(flatten)]
        common: Common,
    },
    /// The same again and again until every run has ended.
    Watch {
        #[command(flatten)]
        common: Common,
        /// Seconds between two looks.
        #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
        every: f64,
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
    Next(Box<super::sweep_next::Args>),
    /// Train one unit of a sweep; started by `sweep run`.
    #[command(hide = true)]
    Worker(worker::Args),
}

#[derive(Debug, ClapArgs)]
struct Common {
    /// The sweep file.
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Output> {
    match &args.action {
        Action::Run { common, jobs, dry_run: true, out, .. } => {
            let config = SweepConfig::read(&common.file)?;
            let jobs = jobs.map_or_else(|| executor::usual_jobs(&config), usize::from);
            dry_run(&config, jobs, out, console)
        }
        Action::Run { common, executor, jobs, timeout, .. } => {
            let mut config = SweepConfig::read(&common.file)?;
            if let Some(limit) = timeout {
                config.execution.time_limit = Some(*limit);
                config.execution.validate()?;
            }
            launching::run(&config, *executor, jobs.map(usize::from))
        }
        Action::Status { common } => {
            let status = SweepStatus::read(&SweepConfig::read(&common.file)?)?;
            Output::new(sweep_text(&status), &status, Vec::new())
        }
        Action::Stop { common } => executor::stop(&SweepConfig::read(&common.file)?),
        Action::Watch { common, every } => {
            watching::run(&SweepConfig::read(&common.file)?, *every, console)
        }
        Action::Export { common, out, steps } => {
            let exported = export(&SweepConfig::read(&common.file)?, out, *steps)?;
            let text = format!("wrote {} runs to {}\n", exported.runs, exported.out.display());
            Output::new(text, &exported, Vec::new())
        }
        Action::Next(next) => super::sweep_next::run(next, console),
        Action::Worker(args) => Ok(Output { exit: Some(worker::run(args)?), ..Output::default() }),
    }
}
