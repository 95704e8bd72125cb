//! A study done, the page that shows it, and its files.

mod answer;
mod charts;
mod evidence;
mod files;
mod headline;
mod plans;
mod provenance;
mod scenarios;

pub use answer::{Planned, StudyCurve, StudyGain, StudyReport, StudyServing};
pub use files::ReportFile;
