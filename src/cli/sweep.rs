//! `isoloss sweep run|status|next`.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use serde_json::json;

use super::output::{Output, to_value};
use crate::data::write_atomically;
#[cfg(not(feature = "train"))]
use crate::error::TrainError;
use crate::error::{Error, Result, SweepError};
use crate::flops::FlopRule;
use crate::report::Table;
use crate::sweep::{RunSpec, SweepConfig, SweepFolder, SweepState, thinned_log};
use crate::units::{Flops, short_count};

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
    /// What has ended, what is left.
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
    /// Which runs to add: what is left, and sizes beyond valleys that are open on one side.
    Next {
        #[command(flatten)]
        common: Common,
    },
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

pub(super) fn run(args: &Args) -> Result<Output> {
    match &args.action {
        Action::Run { common, executor, jobs } => {
            if *executor == Executor::Slurm {
                return Err(SweepError::Executor { name: "slurm".to_owned() }.into());
            }
            train_all(&load(common)?, usize::from(*jobs))?;
            status(&load(common)?)
        }
        Action::Status { common } => status(&load(common)?),
        Action::Export { common, out, steps } => export(&load(common)?, out, *steps),
        Action::Next { common } => next(&load(common)?),
    }
}

fn export(config: &SweepConfig, out: &Path, steps: usize) -> Result<Output> {
    let folder = SweepFolder::new(config.out_dir());
    let state = folder.state()?;
    let runs = config.runs();
    let mut table = String::new();
    let mut ended = 0;
    // In the order of the sweep file, whatever order the runs ended in.
    for row in runs.iter().filter_map(|r| state.ended.get(&r.id)) {
        let log = thinned_log(&folder, &row.run, steps)?;
        write_atomically(&out.join("logs").join(format!("{}.jsonl", row.run)), log.as_bytes())?;
        table.push_str(&to_value(row)?.to_string());
        table.push('\n');
        ended += 1;
    }
    write_atomically(&out.join("runs.jsonl"), table.as_bytes())?;
    let text = format!("wrote {ended} runs to {}\n", out.display());
    Output::new(text, &json!({ "out": out, "runs": ended }), Vec::new())
}

fn load(common: &Common) -> Result<SweepConfig> {
    let path = &common.file;
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, "reading", &e))?;
    SweepConfig::parse(&text, &path.display().to_string())
}

#[cfg(feature = "train")]
fn train_all(config: &SweepConfig, jobs: usize) -> Result<()> {
    use std::sync::Arc;

    use super::progress::{RunWatch, stop_flag};
    use crate::sweep::run_sweep;

    let folder = SweepFolder::new(config.out_dir());
    let runs = config.runs();
    let state = folder.state()?;
    let left = runs.iter().filter(|r| !state.is_done(&r.id)).count();
    if left == 0 {
        super::output::note("every run of this sweep has ended; nothing to train");
        return Ok(());
    }
    let corpus = Arc::new(super::train::read_corpus(&config.corpus)?);
    let foreign = runs
        .iter()
        .filter_map(|r| state.ended.get(&r.id))
        .find(|row| row.corpus_sha256 != corpus.sha256);
    if let Some(row) = foreign {
        let (path, run) = (folder.records().display().to_string(), row.run.clone());
        return Err(SweepError::Foreign { path, run }.into());
    }
    super::output::note(&format!(
        "{left} of {} runs to train on {} ({} training tokens, sha256 {})",
        runs.len(),
        corpus.name,
        short_count(corpus.train.len() as f64),
        &corpus.sha256[..12]
    ));
    let watch = RunWatch::new(stop_flag());
    let checkpoints = config.out_dir().join("checkpoints");
    let new_trainer =
        || super::train::trainer(Arc::clone(&corpus), &config.execution, &checkpoints);
    run_sweep(&folder, &runs, jobs, &config.execution.logs, &new_trainer, &watch)?;
    Ok(())
}

#[cfg(not(feature = "train"))]
fn train_all(_config: &SweepConfig, _jobs: usize) -> Result<()> {
    Err(TrainError::NotBuilt.into())
}

fn status(config: &SweepConfig) -> Result<Output> {
    let folder = SweepFolder::new(config.out_dir());
    let state = folder.state()?;
    let runs = config.runs();
    let columns = ["run", "FLOPs", "N (params)", "D (tokens)", "state", "loss (nats)", "seconds"];
    let mut sheet = Table::new(format!("Sweep {}", config.name), &columns);
    for run in &runs {
        let c = FlopRule::six_nd(run.shape.params().active, run.tokens);
        let c = run.budget.unwrap_or(c).to_string();
        let n = run.shape.params().all.to_string();
        let d = run.tokens.to_string();
        let (how, loss, seconds) = match state.ended.get(&run.id) {
            None => ("to do".to_owned(), String::new(), String::new()),
            Some(row) => (
                row.status.to_string(),
                row.loss_nats.map_or_else(String::new, |l| format!("{l:.4}")),
                format!("{:.0}", row.elapsed_s),
            ),
        };
        sheet.push([&run.id, &c, &n, &d, &how, &loss, &seconds]);
    }
    let ended = runs.iter().filter(|r| state.is_done(&r.id)).count();
    let records = folder.records().display().to_string();
    let mut text =
        format!("{}\n{ended} of {} runs ended; table: {records}\n", sheet.to_text(), runs.len());
    let rows: Vec<_> = runs.iter().filter_map(|r| state.ended.get(&r.id)).collect();
    // What branches did not have to train, as compute: C of a run is that of its N and D all the same.
    let total: f64 = rows.iter().map(|row| row.flops.get()).sum();
    let saved: f64 = rows.iter().map(|row| row.flops_shared().get()).sum();
    if saved > 0.0 {
        text.push_str(&format!(
            "branches of common trunks: {} FLOPs spent in place of {}, {:.0} % saved\n",
            Flops::new(total - saved),
            Flops::new(total),
            100.0 * saved / total
        ));
    }
    let json = json!({
        "sweep": config.name,
        "total": runs.len(),
        "ended": ended,
        "records": records,
        "flops": total,
        "flops_saved_by_branches": saved,
        "runs": rows,
        "todo": todo(&runs, &state),
    });
    Output::new(text, &json, Vec::new())
}

fn todo(runs: &[RunSpec], state: &SweepState) -> Vec<String> {
    runs.iter().filter(|r| !state.is_done(&r.id)).map(|r| r.id.clone()).collect()
}

fn next(config: &SweepConfig) -> Result<Output> {
    let state = SweepFolder::new(config.out_dir()).state()?;
    let runs = config.runs();
    let todo = todo(&runs, &state);
    let mut advice: Vec<String> = todo.iter().map(|id| format!("train {id}")).collect();
    for cell in &config.cell {
        let mut ended: Vec<(f64, f64)> = runs
            .iter()
            .filter(|r| r.budget == Some(cell.flops))
            .filter_map(|r| {
                let row = state.ended.get(&r.id)?;
                Some((row.n_params.get(), row.loss_nats?))
            })
            .collect();
        ended.sort_by(|a, b| a.0.total_cmp(&b.0));
        let lowest = ended.iter().min_by(|a, b| a.1.total_cmp(&b.1)).map(|p| p.0);
        let (Some(first), Some(last), Some(lowest)) = (ended.first(), ended.last(), lowest) else {
            continue;
        };
        let c = cell.flops;
        if ended.len() < 3 {
            advice.push(format!("at {c} FLOPs: at least 3 sizes make a valley"));
        } else if lowest == first.0 {
            let n = short_count(first.0 / 1.5);
            advice.push(format!("at {c} FLOPs: a smaller model, about {n} parameters"));
        } else if lowest == last.0 {
            let n = short_count(last.0 * 1.5);
            advice.push(format!("at {c} FLOPs: a larger model, about {n} parameters"));
        }
    }
    let text = if advice.is_empty() {
        "every run has ended and every valley is bracketed; a dearer budget teaches most now\n"
            .to_owned()
    } else {
        advice.join("\n") + "\n"
    };
    Output::new(text, &json!({ "todo": todo, "advice": advice }), Vec::new())
}
