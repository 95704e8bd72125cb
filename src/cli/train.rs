//! `isoloss train`: one run of the bundled trainer.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::output::Output;
use crate::error::Result;

/// Flags of `isoloss train`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Example:
  isoloss train configs/tiny-run.toml       # stopped or killed, it continues when started again")]
pub(super) struct Args {
    /// The run file.
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
}

#[cfg(feature = "train")]
pub(super) fn run(args: &Args) -> Result<Output> {
    use super::output::Failed;
    use super::run_watch::RunWatch;
    use super::streams::note;
    use crate::error::SweepError;
    use crate::sweep::{RunConfig, RunStatus};
    use crate::train::{TrainRequest, train_run};

    let config = RunConfig::read(&args.file)?;
    let report = train_run(&TrainRequest { config, registry: registry() }, &RunWatch::new())?;
    let row = &report.result;
    if report.ended_before {
        note("this run has ended with these settings and this corpus; nothing to train");
    }
    let loss = row.loss_nats.map_or("no final loss".to_owned(), |nats| {
        let bits = row.bits_per_byte.map_or(String::new(), |b| format!(", {b:.4} bits per byte"));
        let above = report.above_floor_nats();
        let floor = above.map_or(String::new(), |a| {
            format!(", {a:.4} above {:.4}, the entropy of the source", nats - a)
        });
        format!("{nats:.4} nats per token{bits}{floor}")
    });
    let log = report.log.display();
    let mut text = format!("{} after {} tokens: {loss}\nlog: {log}\n", row.status, row.tokens);
    if let Some(built) = row.n_params_built {
        let n = row.n_params;
        text.push_str(&format!(
            "N is {n} of the model's {built} parameters: some tokens never occur in the data\n"
        ));
    }
    let mut output = Output::new(text, &report, Vec::new())?;
    if row.status == RunStatus::Diverged {
        let (run, tokens) = (row.run.clone(), row.tokens.to_string());
        let error = SweepError::RunDiverged { run, tokens }.into();
        let hint = "a lower peak_lr or a longer warm-up, under another name";
        output.failed = Some(Failed { error, hint: Some(hint.to_owned()) });
    }
    Ok(output)
}

#[cfg(not(feature = "train"))]
pub(super) fn run(args: &Args) -> Result<Output> {
    // A mistake in the file is said first: it would be there after the new build too.
    crate::sweep::RunConfig::read(&args.file)?;
    Err(crate::error::TrainError::NotBuilt.into())
}

/// Where cargo unpacks crates, for crate sources.
#[cfg(feature = "train")]
pub(super) fn registry() -> Option<PathBuf> {
    let from_home = || std::env::home_dir().map(|home| home.join(".cargo"));
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(from_home)?;
    Some(cargo.join("registry").join("src"))
}
