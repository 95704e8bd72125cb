//! Progress: a bar on a terminal, plain lines elsewhere, always on stderr.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::streams::{is_quiet, note};
use crate::fit::Progress;

/// Between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Bars that say how far the work is.
static SHOWN: AtomicUsize = AtomicUsize::new(0);

/// A bar is there as long as this lives.
#[derive(Debug)]
pub(super) struct Shown(());

impl Shown {
    pub(super) fn new() -> Self {
        SHOWN.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        SHOWN.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Says that a verb still works, where nothing else says how far it is: after a second on a terminal,
/// every ten elsewhere.
#[derive(Debug)]
pub(super) struct Heartbeat {
    /// Closed when the verb has ended.
    working: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    /// - `verb`: what is said to run.
    pub(super) fn start(verb: &str) -> Self {
        let (working, ended) = channel::<()>();
        let (verb, start) = (verb.to_owned(), Instant::now());
        let beat = move || {
            let mut spinner: Option<ProgressBar> = None;
            let mut last_line = start;
            while ended.recv_timeout(Duration::from_millis(100)) == Err(RecvTimeoutError::Timeout) {
                let alone = SHOWN.load(Ordering::SeqCst) == 0 && start.elapsed().as_secs() >= 1;
                if !alone {
                    if let Some(spinner) = spinner.take() {
                        spinner.finish_and_clear();
                    }
                } else if std::io::stderr().is_terminal() {
                    spinner.get_or_insert_with(|| spinning(&verb, start)).tick();
                } else if last_line.elapsed() >= LINE_EVERY {
                    last_line = Instant::now();
                    note(&format!("{verb}: {} s so far", start.elapsed().as_secs()));
                }
            }
            if let Some(spinner) = spinner {
                spinner.finish_and_clear();
            }
        };
        // Without room for a thread there is no heartbeat, and the verb runs all the same.
        let thread = std::thread::Builder::new().name("heartbeat".to_owned()).spawn(beat).ok();
        Self { working: Some(working), thread }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        drop(self.working.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn spinning(verb: &str, start: Instant) -> ProgressBar {
    let spinner = ProgressBar::with_draw_target(None, target()).with_elapsed(start.elapsed());
    spinner.set_style(style("{spinner} {msg} {elapsed}"));
    spinner.set_message(verb.to_owned());
    spinner
}

/// When the last line was written where there is no terminal.
#[derive(Debug)]
struct Lines {
    on_terminal: bool,
    last: Mutex<Instant>,
}

impl Lines {
    fn new() -> Self {
        let on_terminal = std::io::stderr().is_terminal();
        Self { on_terminal, last: Mutex::new(Instant::now()) }
    }

    fn say_now_and_then(&self, line: impl FnOnce() -> String) {
        if self.on_terminal {
            return;
        }
        let Ok(mut last) = self.last.try_lock() else { return };
        if last.elapsed() >= LINE_EVERY {
            *last = Instant::now();
            note(&line());
        }
    }
}

/// A count that moves quickly.
#[derive(Debug)]
pub(super) struct Counter {
    what: &'static str,
    bar: ProgressBar,
    lines: Lines,
    _shown: Shown,
}

impl Counter {
    pub(super) fn new(what: &'static str, total: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total as u64), target());
        bar.set_style(style("{msg} {bar:30} {pos}/{len} {elapsed}, {eta} left"));
        bar.set_message(what);
        // The search for the minimum comes before the first count: the clock shows that it runs.
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { what, bar, lines: Lines::new(), _shown: Shown::new() }
    }

    pub(super) fn at(&self, Progress { done, total }: Progress) -> ControlFlow<()> {
        // Redrawing on each of thousands of draws would cost more than the draws.
        if total < 100 || done.is_multiple_of(64) {
            self.bar.set_length(total as u64);
            self.bar.set_position(done as u64);
            self.lines.say_now_and_then(|| format!("{}: {done} of {total}", self.what));
        }
        ControlFlow::Continue(())
    }

    pub(super) fn clear(self) {
        self.bar.finish_and_clear();
    }
}

/// Bytes read.
#[derive(Debug)]
pub(super) struct Bytes {
    bar: ProgressBar,
    lines: Lines,
    _shown: Shown,
}

impl Bytes {
    pub(super) fn new(what: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), target());
        bar.set_style(style(
            "{msg} {bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        ));
        bar.set_message(what);
        Self { bar, lines: Lines::new(), _shown: Shown::new() }
    }

    pub(super) fn at(&self, done: u64, total: u64) {
        if self.lines.on_terminal {
            self.bar.set_length(total.max(done));
            self.bar.set_position(done);
        }
        let mb = 1_000_000;
        self.lines.say_now_and_then(|| format!("read {} of {} MB", done / mb, total / mb));
    }

    pub(super) fn clear(self) {
        self.bar.finish_and_clear();
    }
}

pub(super) fn target() -> ProgressDrawTarget {
    if std::io::stderr().is_terminal() && !is_quiet() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    }
}

pub(super) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
