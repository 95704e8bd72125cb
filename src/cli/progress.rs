//! Progress: a bar on a terminal, plain lines elsewhere, always on stderr.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::fit::Progress;

/// A count that moves quickly: shown on a terminal, silent elsewhere.
#[derive(Debug)]
pub(super) struct Counter {
    bar: ProgressBar,
}

impl Counter {
    pub(super) fn new(what: &'static str, total: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total as u64), target());
        bar.set_style(style("{msg} {bar:30} {pos}/{len} {elapsed}, {eta} left"));
        bar.set_message(what);
        // The search for the minimum comes before the first count: the clock shows that it runs.
        bar.enable_steady_tick(std::time::Duration::from_millis(200));
        Self { bar }
    }

    pub(super) fn at(&self, Progress { done, total }: Progress) -> ControlFlow<()> {
        // Redrawing on each of thousands of draws would cost more than the draws.
        if total < 100 || done.is_multiple_of(64) {
            self.bar.set_length(total as u64);
            self.bar.set_position(done as u64);
        }
        ControlFlow::Continue(())
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// Bytes read: a bar on a terminal, a line every ten seconds elsewhere.
#[derive(Debug)]
pub(super) struct Bytes {
    bar: ProgressBar,
    on_terminal: bool,
    last_line: Mutex<std::time::Instant>,
}

impl Bytes {
    pub(super) fn new(what: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), target());
        bar.set_style(style(
            "{msg} {bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        ));
        bar.set_message(what);
        let on_terminal = std::io::stderr().is_terminal();
        Self { bar, on_terminal, last_line: Mutex::new(std::time::Instant::now()) }
    }

    pub(super) fn at(&self, done: u64, total: u64) {
        if self.on_terminal {
            self.bar.set_length(total.max(done));
            self.bar.set_position(done);
            return;
        }
        let Ok(mut last_line) = self.last_line.try_lock() else { return };
        if last_line.elapsed().as_secs() >= 10 {
            *last_line = std::time::Instant::now();
            plain(&format!("read {} of {} MB", done / 1_000_000, total / 1_000_000));
        }
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

pub(super) fn target() -> ProgressDrawTarget {
    if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    }
}

pub(super) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn plain(line: &str) {
    super::output::note(line);
}
