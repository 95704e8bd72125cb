//! `isoloss talk`: every quantitative claim of the talk, with our numbers beside.

use serde_json::json;

use super::output::Output;
use crate::error::Result;
use crate::plan::{talk, talk_systems};
use crate::report::Table;

pub(super) fn run() -> Result<Output> {
    let (claims, systems) = (talk()?, talk_systems()?);
    let mut text =
        "Mensch, from Chinchilla to Mistral 7B: what the talk says, and what comes out\n"
            .to_owned();
    for claim in &claims {
        text.push_str(&format!("\n\"{}\"\n", claim.says));
        let mut sheet = Table::new("", &["by", "quantity", "value"]);
        let mut last = "";
        for f in &claim.findings {
            // A law named once heads its lines.
            let by = if f.by == last { "" } else { f.by.as_str() };
            sheet.push([by, &f.quantity, &f.text]);
            last = &f.by;
        }
        text.push_str(&sheet.to_text());
        text.push_str(&format!(" -> {}\n", claim.verdict));
    }
    let columns = ["the talk says", "model", "year", "parameters", "tokens", "MMLU", "read"];
    let mut sheet = Table::new("\nsystems it names", &columns);
    for system in &systems {
        let m = &system.model;
        let unknown = || "not published".to_owned();
        let n = match (m.params, m.active_params) {
            (Some(n), Some(active)) => format!("{n} ({active} active)"),
            (Some(n), None) => n.to_string(),
            (None, _) => unknown(),
        };
        let score = m.mmlu_percent();
        sheet.push([
            system.said,
            &m.name,
            &m.year.to_string(),
            &n,
            &m.tokens.map_or_else(unknown, |d| d.to_string()),
            &score.map_or_else(unknown, |s| format!("{} % ({})", s.percent, s.checked)),
            &m.checked,
        ]);
    }
    text.push_str(&sheet.to_text());
    Output::new(text, &json!({ "claims": claims, "systems": systems }), Vec::new())
}
