//! Training runs as they go: one bar each on a terminal, a line per evaluation elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::sync::Mutex;

use indicatif::{MultiProgress, ProgressBar};

use super::progress::{Shown, style, target};
use super::signals;
use super::streams::note;
use crate::report::inert;
use crate::sweep::{Begin, RunResult, RunSpec, TrainEvent, Watcher};
use crate::units::short_count;

/// Watches training runs: one bar each on a terminal, a line per evaluation elsewhere.
pub(super) struct RunWatch {
    bars: MultiProgress,
    open: Mutex<HashMap<String, ProgressBar>>,
    on_terminal: bool,
    _shown: Shown,
}

impl RunWatch {
    /// A watch that stops all runs at the first Ctrl-C, once their state is saved.
    pub(super) fn new() -> Self {
        signals::save_first();
        Self {
            bars: MultiProgress::with_draw_target(target()),
            open: Mutex::new(HashMap::new()),
            on_terminal: std::io::stderr().is_terminal(),
            _shown: Shown::new(),
        }
    }

    /// A line that stays, above the bars where there are any.
    fn line(&self, line: &str) {
        if self.on_terminal {
            let _ = self.bars.println(inert(line));
        } else {
            note(line);
        }
    }

    fn line_if_plain(&self, line: &str) {
        if !self.on_terminal {
            note(line);
        }
    }
}

impl Watcher for RunWatch {
    fn on_begin(&self, begin: &Begin) {
        note(&format!("training on {}; log: {}", begin.corpus, begin.log.display()));
    }

    fn on_event(&self, spec: &RunSpec, event: &TrainEvent) -> ControlFlow<()> {
        let id = spec.id.as_str();
        if let Ok(mut open) = self.open.lock() {
            match event {
                TrainEvent::Start(start) => {
                    for text in &start.notes {
                        self.line(text);
                    }
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
                TrainEvent::Checkpoint { .. } | TrainEvent::Waiting(_) => {}
                TrainEvent::Eval(eval) => self.line_if_plain(&format!(
                    "{id}: step {}, {} tokens, validation loss {:.4} nats, {:.0} s",
                    eval.step,
                    short_count(eval.tokens as f64),
                    eval.loss_nats,
                    eval.elapsed_s
                )),
            }
        }
        if signals::caught().is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn on_end(&self, _spec: &RunSpec, row: &RunResult) {
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
