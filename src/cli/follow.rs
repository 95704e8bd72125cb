//! A sweep as it goes: a bar for each run that is being trained on a terminal, plain lines elsewhere.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::io::IsTerminal;

use indicatif::{MultiProgress, ProgressBar};

use super::progress::{Shown, style, target};
use super::signals;
use super::streams::note;
use crate::report::inert;
use crate::sweep::{Begin, Follower, LiveRun, RunRow};
use crate::units::short_count;

/// Follows the runs of a sweep.
pub(super) struct Follow {
    bars: MultiProgress,
    open: RefCell<HashMap<String, ProgressBar>>,
    begun: RefCell<BTreeSet<String>>,
    on_terminal: bool,
    _shown: Shown,
}

impl Follow {
    /// From now on the first Ctrl-C stops all runs once their state is saved.
    pub(super) fn new() -> Self {
        signals::save_first();
        Self {
            bars: MultiProgress::with_draw_target(target()),
            open: RefCell::default(),
            begun: RefCell::default(),
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

    fn bar(&self, live: &LiveRun) {
        let progress = &live.progress;
        let mut open = self.open.borrow_mut();
        let bar = open.entry(live.run.clone()).or_insert_with(|| {
            let bar = self.bars.add(ProgressBar::new(progress.steps));
            bar.set_style(style("{prefix:26} {bar:20} {pos}/{len} steps, {msg}"));
            bar.set_prefix(live.run.clone());
            bar
        });
        bar.set_length(progress.steps);
        bar.set_position(progress.step);
        let loss = progress.loss_nats.map_or(String::new(), |l| format!("loss {l:.3} nats, "));
        let left = match progress.step {
            0 => "just begun".to_owned(),
            step => {
                let left = progress.steps.saturating_sub(step) as f64 / step as f64;
                format!("{:.0} s left", progress.elapsed_s * left)
            }
        };
        bar.set_message(loss + &left);
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
            if self.on_terminal {
                self.bar(live);
            } else if self.begun.borrow_mut().insert(live.run.clone()) {
                note(&format!("{}: {} steps", live.run, live.progress.steps));
            }
        }
        self.open.borrow_mut().retain(|run, bar| {
            let stays = here.contains(run.as_str());
            if !stays {
                bar.finish_and_clear();
            }
            stays
        });
    }

    fn on_end(&self, row: &RunRow) {
        let run = &row.spec.id;
        if let Some(bar) = self.open.borrow_mut().remove(run) {
            bar.finish_and_clear();
        }
        let reason = row.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
        self.line(&match &row.row {
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
        self.line(text);
    }

    fn should_stop(&self) -> bool {
        signals::caught().is_some()
    }
}
