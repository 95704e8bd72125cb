//! A fit as people read it.

use crate::data::RunTable;
use crate::report::{
    Text, approaches_table, certificate_text, decision_table, diagnostics_text, extrapolation_text,
    fit_table, flop_count_text, groups_text, held_out_text, left_out_text, minima_table,
    objective_text, ranking_text, refusals_text, rollout_text, stack_text, verdict_text,
};
use crate::study::fit::FitReport;

impl FitReport {
    /// What the law says, how far to believe it, and what it was fitted to.
    ///
    /// - `next`: what to do with it, in the words of the program that asks; may be empty.
    #[must_use]
    pub fn text(&self, table: &RunTable, next: &str) -> Text {
        let fit = &self.fit;
        let mut text = verdict_text(fit, &self.decisions, self.held_out.as_ref(), &self.warnings);
        if !next.is_empty() {
            text.push_str(&format!("  next: {next}\n"));
        }
        if !self.decisions.is_empty() {
            text.apart(decision_table(&self.decisions, fit.level, fit.surface.loss_unit));
        }
        if let Some(ranking) = &self.ranking {
            text.apart(ranking_text(ranking));
        }
        if let Some(rollout) = &self.rollout {
            text.apart(rollout_text(rollout));
        }
        if let Some(groups) = &self.groups_left_out {
            text.apart(groups_text(groups));
        }
        if let Some(held) = &self.held_out {
            text.apart(held_out_text(held, fit.level));
        }
        text.apart(read_as(table));
        text
    }

    /// Coefficients, certificate and design.
    #[must_use]
    pub fn detail_text(&self) -> Text {
        let fit = &self.fit;
        let law = fit.surface.law().equation();
        let mut text = Text::from(format!("{law} by {}\n", objective_text(fit)));
        text.apart(fit_table(fit));
        text.apart(format!("{}, objective {:.12e}\n", certificate_text(fit), fit.objective_value));
        if let Some(count) = &fit.flop_count {
            text.push_str(&flop_count_text(count));
        }
        if !fit.minima.is_empty() {
            text.apart(minima_table(fit));
            text.push_str("\n");
        }
        if let Some(diagnostics) = &fit.diagnostics {
            text.push_str(&diagnostics_text(diagnostics));
        }
        if let Some(cost) = &fit.extrapolation {
            text.apart(extrapolation_text(cost, &fit.law));
        }
        if let Some(stack) = &fit.stack {
            text.push_str(&stack_text(stack));
        }
        if let Some(approaches) = &self.approaches {
            text.apart(approaches_table(approaches));
            text.push_str(&refusals_text(approaches));
        }
        text
    }
}

/// What the table was taken for, and what was left out of it.
fn read_as(table: &RunTable) -> String {
    let assumed: Vec<String> = table.assumptions.iter().map(ToString::to_string).collect();
    let mut text = format!("read as: {}\n", assumed.join("; "));
    text.push_str(&left_out_text(table));
    const SHOWN: usize = 20;
    for note in table.notes.iter().take(SHOWN) {
        text.push_str(&format!("note: {}: {}\n", note.run, note.note));
    }
    text
}
