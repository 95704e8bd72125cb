//! Laws of settings, and a forecast, as people read them.

use crate::data::CurveSet;
use crate::num::Interval;
use crate::report::{Table, Text, forecast_text, loss_curve_text, tuning_text};
use crate::study::forecast::ForecastReport;
use crate::study::tune::TuneReport;

/// Lines of what was left out that people see.
const SHOWN: usize = 10;

impl ForecastReport {
    /// The forecast, the curve so far, and what was left out.
    #[must_use]
    pub fn text(&self, set: &CurveSet, detail: bool) -> Text {
        let mut text = forecast_text(&self.forecast, detail);
        if let Some(curve) = set.curves.iter().find(|curve| curve.name == self.forecast.run) {
            text.apart(loss_curve_text(curve));
        }
        for line in self.left_out.iter().take(SHOWN) {
            text.push_str(&format!("left out {line}\n"));
        }
        if let Some(more) = self.left_out.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            text.push_str(&format!("and {more} more left out; the JSON has all\n"));
        }
        text
    }
}

impl TuneReport {
    /// Settings of the runs asked for, the laws, and how the sweep was read.
    #[must_use]
    pub fn text(&self) -> Text {
        let mut text = self.settings_text();
        text.push(tuning_text(&self.fit));
        text.push_str(&format!("read as: {}\n", self.read_as.join("; ")));
        for line in &self.skipped {
            text.push_str(&format!("left out {line}\n"));
        }
        text
    }

    fn settings_text(&self) -> Text {
        if self.settings.is_empty() {
            return Text::default();
        }
        let level = format!("{:.0} % interval", 100.0 * self.fit.level);
        let mut table = Table::new("", &["N", "D", "learning rate", &level, "batch", &level]);
        for run in &self.settings {
            let between = |interval: Option<Interval>| {
                interval.map_or("-".to_owned(), |i| format!("{:.2e} to {:.2e}", i.lo, i.hi))
            };
            table.push([
                &*run.params.to_string(),
                &run.tokens.to_string(),
                &format!("{:.2e}", run.lr),
                &between(run.lr_interval),
                &run.batch.map_or("-".to_owned(), |b| format!("{b:.2e}")),
                &between(run.batch_interval),
            ]);
        }
        let mut text = Text::from(table);
        text.push_str("\n");
        text
    }
}
