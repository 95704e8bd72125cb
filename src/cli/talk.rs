//! `isoloss talk`: every quantitative claim of the talk, with our numbers beside.

use super::output::Output;
use crate::error::Result;
use crate::report::{Text, findings_table, systems_table};
use crate::study::talk;

pub(super) fn run() -> Result<Output> {
    let report = talk()?;
    let mut text = Text::from(
        "Mensch, from Chinchilla to Mistral 7B: the claims of the talk, and our numbers\n",
    );
    for claim in &report.claims {
        let findings = claim.findings.iter();
        let findings = findings.map(|f| (f.by.as_str(), f.quantity.as_str(), f.text.as_str()));
        text.apart(format!("\"{}\"\n", claim.says));
        text.push(findings_table(findings));
        text.push_str(&format!(" -> {}\n", claim.verdict));
    }
    let systems = systems_table(report.systems.iter().map(|s| (s.said, &s.model)));
    text.apart(systems);
    Output::new(text, &report, Vec::new())
}
