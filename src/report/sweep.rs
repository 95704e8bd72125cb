//! The runs of a sweep: which have ended, which are left.

use std::collections::BTreeMap;

use super::number::loss;
use super::sweep_tuning::sweep_tuning_text;
use super::table::Table;
use super::text::Text;

use crate::sweep::{NextRuns, RunState, SweepStatus};
use crate::units::{Flops, Tokens};

/// Characters of the longest name beside which FLOPs have room.
const SHORT_NAME: usize = 24;

/// Every run with its budget, size, tokens and what became of it; a time with a plus is what is left.
#[must_use]
pub fn sweep_table(status: &SweepStatus) -> Table {
    // Long names say the budget or the tokens themselves.
    let longest = status.planned.iter().map(|run| run.run.chars().count()).max().unwrap_or(0);
    let with_flops = longest <= SHORT_NAME;
    let mut columns = vec!["run", "FLOPs", "N", "D", "state", "loss", "time +left"];
    columns.retain(|column| with_flops || *column != "FLOPs");
    let title = format!("Sweep {}: parameters, tokens, nats per token", status.sweep);
    let mut table = Table::new(title, &columns);
    for run in &status.planned {
        let begun = run.share_done > 0.0 && run.status.is_none();
        let done = if begun { format!(", {}", percent(run.share_done)) } else { String::new() };
        // What is left of a run that has not ended, else what it took.
        let left = run.eta_s.map(|left| format!("+{}", time(left)));
        let mut row = vec![run.run.clone()];
        row.extend(with_flops.then(|| run.flops.to_string()));
        row.extend([
            run.n_params.to_string(),
            run.tokens.to_string(),
            format!("{}{done}", run.state),
            run.loss_nats.or(run.last_loss_nats).map_or_else(String::new, loss),
            left.or(run.elapsed_s.map(time)).unwrap_or_default(),
        ]);
        table.rows.push(row);
    }
    table
}

/// How far the sweep is, in one line.
#[must_use]
pub fn sweep_line(status: &SweepStatus) -> String {
    let mut line = format!(
        "{} of {} runs ended, {} of {} FLOPs",
        status.ended,
        status.total,
        percent(status.share_done),
        status.flops_total
    );
    if status.running > 0 {
        line += &format!(", {} running", status.running);
    }
    if !status.is_done() {
        line += &status.eta_s.map_or_else(String::new, |s| format!(", about {} left", time(s)));
    }
    if !status.failures.is_empty() {
        line += &format!(", {} without a loss", status.failures.len());
    }
    line + "\n"
}

/// How far a sweep is, what went wrong, what branches saved, and the table of runs.
#[must_use]
pub fn sweep_text(status: &SweepStatus) -> Text {
    let mut text = Text::from(sweep_line(status));
    text.push_str(&format!("table: {}\n", status.records.display()));
    for failure in &status.failures {
        let reason = failure.reason.replace('\n', " | ");
        text.push_str(&format!("{} {}: {reason}\n", failure.run, failure.status));
    }
    for run in status.planned.iter().filter(|run| run.state == RunState::Stopped) {
        let (done, all) = (Tokens::new(run.tokens_done), run.tokens);
        text.push_str(&format!("{} stopped at {done} of {all} tokens\n", run.run));
    }
    if let Some(rate) = status.flops_per_s {
        text.push_str(&format!("speed: {} FLOPs a second and run\n", Flops::new(rate)));
    }
    if let Some(noise) = status.seed_noise {
        text.push_str(&format!(
            "seed noise: {:.2} % of the loss (standard deviation, {} runs in {} cells)\n",
            100.0 * noise.log_loss_sd,
            noise.runs,
            noise.cells
        ));
    }
    if status.saved_ratio() > 0.0 {
        text.push_str(&format!(
            "branches of common trunks: {} FLOPs spent in place of {}, {:.0} % saved\n",
            status.flops_spent(),
            status.flops,
            100.0 * status.saved_ratio()
        ));
    }
    for (differs, count) in superseded(status) {
        let runs = if count == 1 { "run" } else { "runs" };
        text.push_str(&format!("not counted: {count} {runs} of before, {differs}\n"));
    }
    for path in &status.damaged {
        text.push_str(&format!("damaged, trained again: {}\n", path.display()));
    }
    if let Some(tuning) = &status.tuning {
        text.apart(sweep_tuning_text(tuning));
    }
    text.apart(sweep_table(status));
    text
}

/// Why records are not counted, and how many for each reason.
fn superseded(status: &SweepStatus) -> BTreeMap<String, usize> {
    let mut reasons = BTreeMap::new();
    for run in &status.superseded {
        let reason = match run.differs.is_empty() {
            true => "which the file no longer has".to_owned(),
            false => format!("with another {}", run.differs.join(", another ")),
        };
        *reasons.entry(reason).or_default() += 1;
    }
    reasons
}

fn percent(share: f64) -> String {
    // All of it is said only when all of it is done.
    let percent = (100.0 * share).floor();
    format!("{percent:.0} %")
}

/// Seconds in the unit that people would use.
pub(super) fn time(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.1} d", s / 86_400.0),
    }
}

/// Which runs to add, a line each.
#[must_use]
pub fn next_runs_text(next: &NextRuns) -> String {
    if next.advice.is_empty() {
        return "every run has ended, and a fit finds the minimum of every isoFLOP profile inside its \
                sizes; next, add a larger budget\n"
            .to_owned();
    }
    next.advice.join("\n") + "\n"
}
