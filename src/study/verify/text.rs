//! A plan and its test as people read them.

use super::judge::{PlanCheck, TestedRun};
use crate::report::{Text, predicted_runs_table, prediction_csv, prediction_table, verdict_lines};

impl PlanCheck {
    /// The runs that would test the plan; with runs, the verdict first, then each run beside its
    /// prediction.
    #[must_use]
    pub fn text(&self) -> Text {
        let Some(verdict) = &self.verdict else { return self.asked() };
        let mut text = verdict_lines(verdict);
        if let Some(error) = self.mean_abs_error {
            let inside = self.coverage.map_or(String::new(), |c| format!("; {c}"));
            let compared = self.runs.len();
            text.paragraph(
                &format!("{compared} runs compared: mean |error| {:.2} %{inside}", 100.0 * error),
                2,
            );
        }
        if let Some(test) = &self.allocation {
            text.paragraph(&format!("{test}"), 2);
        }
        for other in &self.others {
            let (law, verdict) = (&other.law, &other.verdict);
            text.paragraph(&format!("under {law}: {}: {}", verdict.outcome, verdict.reason), 2);
        }
        if !self.runs.is_empty() {
            let names: Vec<String> = self.runs.iter().map(name).collect();
            let rows = names.iter().zip(&self.runs).map(|(name, run)| (&**name, &run.predicted));
            let mut table = predicted_runs_table(rows, self.level);
            // Without their units, which the suffixes of the numbers imply, the columns fit a page.
            for (column, name) in [(1, "N"), (2, "D")] {
                name.clone_into(&mut table.columns[column]);
            }
            table.title = format!("under {}", self.law);
            text.apart(table);
        }
        if self.not_used > 0 {
            text.push_str(&format!(
                "{} runs lie in the range that was fitted, and test nothing\n",
                self.not_used
            ));
        }
        text
    }

    /// The runs that would test the plan.
    fn asked(&self) -> Text {
        let mut text = Text::default();
        let all: f64 = self.cells.iter().map(|cell| cell.flops.get()).sum();
        text.paragraph(
            &format!(
                "{} runs at {} FLOPs each test this plan, {:.2e} FLOPs together: does the loss come out as predicted, and is it lowest where the plan says?",
                self.cells.len(),
                self.flops,
                all
            ),
            2,
        );
        let rows = self.named();
        let rows = rows.iter().map(|(name, cell)| (&**name, &cell.prediction));
        text.apart(prediction_table(&self.law, self.level, rows));
        text
    }

    /// The cells as CSV: run, params, tokens, loss, its interval, and the factor outside the fitted runs.
    ///
    /// # Errors
    /// As [`prediction_csv`].
    pub fn csv(&self) -> crate::error::Result<String> {
        let rows = self.named();
        let rows = || rows.iter().map(|(name, cell)| (&**name, &cell.prediction));
        prediction_csv(rows(), &[], rows().map(|(name, _)| (name, &[][..])))
    }

    fn named(&self) -> Vec<(String, &super::PlanCell)> {
        self.cells.iter().map(|cell| (cell.role.to_string(), cell)).collect()
    }
}

/// What a run is called: the cell it stands for, else its own name.
fn name(run: &TestedRun) -> String {
    run.role.map_or_else(|| run.predicted.run.label(), |role| role.to_string())
}
