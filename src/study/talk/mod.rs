//! Every quantitative claim of Mensch's talk "Chinchilla to Mistral 7B", checked with the laws and
//! facts on record.

#[cfg(feature = "report")]
mod chart;
mod claim;
mod compression;
mod growth;
mod quality;
mod record;
mod report;
mod serving;
#[cfg(test)]
mod tests;

pub use claim::{Claim, Finding};
pub use report::{System, TalkReport, talk};
