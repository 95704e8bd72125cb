//! A sweep as it goes: a bar for each run that is being trained on a terminal, plain lines elsewhere.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::run_bars::{RunBars, time_left};
use super::signals;
use super::streams::note;
use crate::sweep::{Begin, Follower, LiveRun, RunRow};
use crate::units::short_count;

/// Follows the runs of a sweep.
pub(super) struct Follow {
    bars: RunBars,
    begun: RefCell<BTreeSet<String>>,
}

impl Follow {
    /// From now on the first Ctrl-C stops all runs once their state is saved.
    pub(super) fn new() -> Self {
        Self { bars: RunBars::new(), begun: RefCell::default() }
    }
}

impl Follower for Follow {
    fn on_begin(&self, begin: &Begin) {
        let corpus = &begin.corpus;
        let sha256 = begin.corpus_sha256.get(..12).unwrap_or_default();
        let tokens = begin.train_tokens.map_or(String::new(), |tokens| {
            format!(" ({} training tokens, sha256 {sha256})", short_count(tokens as f64))
        });
        note(&format!("{} of {} runs to train on {corpus}{tokens}", begin.left, begin.total));
    }

    fn on_progress(&self, live: &[LiveRun]) {
        let here: BTreeSet<&str> = live.iter().map(|live| live.run.as_str()).collect();
        for live in live {
            let progress = &live.progress;
            let (step, steps) = (progress.step, progress.steps);
            if self.bars.on_terminal {
                let loss =
                    progress.loss_nats.map_or(String::new(), |l| format!("loss {l:.3} nats, "));
                let left = time_left(step, steps, progress.elapsed_s);
                self.bars.at(&live.run, (step, steps), loss + &left);
            } else if self.begun.borrow_mut().insert(live.run.clone()) {
                note(&format!("{}: {steps} steps", live.run));
            }
        }
        self.bars.keep(|run| here.contains(run));
    }

    fn on_end(&self, row: &RunRow) {
        let run = &row.spec.id;
        self.bars.keep(|other| other != run);
        let reason = row.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
        self.bars.line(&match &row.row {
            None => format!("{run}: {}{reason}", row.status),
            Some(ended) => {
                let loss = ended.loss_nats.map(|l| format!("loss {l:.4} nats"));
                let loss = loss.unwrap_or_else(|| "no final loss".to_owned());
                format!(
                    "{run}: {}{reason}, {loss}, {} parameters, {} tokens, {:.0} s",
                    row.status, ended.n_params, ended.tokens, ended.elapsed_s
                )
            }
        });
    }

    fn on_note(&self, text: &str) {
        self.bars.line(text);
    }

    fn should_stop(&self) -> bool {
        signals::caught().is_some()
    }
}
