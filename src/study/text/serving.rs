//! Memory, speed and price of serving as people read them.

use crate::report::{
    Text, serving_accuracy_text, serving_answer, serving_price_text, serving_table, serving_title,
};
use crate::study::serving::{ServingReport, ServingRequest};

impl ServingReport {
    /// The answer for each model, what it holds for, and a table each.
    #[must_use]
    pub fn text(&self, request: &ServingRequest) -> Text {
        let Self { device, devices, stored_bits, accuracy, models } = self;
        let mut text = Text::default();
        for served in models {
            text.push_str(&format!("{}\n", serving_answer(&served.model, &served.rows)));
        }
        let (read, written) = (request.request.prompt, request.request.answer);
        text.push_str(&format!(
            "\non {devices} x {device}, {stored_bits} bits per weight stored, {read} tokens in and {written} out\n"
        ));
        text.push_str(match (request.ideal, request.prefill_apart) {
            (true, _) => "the data sheet itself, prompts read apart\n",
            (false, true) => "prompts read on devices of their own\n",
            (false, false) => "prompts read in pieces beside decoding\n",
        });
        text.push_str(&format!("{}\n", serving_accuracy_text(accuracy)));
        for served in models {
            let title = serving_title(&served.model, served.params, served.active_params);
            text.apart(serving_table(&title, &served.rows));
            text.push_str(&serving_price_text(&served.rows));
        }
        text
    }
}
