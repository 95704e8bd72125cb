//! Training runs on stderr: a bar each on a terminal, plain lines elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::Mutex;

use indicatif::{MultiProgress, ProgressBar};

use super::progress::{Shown, style, target};
use super::signals;
use super::streams::note;
use crate::report::inert;

/// The bars of the runs that are being trained.
pub(super) struct RunBars {
    bars: MultiProgress,
    open: Mutex<HashMap<String, ProgressBar>>,
    pub(super) on_terminal: bool,
    _shown: Shown,
}

impl RunBars {
    /// From now on the first Ctrl-C stops all runs once their state is saved.
    pub(super) fn new() -> Self {
        signals::save_first();
        Self {
            bars: MultiProgress::with_draw_target(target()),
            open: Mutex::default(),
            on_terminal: std::io::stderr().is_terminal(),
            _shown: Shown::new(),
        }
    }

    /// A line that stays, above the bars where there are any.
    pub(super) fn line(&self, line: &str) {
        if self.on_terminal {
            let _ = self.bars.println(inert(line));
        } else {
            note(line);
        }
    }

    /// A line where there are no bars.
    #[cfg(feature = "train")]
    pub(super) fn line_if_plain(&self, line: &str) {
        if !self.on_terminal {
            note(line);
        }
    }

    /// How far a run is, and what is said beside it. Its bar is made when it is new.
    pub(super) fn at(&self, run: &str, (step, steps): (u64, u64), said: String) {
        let Ok(mut open) = self.open.lock() else { return };
        let bar = open.entry(run.to_owned()).or_insert_with(|| {
            let bar = self.bars.add(ProgressBar::new(steps));
            bar.set_style(style("{prefix:26} {bar:20} {pos}/{len} steps, {msg}"));
            bar.set_prefix(run.to_owned());
            bar
        });
        bar.set_length(steps);
        bar.set_position(step);
        bar.set_message(said);
    }

    /// Takes away the bars of runs that do not stay.
    pub(super) fn keep(&self, stays: impl Fn(&str) -> bool) {
        let Ok(mut open) = self.open.lock() else { return };
        open.retain(|run, bar| {
            let stays = stays(run);
            if !stays {
                bar.finish_and_clear();
            }
            stays
        });
    }
}

/// Seconds left at the speed so far, for a bar.
pub(super) fn time_left(step: u64, steps: u64, elapsed_s: f64) -> String {
    match step {
        0 => "just begun".to_owned(),
        step => {
            let left = steps.saturating_sub(step) as f64 / step as f64;
            format!("{:.0} s left", elapsed_s * left)
        }
    }
}
