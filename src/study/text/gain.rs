//! Recipes compared as people read them.

use crate::fit::{Multiplier, Settling};
use crate::report::{Style, Table, Text, gain_text};
use crate::study::gain::{GainReport, GainsReport, Stack};
use crate::units::times;

impl GainsReport {
    /// Each comparison, and what single gains come to together.
    #[must_use]
    pub fn text(&self) -> Text {
        let mut text = Text::default();
        if let Some(stack) = &self.stack {
            text.push(stack.text());
            text.push_str("\n");
        }
        if self.gains.len() > 1 {
            self.gains.iter().for_each(|report| text.paragraph(&report.answer(), 2));
            text.push_str("\n");
        }
        for (k, report) in self.gains.iter().enumerate() {
            if k > 0 {
                text.push_str("\n");
            }
            text.push(report.text());
        }
        text
    }
}

impl GainReport {
    /// The verdict, with the number in bold.
    fn answer(&self) -> String {
        let Some(most) = self.gain.at_most() else { return self.verdict.clone() };
        let number = format!("{}x", times(most.multiplier));
        self.verdict.replacen(&number, &Style::Strong.mark(&number), 1)
    }

    /// The verdict, what it comes to in time and money, and the evidence.
    #[must_use]
    pub fn text(&self) -> Text {
        let mut text = Text::default();
        text.paragraph(&self.answer(), 2);
        if let Some(beyond) = self.beyond() {
            text.paragraph(&format!("  {beyond}"), 4);
        }
        if let (Some(ratio), Some(in_time)) = (self.throughput_ratio, &self.in_time) {
            text.paragraph(
                &format!("  at {ratio:.3} of the tokens/s it saves {} in time", said(in_time)),
                4,
            );
        }
        if let Some(in_money) = &self.in_money {
            text.paragraph(&format!("  and {} in money", said(in_money)), 4);
        }
        text.apart(gain_text(&self.gain));
        if let Some(next) = &self.gain.next {
            text.apart(settling_text(next));
        }
        text
    }

    /// What ends where the verdict ends.
    fn beyond(&self) -> Option<String> {
        let most = self.gain.at_most()?;
        let first = self.gain.believed()?.budgets.first()?;
        let course = match first.multiplier / most.multiplier {
            r if r < 0.9 => {
                format!("; it grows, from {}x at {}", times(first.multiplier), first.flops)
            }
            r if r > 1.1 => {
                format!("; it shrinks, from {}x at {}", times(first.multiplier), first.flops)
            }
            _ => String::new(),
        };
        Some(format!(
            "there {} takes {} FLOPs{course}. Beyond it nothing is known",
            self.gain.a, most.a_flops
        ))
    }
}

/// The runs that would tell more.
fn settling_text(next: &Settling) -> Text {
    let mut text = Text::default();
    if let Some(times) = next.times_the_runs {
        let many = if times < 1e4 { format!("{:.0}", times.ceil()) } else { "10000".to_owned() };
        text.paragraph(
            &format!("to tell it from none takes about {many} times as many runs of each budget"),
            2,
        );
    }
    if next.runs.is_empty() {
        return text;
    }
    text.paragraph(
        &format!(
            "to know it at {} FLOPs, the runs that are missing cost {} FLOPs:",
            next.flops, next.cost
        ),
        2,
    );
    let mut table = Table::new("", &["recipe", "N", "D", "C"]);
    for run in &next.runs {
        table.push([
            &*run.recipe,
            &run.params.to_string(),
            &run.tokens.to_string(),
            &run.flops.to_string(),
        ]);
    }
    text.push(table);
    text
}

fn said(m: &Multiplier) -> String {
    let interval =
        m.interval.map_or(String::new(), |i| format!(" ({} to {})", times(i.lo), times(i.hi)));
    format!("{}x{interval}", times(m.multiplier))
}

impl Stack {
    fn text(&self) -> Text {
        let between = |interval: Option<crate::num::Interval>| {
            interval.map_or("-".to_owned(), |i| format!("{} to {}", times(i.lo), times(i.hi)))
        };
        let apart = self.kept_interval.is_some_and(|i| !i.contains(1.0));
        let verdict = match (apart, self.kept < 1.0) {
            (false, _) => "the gains stack: together they give what their product says",
            (true, true) => "the gains do not stack: together they give less than their product",
            (true, false) => {
                "the gains reinforce each other: together they give more than their product"
            }
        };
        let mut text = Text::default();
        text.paragraph(verdict, 2);
        let mut table =
            Table::new(format!("at {} FLOPs", self.flops), &["change", "saves", "interval"]);
        for (name, gain) in &self.singles {
            table.push([&**name, &format!("{}x", times(*gain)), "-"]);
        }
        let row = |gain: f64| format!("{}x", times(gain));
        table.push(["their product", &row(self.product), &between(self.product_interval)]);
        table.push(["all together", &row(self.joint), &between(self.joint_interval)]);
        table.push(["joint over product", &row(self.kept), &between(self.kept_interval)]);
        text.push(table);
        text
    }
}
