//! Flags about reading logs, shared by every verb that reads them.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::output::Console;
use super::progress::Bytes;
use crate::data::{
    BestPer, ColumnMap, Given, LossChoice, ReadOptions, RunTable, Survey, Where, parse_rows,
    read_with_progress, survey,
};
use crate::error::Result;
use crate::units::ParamRule;

/// Flags about reading logs.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct ReadingArgs {
    /// Columns by quantity: n=COLUMN,d=COLUMN,loss=COLUMN.
    ///
    /// Also c, run, step, ratio (D/N), budget, status, weight, error, unique (tokens), experts,
    /// granularity, sparsity, weight_bits, activation_bits, kv_bits, served_bits, floor (entropy of the source). COLUMN*1e9 reads
    /// billions, ONE+OTHER adds, loss=ln(COLUMN) takes a perplexity.
    #[arg(help_heading = "Reading", long, value_name = "PAIRS")]
    map: Option<ColumnMap>,
    /// Which parameters N counts where a table has both.
    #[arg(help_heading = "Reading", long, value_enum, default_value = "all")]
    params: ParamRule,
    /// 0-based data rows to leave out, e.g. 0-4,7.
    #[arg(help_heading = "Reading", long, value_name = "ROWS")]
    exclude: Option<String>,
    /// Read only rows that meet a condition on any column, e.g. 'outlier == false', 'lr <= 1e-3'
    /// (repeatable).
    #[arg(help_heading = "Reading", long = "where", value_name = "CONDITION")]
    only: Vec<Where>,
    /// Keep the run of lowest loss among its like: cell, runs at one N and D.
    #[arg(help_heading = "Reading", long, value_enum, value_name = "GROUP")]
    best_per: Option<BestPer>,
    /// Take every row of a run with several rows for a run of its own, as under a constant learning
    /// rate, not its last row alone.
    #[arg(help_heading = "Reading", long)]
    every_row: bool,
    /// Leave bad rows of tables out instead of stopping at the first.
    #[arg(help_heading = "Reading", long)]
    skip_bad: bool,
    /// A fact that the logs lack or hold wrong, e.g. seq_len=2048.
    ///
    /// For all runs or one: tiny-a:n_params=3.1M, tiny-a:status=finished, batch_size,
    /// tokens_per_step, steps_per_epoch, max_steps, bytes_per_token (repeatable).
    #[arg(help_heading = "Reading", long, value_name = "[RUN:]KEY=VALUE")]
    given: Vec<Given>,
    /// Which loss of a step log represents its run.
    #[arg(help_heading = "Reading", long, value_enum, default_value = "auto")]
    loss: LossChoice,
    /// Share of a run's steps over which training loss is averaged.
    #[arg(help_heading = "Reading", long, value_name = "SHARE", default_value_t = 0.1)]
    tail: f64,
    /// Patterns for text logs of your own, tried before those of data/log-patterns.toml.
    #[arg(help_heading = "Reading", long, value_name = "FILE")]
    patterns: Option<PathBuf>,
}

impl ReadingArgs {
    /// Reads logs with these flags, with a progress bar.
    pub(super) fn read(&self, logs: &[PathBuf], console: &Console) -> Result<RunTable> {
        watched(logs, &self.options(console.strict)?)
    }

    /// All that the logs hold, bad rows of tables left out unless damage is to be refused.
    pub(super) fn look(&self, logs: &[PathBuf], console: &Console) -> Result<Survey> {
        let options = self.options(console.strict)?;
        let skip_bad = options.skip_bad || !console.strict;
        let options = ReadOptions { skip_bad, ..options };
        let bytes = Bytes::new("reading");
        let found = survey(logs, &options, &|done, total| bytes.at(done, total));
        bytes.clear();
        found
    }

    pub(super) fn options(&self, strict: bool) -> Result<ReadOptions> {
        Ok(ReadOptions {
            map: self.map.clone().unwrap_or_default(),
            params: self.params,
            exclude: self.exclude.as_deref().map(parse_rows).transpose()?.unwrap_or_default(),
            only: self.only.clone(),
            best_per: self.best_per,
            every_row: self.every_row,
            skip_bad: self.skip_bad,
            strict,
            given: self.given.clone(),
            loss: self.loss,
            tail: self.tail,
            patterns: self.patterns.clone(),
        })
    }
}

fn watched(logs: &[PathBuf], options: &ReadOptions) -> Result<RunTable> {
    let bytes = Bytes::new("reading");
    let table = read_with_progress(logs, options, &|done, total| bytes.at(done, total));
    bytes.clear();
    table
}
