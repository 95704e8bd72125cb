//! Curves and comparisons at one loss as people read them.

use crate::plan::{IsoLossCurve, tokens_for_loss};
use crate::report::{Text, comparison_table, curve_table, curve_text, family_table};
use crate::study::compare::CompareReport;
use crate::study::curve::CurveAnswer;

impl CurveAnswer {
    /// Each curve with its table, or the table of the family.
    #[must_use]
    pub fn text(&self) -> Text {
        if self.is_family {
            return self.family_text();
        }
        let mut text = Text::default();
        for (i, banded) in self.curves.iter().enumerate() {
            text.push_str(if i == 0 { "" } else { "\n" });
            text.push(curve_text(&banded.curve));
            text.apart(curve_table(&banded.curve));
        }
        text
    }

    fn family_text(&self) -> Text {
        let Some(law) = self.ensembles.first().map(|e| &e.best) else { return Text::default() };
        let title = format!("under {}: {}", law.label, self.cost.title);
        let overhead = |curve: &IsoLossCurve, share: f64| {
            let n = curve.optimum.n * share;
            let d = tokens_for_loss(law, n, curve.loss_nats).ok()?;
            Some(law.train_flops(n, d).get() / curve.optimum.train_flops.get() - 1.0)
        };
        let curves = self.curves.iter().map(|c| &c.curve);
        family_table(&title, curves, &self.axis(), overhead).into()
    }
}

impl CompareReport {
    /// A table for each law.
    #[must_use]
    pub fn text(&self) -> Text {
        let mut text = Text::default();
        for (i, comparison) in self.comparisons.iter().enumerate() {
            text.push_str(if i == 0 { "" } else { "\n" });
            text.push(comparison_table(comparison));
        }
        text
    }
}
