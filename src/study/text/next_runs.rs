//! Runs to make next as people read them.

use crate::num::Interval;
use crate::report::{Style, Table, Text};
use crate::study::next_runs::{Decide, NextRunsAnswer, RunAgainst};
use crate::units::short_count;

impl NextRunsAnswer {
    /// What the runs would settle, the runs, and the one against a rival law.
    #[must_use]
    pub fn text(&self) -> Text {
        let mut text = Text::default();
        let today = format!(
            "the {} at {} FLOPs is {} ({})",
            self.decide,
            self.target,
            self.value_text(self.value),
            self.interval_text(&self.interval),
        );
        match self.runs.last() {
            Some(last) => {
                let cost: f64 = self.runs.iter().map(|run| run.c.get()).sum();
                let (count, runs) = match self.runs.len() {
                    1 => ("one".to_owned(), "run"),
                    n => (n.to_string(), "runs"),
                };
                let left = Style::Strong.mark(&format!("{:.0} %", 100.0 * last.left));
                text.paragraph(
                    &format!(
                        "{count} {runs} for {cost:.2e} FLOPs together leave {left} of the uncertainty of the {}",
                        self.decide
                    ),
                    2,
                );
                text.paragraph(
                    &format!(
                        "  today {today}; expected then: {}",
                        self.interval_text(&last.interval)
                    ),
                    4,
                );
            }
            None => {
                text.paragraph(
                    &format!(
                        "no run of up to {} FLOPs would change what is known by much; {today}",
                        self.afford
                    ),
                    2,
                );
            }
        }
        if self.beyond > 1e-3 {
            text.paragraph(
                &format!(
                    "  beyond its runs the law may be off by ±{:.0} % more, which only runs of more compute lower",
                    100.0 * self.beyond
                ),
                4,
            );
        }
        if !self.runs.is_empty() {
            text.apart(self.table());
            text.push_str(&format!(
                "weighed: {} runs of up to {} FLOPs; a run scatters by {:.2} % of its loss,\n  and the law is off by {:.2} % at a factor e below the budget of the decision\n",
                self.candidates,
                self.afford,
                100.0 * self.noise,
                100.0 * self.drift,
            ));
        }
        if let Some(against) = &self.against {
            text.apart(against.text(&self.law));
        }
        text
    }

    /// The runs as CSV: run, params, tokens, flops, predicted loss, and the share of the uncertainty left.
    #[must_use]
    pub fn csv(&self) -> String {
        let row = |(k, run): (usize, &crate::study::next_runs::NextRun)| {
            let (n, d, c) = (run.n.get(), run.d.get(), run.c.get());
            format!("next-{},{n},{d},{c},{},{}\n", k + 1, run.loss_nats, run.left)
        };
        let header = "run,params,tokens,flops,predicted_loss,left\n".to_owned();
        self.runs.iter().enumerate().map(row).fold(header, |text, row| text + &row)
    }

    fn table(&self) -> Table {
        let expected = match self.decide {
            Decide::Size => "N* expected within",
            Decide::Loss => "loss expected within",
        };
        let columns = ["", "N", "D", "D/N", "FLOPs", "loss (nats)", expected, "left"];
        let mut table = Table::new("", &columns);
        for (k, run) in self.runs.iter().enumerate() {
            table.push([
                &(k + 1).to_string(),
                &run.n.to_string(),
                &run.d.to_string(),
                &short_count(run.d / run.n),
                &run.c.to_string(),
                &format!("{:.4}", run.loss_nats),
                &self.interval_text(&run.interval),
                &format!("{:.0} %", 100.0 * run.left),
            ]);
        }
        table
    }

    fn value_text(&self, x: f64) -> String {
        match self.decide {
            Decide::Size => short_count(x),
            Decide::Loss => format!("{x:.4}"),
        }
    }

    fn interval_text(&self, i: &Interval) -> String {
        format!("{} to {}", self.value_text(i.lo), self.value_text(i.hi))
    }
}

impl RunAgainst {
    fn text(&self, law: &str) -> String {
        let seeds = match self.seeds {
            1 => "one run".to_owned(),
            n => format!("{n} seeds"),
        };
        format!(
            "to tell {law} from {}: {seeds} of {} parameters on {} tokens, {} FLOPs together\n  {:.4} nats under the first, {:.4} under the other; the right one is nearer {:.0} times in 100\n",
            self.rival,
            self.n,
            self.d,
            self.c,
            self.loss_nats,
            self.rival_nats,
            100.0 * self.probability
        )
    }
}
