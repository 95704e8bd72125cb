//! Answers as people read them, whichever program asks.

mod curve;
mod explain;
mod fit;
mod gain;
mod lists;
mod next_runs;
mod predict;
mod serving;
mod survey;
mod tune;

pub use lists::{devices_text, laws_text, models_text};
pub use survey::survey_text;
