//! Progress: a bar on a terminal, plain lines elsewhere, always on stderr.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::fit::Progress;
use crate::sweep::{RunResult, RunSpec, TrainEvent, Watcher};

/// A count that moves quickly: shown on a terminal, silent elsewhere.
#[derive(Debug)]
pub(super) struct Counter {
    bar: ProgressBar,
}

impl Counter {
    pub(super) fn new(what: &'static str, total: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total as u64), target());
        bar.set_style(style("{msg} {bar:30} {pos}/{len} {eta}"));
        bar.set_message(what);
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
    told: Mutex<std::time::Instant>,
}

impl Bytes {
    pub(super) fn new(what: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), target());
        bar.set_style(style(
            "{msg} {bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        ));
        bar.set_message(what);
        let on_terminal = std::io::stderr().is_terminal();
        Self { bar, on_terminal, told: Mutex::new(std::time::Instant::now()) }
    }

    pub(super) fn at(&self, done: u64, total: u64) {
        if self.on_terminal {
            self.bar.set_length(total.max(done));
            self.bar.set_position(done);
            return;
        }
        let Ok(mut told) = self.told.try_lock() else { return };
        if told.elapsed().as_secs() >= 10 {
            *told = std::time::Instant::now();
            plain(&format!("read {} of {} MB", done / 1_000_000, total / 1_000_000));
        }
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn target() -> ProgressDrawTarget {
    if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Set once Ctrl-C was pressed; a second Ctrl-C ends the process at once.
#[allow(clippy::exit, reason = "the second Ctrl-C asks for exactly that")]
pub(super) fn stop_flag() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let pressed = Arc::clone(&flag);
    // A handler that cannot be set leaves the default, which ends the process: logs stay valid
    // up to their last flushed line either way.
    let _ = ctrlc::set_handler(move || {
        if pressed.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    });
    flag
}

/// Watches training runs: one bar each on a terminal, a line per evaluation elsewhere.
pub(super) struct RunWatch {
    bars: MultiProgress,
    open: Mutex<HashMap<String, ProgressBar>>,
    stop: Arc<AtomicBool>,
    on_terminal: bool,
}

impl RunWatch {
    pub(super) fn new(stop: Arc<AtomicBool>) -> Self {
        Self {
            bars: MultiProgress::with_draw_target(target()),
            open: Mutex::new(HashMap::new()),
            stop,
            on_terminal: std::io::stderr().is_terminal(),
        }
    }

    /// A line that stays, above the bars where there are any.
    pub(super) fn line(&self, line: &str) {
        if self.on_terminal {
            let _ = self.bars.println(line);
        } else {
            plain(line);
        }
    }

    pub(super) fn tell(&self, id: &str, event: &TrainEvent) -> ControlFlow<()> {
        if let Ok(mut open) = self.open.lock() {
            match event {
                TrainEvent::Start(start) => {
                    let bar = self.bars.add(ProgressBar::new(start.steps));
                    bar.set_style(style(
                        "{prefix:26} {bar:20} {pos}/{len} steps, {msg}, {eta} left",
                    ));
                    bar.set_prefix(id.to_owned());
                    open.insert(id.to_owned(), bar);
                    let (n, steps) = (start.n_params, start.steps);
                    self.line_if_plain(&format!("{id}: {n} parameters, {steps} steps"));
                }
                TrainEvent::Step(step) => {
                    if let Some(bar) = open.get(id) {
                        bar.set_position(step.step);
                        bar.set_message(format!("loss {:.3} nats", step.loss_nats));
                    }
                }
                TrainEvent::Checkpoint { .. } => {}
                TrainEvent::Eval(eval) => self.line_if_plain(&format!(
                    "{id}: step {}, {} tokens, validation loss {:.4} nats, {:.0} s",
                    eval.step,
                    crate::units::short_count(eval.tokens as f64),
                    eval.loss_nats,
                    eval.elapsed_s
                )),
            }
        }
        if self.stop.load(Ordering::SeqCst) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn line_if_plain(&self, line: &str) {
        if !self.on_terminal {
            plain(line);
        }
    }

    pub(super) fn ended(&self, row: &RunResult) {
        if let Some(bar) = self.open.lock().ok().and_then(|mut open| open.remove(&row.run)) {
            bar.finish_and_clear();
        }
        let loss =
            row.loss_nats.map_or("no final loss".to_owned(), |l| format!("loss {l:.4} nats"));
        self.line(&format!(
            "{}: {}, {loss}, {} parameters, {} tokens, {:.0} s",
            row.run, row.status, row.n_params, row.tokens, row.elapsed_s
        ));
    }
}

fn plain(line: &str) {
    super::output::note(line);
}

impl Watcher for RunWatch {
    fn on_event(&self, spec: &RunSpec, event: &TrainEvent) -> ControlFlow<()> {
        self.tell(&spec.id, event)
    }

    fn on_end(&self, _spec: &RunSpec, result: &RunResult) {
        self.ended(result);
    }

    fn should_stop(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}
