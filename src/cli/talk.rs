//! `isoloss talk`: every quantitative claim of the talk, with our numbers beside.

use super::output::Output;
use crate::error::Result;
use crate::report::{findings_table, systems_table};
use crate::study::talk;

pub(super) fn run() -> Result<Output> {
    let report = talk()?;
    let mut text =
        "Mensch, from Chinchilla to Mistral 7B: the claims of the talk, and our numbers\n"
            .to_owned();
    for claim in &report.claims {
        let findings = claim.findings.iter();
        let findings = findings.map(|f| (f.by.as_str(), f.quantity.as_str(), f.text.as_str()));
        let table = findings_table(findings).to_text();
        text.push_str(&format!("\n\"{}\"\n{table} -> {}\n", claim.says, claim.verdict));
    }
    let systems = systems_table(report.systems.iter().map(|s| (s.said, &s.model)));
    text.push_str(&format!("\n{}", systems.to_text()));
    Output::new(text, &report, Vec::new())
}
