//! A training run as it goes: a bar on a terminal, a line per evaluation elsewhere.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use super::run_bars::{RunBars, time_left};
use super::signals;
use super::streams::note;
use crate::sweep::{Begin, RunResult, RunSpec, TrainEvent, Watcher};
use crate::units::short_count;

/// Watches a training run: a bar on a terminal, a line per evaluation elsewhere.
pub(super) struct RunWatch {
    bars: RunBars,
    steps: AtomicU64,
}

impl RunWatch {
    /// A watch that stops the run at the first Ctrl-C, once its state is saved.
    pub(super) fn new() -> Self {
        Self { bars: RunBars::new(), steps: AtomicU64::new(0) }
    }
}

impl Watcher for RunWatch {
    fn on_begin(&self, begin: &Begin) {
        note(&format!("training on {}; log: {}", begin.corpus, begin.log.display()));
    }

    fn on_event(&self, spec: &RunSpec, event: &TrainEvent) -> ControlFlow<()> {
        let id = spec.id.as_str();
        match event {
            TrainEvent::Start(start) => {
                for text in &start.notes {
                    self.bars.line(text);
                }
                let (n, steps) = (start.n_params, start.steps);
                self.steps.store(steps, Ordering::Relaxed);
                self.bars.line_if_plain(&format!("{id}: {n} parameters, {steps} steps"));
            }
            TrainEvent::Step(step) if self.bars.on_terminal => {
                let steps = self.steps.load(Ordering::Relaxed);
                let left = time_left(step.step, steps, step.elapsed_s);
                let said = format!("loss {:.3} nats, {left}", step.loss_nats);
                self.bars.at(id, (step.step, steps), said);
            }
            TrainEvent::Step(_) | TrainEvent::Checkpoint { .. } | TrainEvent::Waiting(_) => {}
            TrainEvent::Eval(eval) => self.bars.line_if_plain(&format!(
                "{id}: step {}, {} tokens, validation loss {:.4} nats, {:.0} s",
                eval.step,
                short_count(eval.tokens as f64),
                eval.loss_nats,
                eval.elapsed_s
            )),
        }
        if signals::caught().is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn on_end(&self, _spec: &RunSpec, row: &RunResult) {
        self.bars.keep(|run| run != row.run);
        let loss =
            row.loss_nats.map_or("no final loss".to_owned(), |l| format!("loss {l:.4} nats"));
        self.bars.line(&format!(
            "{}: {}, {loss}, {} parameters, {} tokens, {:.0} s",
            row.run, row.status, row.n_params, row.tokens, row.elapsed_s
        ));
    }
}
