//! `isoloss sweep run --dry-run`: what a sweep will take, before anything is trained.

use std::path::PathBuf;

use super::output::{Console, Output, check_formats, save_all};
use crate::error::Result;
use crate::report::{Format, Saved, dry_run_text, json_text, rates_chart};
use crate::sweep::{SweepConfig, SweepState};

/// Rows of each table that are shown; all with --verbose.
const ROWS: usize = 16;

/// Reads what has ended, trains nothing; `out` are pictures of the learning rates, or JSON.
pub(super) fn dry_run(
    config: &SweepConfig,
    jobs: usize,
    out: &[PathBuf],
    console: &Console,
) -> Result<Output> {
    check_formats(out, &[Format::Svg, Format::Png, Format::Json])?;
    let dry = config.dry_run(&SweepState::read(config)?.all_ended(), jobs)?;
    let mut text = dry_run_text(&dry, if console.verbose { usize::MAX } else { ROWS });
    if !out.is_empty() {
        let (chart, json) = (rates_chart(&dry.schedules), json_text(&dry)?);
        text.push_str(&save_all(out, &[Saved::Chart(&chart), Saved::Json(&json)])?);
    }
    Output::new(text, &dry, Vec::new())
}
