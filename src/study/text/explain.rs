//! A model against the optimum as people read it.

use crate::report::{
    Text, continued_text, decomposition_text, explanation_intervals_text, explanation_text,
};
use crate::study::explain::{ExplainReport, Explained, Placed};

impl ExplainReport {
    /// The model, and where it lies under each law.
    #[must_use]
    pub fn text(&self) -> Text {
        let tokens =
            self.tokens.map_or_else(|| "an unpublished number of".to_owned(), |d| d.to_string());
        let note = self.record.as_ref().map_or_else(String::new, |r| {
            let active = if r.active { ", active parameters" } else { "" };
            format!("{active} ({}; {})", r.source, r.checked)
        });
        let mut text =
            format!("{}: {} parameters on {tokens} tokens{note}\n", self.model, self.params);
        for law in &self.laws {
            text.push('\n');
            match law {
                Explained::Placed(placed) => text.push_str(&placed_text(placed)),
                Explained::PastTheWall(split) => text.push_str(&decomposition_text(split)),
            }
        }
        text.into()
    }
}

fn placed_text(placed: &Placed) -> String {
    let mut text = String::new();
    if placed.tokens_assumed {
        let d = placed.explanation.model.d;
        text.push_str(&format!("if it has the loss of its reference, on {d} tokens:\n"));
    }
    text.push_str(&explanation_text(&placed.explanation));
    text.push_str(&explanation_intervals_text(&placed.intervals, placed.level));
    if let Some(continued) = &placed.continued {
        text.push_str(&continued_text(continued));
    }
    if let Some(split) = &placed.against {
        text.push_str(&decomposition_text(split));
    }
    text
}
