//! Predicted losses as people read them, and as rows.

use crate::error::Result;
use crate::report::{Text, extrapolation_text, prediction_csv, prediction_table, quantile_table};
use crate::study::predict::PredictReport;

impl PredictReport {
    /// The table, the quantiles asked for, and what extrapolation has cost where it is needed.
    #[must_use]
    pub fn text(&self) -> Text {
        let mut text = Text::from(prediction_table(&self.law, self.level, self.predictions()));
        if !self.quantiles.is_empty() {
            text.apart(quantile_table(&self.quantiles, self.quantile_rows()));
        }
        let beyond = self.rows.iter().any(|row| !row.prediction.outside.is_empty());
        if let Some(cost) = self.extrapolation.as_ref().filter(|_| beyond) {
            text.apart(extrapolation_text(cost, &self.family));
        }
        text
    }

    /// The rows as CSV.
    ///
    /// # Errors
    /// As [`prediction_csv`].
    pub fn csv(&self) -> Result<String> {
        prediction_csv(self.predictions(), &self.quantiles, self.quantile_rows())
    }

    fn quantile_rows(&self) -> impl Iterator<Item = (&str, &[f64])> {
        self.rows.iter().map(|row| (row.run.as_str(), row.quantiles.as_slice()))
    }

    fn predictions(&self) -> impl Iterator<Item = (&str, &crate::fit::Prediction)> {
        self.rows.iter().map(|row| (row.run.as_str(), &row.prediction))
    }
}
